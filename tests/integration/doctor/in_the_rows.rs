//! Rows that disagree with each other.

use super::{Shown, photo, planted};
use pfp_tests::system::TestSystem;

const OTHER: &str = "pictures/00000000000000000000000000000000.png";

planted! {
    unshown_picture: async |system: &TestSystem, shown: &Shown| {
            system.storage.put_staged(OTHER, vec!["an old one".into()]).await.unwrap();
            let sql = format!("UPDATE uploads SET picture_key = '{OTHER}' WHERE id = '{}'", shown.replaced);
            system.database.run(&sql).await;
        },
        is_as_before;
    shown_upload: async |system: &TestSystem, shown: &Shown| {
            let sql = format!("UPDATE users SET picture_upload_id = '{}' WHERE id = 'ada';
                UPDATE uploads SET picture_key = NULL WHERE user_id = 'bob'", shown.replaced);
            system.database.run(&sql).await;
        },
        is_as_before;
    generation_too_low: async |system: &TestSystem, _: &Shown| {
            system.database.run("UPDATE users SET picture_generation = 1 WHERE id = 'ada'").await;
        },
        is_as_before;
    url_not_of_key: async |system: &TestSystem, _: &Shown| {
            system.database.run("UPDATE users SET profile_picture_url = 'http://elsewhere.example/' WHERE id = 'ada';
                UPDATE users SET profile_picture_url = NULL WHERE id = 'bob';
                UPDATE users SET profile_picture_url = 'http://elsewhere.example/' WHERE id = 'carl'").await;
        },
        is_as_before;
    sequence_behind: async |system: &TestSystem, _: &Shown| {
            system.database.run("SELECT setval('picture_generations', 1)").await;
        },
        is_accepted_above;
    named_deletion: async |system: &TestSystem, shown: &Shown| {
            system.database.run(&format!(
                "INSERT INTO object_deletions (object_key) VALUES ('{}');
                 INSERT INTO object_deletions (object_key) SELECT 'staging/' || id FROM uploads WHERE user_id = 'carl'",
                shown.key
            )).await;
        },
        is_as_before;
}

async fn is_as_before(system: &TestSystem, shown: &Shown) {
    assert_eq!(system.objects().await.len(), 3, "two pictures and what waits");
    for user in ["ada", "bob"] {
        assert!(!system.client(user).picture().await.is_empty());
        let upload = &system.client(user).get("/user/uploads?limit=1").await.json()["uploads"][0];
        assert_eq!(upload["picture_url"], system.client(user).me().await["profile_picture_url"]);
    }
    let sql = format!(
        "SELECT count(*) FROM users WHERE id = 'ada' AND picture_upload_id = '{}' AND picture_generation = 2
             AND picture_key = '{}' AND profile_picture_url = '{}/' || picture_key",
        shown.id, shown.key, system.settings["PFP_PUBLIC_URL"]
    );
    assert_eq!(system.database.count(&sql).await, 1);
    let wrong = "SELECT count(*) FROM users WHERE (picture_key IS NULL) <> (profile_picture_url IS NULL)";
    assert_eq!(system.database.count(wrong).await, 0);
}

async fn is_accepted_above(system: &TestSystem, _: &Shown) {
    system.client("ada").accepted(photo()).await;
    let sql = "SELECT count(*) FROM uploads WHERE generation <= 4";
    assert_eq!(system.database.count(sql).await, 4, "the new one is above all of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_repair_uncovers_is_repaired_too() {
    let (system, shown) = super::quiet_system().await;
    // The shown upload names another picture: that is taken from it, and then it gets back what its user shows.
    system
        .database
        .run(&format!("UPDATE uploads SET picture_key = '{OTHER}' WHERE id = '{}'", shown.id))
        .await;
    let (_, found) = super::doctor(&system, &[]);
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["shown_upload", "unshown_picture"]);
    let (ended_well, found) = super::doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    is_as_before(&system, &shown).await;
    system.stop().await;
}
