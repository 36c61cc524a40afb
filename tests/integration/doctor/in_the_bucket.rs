//! Objects that no row names, and rows whose objects are missing or damaged.

use super::{Shown, planted};
use pfp_tests::{bucket, system::TestSystem};
use serde_json::Value;

const NOBODYS: &str = "pictures/00000000000000000000000000000000.png";

planted! {
    orphan_picture: async |system: &TestSystem, _: &Shown| put(system, NOBODYS, "nobody's").await,
        is_gone;
    orphan_staged: async |system: &TestSystem, _: &Shown| {
            put(system, &format!("staging/{}", uuid::Uuid::now_v7()), "nobody's").await;
        },
        is_gone;
    staged_of_final: async |system: &TestSystem, shown: &Shown| {
            put(system, &format!("staging/{}", shown.id), "still there").await;
        },
        is_gone;
    strange_object: async |system: &TestSystem, _: &Shown| {
            put(system, "pictures/notes.txt", "whose?").await;
            put(system, "staging/{0192}", "whose?").await;
        },
        is_gone;
    dangling_picture: async |system: &TestSystem, shown: &Shown| {
            assert!(system.storage.delete(std::slice::from_ref(&shown.key)).await.is_empty());
        },
        shows_nothing;
    empty_picture: async |system: &TestSystem, shown: &Shown| put(system, &shown.key, "").await,
        shows_nothing;
    staged_missing: async |system: &TestSystem, _: &Shown| {
            assert!(system.storage.delete(&[carls(system).await]).await.is_empty());
        },
        is_failed;
    staged_size: async |system: &TestSystem, _: &Shown| put(system, &carls(system).await, "half").await,
        is_failed;
    staging_rule: async |system: &TestSystem, _: &Shown| bucket::set_lifecycle(&system.settings, "").await,
        async |system: &TestSystem, _: &Shown| {
            assert!(bucket::lifecycle(&system.settings).await.contains("<ID>pfp-staging</ID>"));
        };
}

async fn put(system: &TestSystem, key: &str, content: &'static str) {
    system.storage.put_staged(key, vec![content.into()]).await.unwrap();
}

async fn carls(system: &TestSystem) -> String {
    let sql = "SELECT 'staging/' || id FROM uploads WHERE user_id = 'carl'";
    system.database.rows(sql, &[]).await[0].get(0)
}

async fn is_gone(system: &TestSystem, shown: &Shown) {
    assert_eq!(system.objects().await.len(), 3, "two pictures and what waits");
    assert!(system.objects().await.contains(&shown.key));
}

async fn shows_nothing(system: &TestSystem, shown: &Shown) {
    let ada = system.client("ada");
    assert_eq!(ada.me().await["profile_picture_url"], Value::Null);
    let upload = ada.get(&format!("/user/uploads/{}", shown.id)).await.json();
    assert_eq!((&upload["status"], &upload["picture_url"]), (&"succeeded".into(), &Value::Null));
    assert!(!system.client("bob").picture().await.is_empty(), "others keep theirs");
    let before = "SELECT picture_generation FROM users WHERE id = 'ada'";
    assert_eq!(system.database.count(before).await, 2, "what was accepted before doesn't come back");
}

async fn is_failed(system: &TestSystem, _: &Shown) {
    let carl = system.client("carl");
    let uploads = carl.get("/user/uploads").await.json();
    let upload = &uploads["uploads"][0];
    assert_eq!((&upload["status"], &upload["failure"]["code"]), (&"failed".into(), &"storage_error".into()));
    let id = upload["id"].as_str().unwrap();
    let replayed = system.worker_command(&["dead", "replay", id]);
    assert!(!replayed.status.success(), "there is nothing to work on");
    assert_eq!(carl.get(&format!("/user/uploads/{id}")).await.json()["status"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_whose_bytes_are_gone_is_told_once_and_then_known() {
    let (system, _) = super::quiet_system().await;
    let failure = r#"{"code": "attempts_exhausted", "detail": "All attempts failed."}"#;
    system
        .database
        .run(&format!(
            "UPDATE uploads SET status = 'processing', claim_token = gen_random_uuid(), lease_until = now()
                 WHERE user_id = 'carl';
             UPDATE uploads SET status = 'failed', claim_token = NULL, lease_until = NULL, finished_at = now(),
                 failure = '{failure}' WHERE user_id = 'carl'"
        ))
        .await;
    assert_eq!(super::clean(&system).into_keys().collect::<Vec<_>>(), ["failed_upload"]);
    assert!(system.storage.delete(&[carls(&system).await]).await.is_empty());
    let (ended_well, found) = super::doctor(&system, &["--repair"]);
    assert!(ended_well, "{found:?}");
    let code = "SELECT failure->>'code' FROM uploads WHERE user_id = 'carl'";
    assert_eq!(system.database.rows(code, &[]).await[0].get::<_, String>(0), "storage_error");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_another_spelling_of_an_uploads_id_is_not_its_staged_object() {
    let (system, _) = super::quiet_system().await;
    let key = carls(&system).await;
    put(&system, &format!("staging/{}", key.trim_start_matches("staging/").to_uppercase()), "whose?").await;
    super::is_found_and_repaired(&system, "strange_object").await;
    assert!(system.objects().await.contains(&key));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_worker_holds_is_left_to_it_whatever_is_missing() {
    let (system, _) = super::quiet_system().await;
    system
        .database
        .run(
            "UPDATE uploads SET status = 'processing', claim_token = gen_random_uuid(), attempts = 1,
                 lease_until = now() + interval '1 hour' WHERE user_id = 'carl'",
        )
        .await;
    assert!(system.storage.delete(&[carls(&system).await]).await.is_empty());
    let (ended_well, found) = super::doctor(&system, &["--repair"]);
    assert_eq!((ended_well, found), (false, [("staged_missing".to_owned(), 1)].into()));
    let held = "SELECT count(*) FROM uploads WHERE status = 'processing' AND attempts = 1";
    assert_eq!(system.database.count(held).await, 1);
    system.stop().await;
}
