//! What the system gave up on: shown, tried again, and let go of.

use crate::doctor::photo;
use pfp_shared::{job::Job, upload::UploadId};
use pfp_tests::{
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;

/// An upload of this user that the system gave up on, as a worker leaves one: its id.
async fn failed(system: &TestSystem, user: &str) -> String {
    system.apis[0].publishes().await;
    let location = system.client(user).accepted(photo()).await;
    let id = location.rsplit('/').next().unwrap().to_owned();
    let failure = r#"{"code": "attempts_exhausted", "detail": "All 5 attempts failed."}"#;
    system
        .database
        .run(&format!(
            "UPDATE uploads SET status = 'processing', claim_token = gen_random_uuid(), lease_until = now()
                 WHERE id = '{id}';
             UPDATE uploads SET status = 'failed', claim_token = NULL, lease_until = NULL, finished_at = now(),
                 failure = '{failure}', attempts = 5, claims = 7, run_alone = true WHERE id = '{id}'"
        ))
        .await;
    id
}

fn dead(system: &TestSystem, arguments: &[&str]) -> (bool, String) {
    let told = tokio::task::block_in_place(|| system.worker_command(&[&["dead"], arguments].concat()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // The log is for other eyes.
    let errors =
        text(&told.stderr).lines().filter(|line| line.starts_with("pfp-worker: ")).collect::<String>();
    (told.status.success(), text(&told.stdout) + &errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_uploads_are_listed_newest_first_page_by_page() {
    let system = Setup::new().workers(0).start().await;
    let mut ids = Vec::new();
    for user in ["ada", "bob", "carl"] {
        ids.push(failed(&system, user).await);
    }
    ids.reverse();
    let (ended_well, whole) = dead(&system, &["list"]);
    assert!(ended_well && whole.starts_with("3 failed uploads\n"), "{whole}");
    let line = whole.lines().nth(1).unwrap();
    assert!(line.starts_with(&ids[0]), "{whole}");
    assert!(line.ends_with("user carl  5 attempts  attempts_exhausted: All 5 attempts failed."), "{whole}");
    let (mut seen, mut after) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (_, told) = dead(&system, &[&["list", "--json", "--limit", "1"][..], &after].concat());
        let upload: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
        seen.push(upload["id"].as_str().unwrap().to_owned());
        after = vec!["--after", ids[seen.len() - 1].as_str()];
    }
    assert_eq!(seen, ids);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_about_a_failed_upload_is_shown_but_its_token() {
    let system = Setup::new().workers(0).start().await;
    let id = failed(&system, "ada").await;
    let (ended_well, told) = dead(&system, &["show", &id]);
    assert!(ended_well, "{told}");
    let staged = format!("staging/{id}: {} bytes", photo().len());
    for line in [&format!("id: {id}"), "user_id: ada", "status: failed", "attempts: 5", "claims: 7", &staged]
    {
        assert!(told.lines().any(|shown| shown == line), "{line}: {told}");
    }
    assert!(told.contains("attempts_exhausted") && !told.contains("claim_token"), "{told}");
    assert!(system.storage.delete(&[format!("staging/{id}")]).await.is_empty());
    assert!(dead(&system, &["show", &id]).1.contains("not in the storage"));
    let (ended_well, told) = dead(&system, &["show", &uuid::Uuid::now_v7().to_string()]);
    assert!(!ended_well && told.contains("there is no upload"), "{told}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_upload_has_all_its_attempts_again_and_is_done() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let id = failed(&system, "ada").await;
    let location = format!("/user/uploads/{id}");
    let generation = format!("SELECT generation FROM uploads WHERE id = '{id}'");
    let before = (ada.get(&location).await.json(), system.database.count(&generation).await);
    assert_eq!(before.0["status"], "failed");
    let (ended_well, told) = dead(&system, &["replay", &id]);
    assert!(ended_well && told.starts_with("1 uploads queued again"), "{told}");
    let queued = ada.get(&location).await.json();
    assert_eq!((&queued["status"], &queued["attempts"]), (&"queued".into(), &0.into()));
    assert_eq!((&queued["failure"], &queued["finished_at"]), (&Value::Null, &Value::Null));
    assert_eq!(queued["created_at"], before.0["created_at"]);
    // The message of its first try, and the one of the replay.
    until("it is published at once", PATIENCE, async || (system.jobs_queue() == Some((2, 0))).then_some(()))
        .await;
    system.start_worker();
    system.ready().await;
    let done = ada.finished(&location).await;
    assert_eq!((&done["status"], &done["attempts"]), (&"succeeded".into(), &1.into()), "{done}");
    assert_eq!(system.database.count(&generation).await, before.1);
    let (ended_well, told) = dead(&system, &["replay", &id]);
    assert!(!ended_well && told.contains("only what is failed can be replayed"), "{told}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_upload_that_is_replayed_doesnt_take_the_place_of_a_newer_picture() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let id = failed(&system, "ada").await;
    system.start_worker();
    system.ready().await;
    let newer = ada.upload_and_wait(photo()).await;
    assert!(dead(&system, &["replay", "--all"]).0);
    let done = ada.finished(&format!("/user/uploads/{id}")).await;
    assert_eq!(done["status"], "superseded");
    assert_eq!(ada.me().await["profile_picture_url"], newer["picture_url"]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_are_replayed_but_those_whose_bytes_are_gone() {
    let mut system = Setup::new().workers(0).start().await;
    let mut ids = Vec::new();
    for user in ["ada", "bob", "carl", "dora"] {
        ids.push(failed(&system, user).await);
    }
    assert!(system.storage.delete(&[format!("staging/{}", ids[1])]).await.is_empty());
    system.storage.put_staged(&format!("staging/{}", ids[2]), vec!["half".into()]).await.unwrap();
    let (ended_well, told) = dead(&system, &["replay", "--all"]);
    assert!(!ended_well, "two stay: {told}");
    assert!(told.contains(&format!("{}: its file is gone", ids[1])), "{told}");
    assert!(told.contains(&format!("{}: damaged", ids[2])), "{told}");
    assert!(told.contains("2 uploads queued again, 0 messages sent again, 2 left as they were"), "{told}");
    system.start_worker();
    system.ready().await;
    for (user, id, status) in
        [("ada", 0, "succeeded"), ("bob", 1, "failed"), ("carl", 2, "failed"), ("dora", 3, "succeeded")]
    {
        let upload = system.client(user).finished(&format!("/user/uploads/{}", ids[id])).await;
        assert_eq!(upload["status"], status, "{user}");
    }
    system.database.run("DELETE FROM uploads WHERE status = 'failed'").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_an_upload_hears_of_its_replay() {
    let mut system = Setup::new().workers(0).start().await;
    let id = failed(&system, "ada").await;
    let revision = format!("SELECT revision FROM uploads WHERE id = '{id}'");
    let before = system.database.count(&revision).await;
    system.start_worker();
    system.ready().await;
    assert!(dead(&system, &["replay", &id]).0);
    let waited = system.client("ada").get(&format!("/user/uploads/{id}?wait=30")).await;
    assert_eq!(waited.json()["status"], "succeeded");
    assert!(system.database.count(&revision).await > before, "its ETag is another");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cant_be_read_are_shown_as_often_as_wanted_and_discarded() {
    let system = Setup::new().workers(0).start().await;
    system.set_aside(b"junk\x1b[1m").await;
    system.set_aside(b"other junk").await;
    let mut first = String::new();
    for _ in 0..3 {
        let (ended_well, told) = dead(&system, &["list"]);
        assert!(ended_well && told.contains("2 messages that couldn't be read"), "{told}");
        let line =
            told.lines().find(|line| line.ends_with(r#"8 bytes  "junk\x1b[1m""#)).expect("a line of it");
        first = line.split_whitespace().next().unwrap().to_owned();
    }
    let (ended_well, told) = dead(&system, &["show", &first]);
    assert!(ended_well && told.contains("bytes: 8"), "{told}");
    let (ended_well, told) = dead(&system, &["replay", "--all"]);
    assert!(!ended_well && told.contains(&format!("dead discard {first}")), "{told}");
    let (ended_well, told) = dead(&system, &["discard", &first]);
    assert!(ended_well && told == "1 messages discarded, 1 left\n", "{told}");
    let (ended_well, told) = dead(&system, &["discard", &first]);
    assert!(!ended_well && told == "0 messages discarded, 1 left\n", "{told}");
    let (ended_well, told) = dead(&system, &["discard", "--all"]);
    assert!(ended_well && told == "1 messages discarded, 0 left\n", "{told}");
    assert!(dead(&system, &["list"]).1.contains("0 messages that couldn't be read"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_be_read_after_all_is_sent_again() {
    let system = Setup::new().start().await;
    let id: UploadId = uuid::Uuid::now_v7().to_string().parse().unwrap();
    system.set_aside(&Job::new(id).encode()).await;
    let (ended_well, told) = dead(&system, &["replay", "--all"]);
    assert!(ended_well && told.contains("0 uploads queued again, 1 messages sent again, 0 left"), "{told}");
    until("a worker has seen it", PATIENCE, async || {
        system.workers[0].metrics().await.contains("pfp_jobs_total{outcome=\"stale\"} 1").then_some(())
    })
    .await;
    assert!(dead(&system, &["list"]).1.contains("0 messages that couldn't be read"));
    system.finish().await;
}
