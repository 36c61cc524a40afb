//! Much at once: page by page, and the alarm.

use super::{clean, doctor, quiet_system};
use pfp_tests::system::TestSystem;
use serde_json::Value;

/// So many users who each show a picture that isn't there.
async fn plant_dangling(system: &TestSystem, count: u32) {
    let url = &system.settings["PFP_PUBLIC_URL"];
    let sql = format!(
        "INSERT INTO users (id, picture_key, profile_picture_url, picture_generation)
         SELECT 'user-' || number, key, '{url}/' || key, 1 FROM generate_series(1, {count}) AS number,
             LATERAL (SELECT 'pictures/' || md5(number::text) || '.jpg' AS key) AS keys"
    );
    system.database.run(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_raise_an_alarm_and_stay_until_forced() {
    let (system, _) = quiet_system().await;
    plant_dangling(&system, 101).await;
    let orphan = "pictures/00000000000000000000000000000000.png";
    system.storage.put_staged(orphan, vec!["nobody's".into()]).await.unwrap();
    let repaired = system.worker_command(&["doctor", "--repair"]);
    let told = String::from_utf8_lossy(&repaired.stderr);
    assert!(!repaired.status.success());
    assert!(told.contains("too many to be repaired before somebody has looked"), "{told}");
    let shown = "SELECT count(*) FROM users WHERE picture_key IS NOT NULL";
    assert_eq!(system.database.count(shown).await, 103, "none of them was repaired");
    assert!(!system.objects().await.contains(&orphan.to_owned()), "what is few was");
    let (ended_well, found) = doctor(&system, &["--repair", "--force"]);
    assert!(ended_well, "{found:?}");
    assert_eq!(system.database.count(shown).await, 2);
    assert_eq!(clean(&system).len(), 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_are_repaired_without_an_alarm_and_told_twenty_at_most() {
    let (system, _) = quiet_system().await;
    plant_dangling(&system, 100).await;
    let told = |arguments: &[&str]| {
        let told = system.worker_command(&[&["doctor"], arguments].concat());
        String::from_utf8_lossy(&told.stdout).into_owned()
    };
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("dangling_picture  user ")).count();
    let short = told(&[]);
    assert_eq!(lines(&short), 20, "{short}");
    assert!(short.contains("dangling_picture  and 80 more"), "{short}");
    assert!(short.contains("103 users"), "{short}");
    assert_eq!(lines(&told(&["--all"])), 100);
    let (ended_well, found) = doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_find_the_same() {
    let (system, _) = quiet_system().await;
    plant_dangling(&system, 7).await;
    for number in 0..9 {
        let key = format!("pictures/{number:032x}.png");
        system.storage.put_staged(&key, vec!["nobody's".into()]).await.unwrap();
        let key = format!("staging/{}", uuid::Uuid::new_v4());
        system.storage.put_staged(&key, vec!["nobody's".into()]).await.unwrap();
    }
    let mut compared = Vec::new();
    for page in ["1", "2", "3", "1000"] {
        let told = system.worker_command(&["doctor", "--json", "--page", page]);
        let out = String::from_utf8_lossy(&told.stdout);
        compared.push(serde_json::from_str::<Value>(out.lines().last().unwrap()).unwrap());
    }
    assert!(compared.iter().all(|summary| *summary == compared[0]), "{compared:?}");
    let found = &compared[0]["found"];
    assert_eq!(
        (&found["dangling_picture"], &found["orphan_picture"], &found["orphan_staged"]),
        (&7.into(), &9.into(), &9.into())
    );
    assert_eq!(
        (&compared[0]["users"], &compared[0]["uploads"], &compared[0]["objects"]),
        (&10.into(), &4.into(), &21.into())
    );
    let (ended_well, found) = doctor(&system, &["--repair", "--page", "2"]);
    assert!(ended_well, "{found:?}");
    assert_eq!(system.objects().await, system.named_objects().await);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_rewritten_after_the_public_url_has_changed_however_many_they_are() {
    let (mut system, _) = quiet_system().await;
    system.database.run("INSERT INTO users (id) SELECT 'user-' || n FROM generate_series(1, 300) AS n").await;
    system.settings.insert("PFP_PUBLIC_URL".to_owned(), "https://new.example/img/".to_owned());
    let (ended_well, found) = doctor(&system, &[]);
    assert_eq!((ended_well, found.get("url_not_of_key")), (false, Some(&2)));
    let (ended_well, found) = doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    let right =
        "SELECT count(*) FROM users WHERE profile_picture_url = 'https://new.example/img/' || picture_key";
    assert_eq!(system.database.count(right).await, 2);
    system.stop().await;
}
