//! Users who take everything back, and what that meets half-way.

use super::{delete, held, photo, with_a_held_worker};
use pfp_tests::{
    chaos_store::{Fault, Operation},
    pictures,
    raw::{Raw, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;

/// Until everything that was listed was deleted, or wasn't there: what comes to the bucket after that has to be listed
/// by whoever put it.
async fn nothing_is_listed(system: &TestSystem) {
    until("what was listed is deleted", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM object_deletions").await == 0).then_some(())
    })
    .await;
}

async fn is_empty(system: &TestSystem) {
    system.quiet().await;
    assert!(system.objects().await.is_empty(), "{:?}", system.objects().await);
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_user_leaves_nothing_and_may_come_back() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let first = ada.upload_and_wait(photo()).await;
    for _ in 0..2 {
        let erased = delete(&ada, "/user/me").await;
        assert_eq!((erased.status.as_u16(), erased.bytes.len()), (204, 0));
    }
    is_empty(&system).await;
    assert_eq!(system.database.count("SELECT count(*) FROM users").await, 0);
    assert_eq!(ada.me().await["created_at"], Value::Null);
    let gone = ada.get(&format!("/user/uploads/{}", first["id"].as_str().unwrap())).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "upload_not_found"));
    ada.upload_and_wait(photo()).await;
    assert!(!ada.picture().await.is_empty());
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_oneself_allows_no_more_uploads_a_minute_and_is_forgotten_soon() {
    for users in ["create", "require"] {
        let setup = Setup::new().workers(0).set("PFP_USERS", users).set("PFP_RATE_UPLOADS_PER_MINUTE", "2");
        let mut system = setup.start().await;
        if users == "require" {
            system.database.run("INSERT INTO users (id) VALUES ('ada')").await;
        }
        let ada = system.client("ada");
        for _ in 0..2 {
            ada.accepted(photo()).await;
        }
        for _ in 0..2 {
            assert_eq!(delete(&ada, "/user/me").await.status, 204);
            assert_eq!(ada.upload(photo()).await.code(), "rate_limited", "{users}");
        }
        assert_eq!(delete(&ada, "/user/me").await.status, 204);
        let kept = "SELECT count(*) FROM erased_users";
        assert_eq!(system.database.count(kept).await, i64::from(users == "create"));
        let named = "SELECT count(*) FROM erased_users WHERE erased_users::text LIKE '%ada%'";
        assert_eq!(system.database.count(named).await, 0);
        system.database.run("UPDATE erased_users SET erased_at = now() - interval '3 minutes'").await;
        system.start_worker();
        system.ready().await;
        until("it is forgotten", PATIENCE, async || (system.database.count(kept).await == 0).then_some(()))
            .await;
        system.finish().await;
    }
}

/// So many uploads of ada's that were rejected.
async fn rejected_before(system: &TestSystem, count: u32) {
    let sql = format!(
        "INSERT INTO uploads (id, user_id, status, generation, size_bytes, content_type, failure, finished_at)
            SELECT gen_random_uuid(), 'ada', 'rejected', nextval('picture_generations'), 1, 'image/png',
                '{{\"code\": \"picture_corrupt\", \"detail\": \"\"}}', now() FROM generate_series(1, {count})"
    );
    system.database.run(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_uploads_of_years_is_erased() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    ada.accepted(photo()).await;
    rejected_before(&system, 2500).await;
    assert_eq!(delete(&ada, "/user/me").await.status, 204);
    let left = "SELECT (SELECT count(*) FROM uploads) + (SELECT count(*) FROM users)";
    assert_eq!(system.database.count(left).await, 0);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_erases_a_user_holds_no_upload_while_waiting_for_another() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    system.database.run("INSERT INTO users (id) VALUES ('ada')").await;
    rejected_before(&system, 9).await;
    system
        .database
        .run("BEGIN; SELECT id FROM uploads WHERE generation = (SELECT max(generation) FROM uploads) FOR UPDATE")
        .await;
    let erasing = tokio::spawn(async move { delete(&ada, "/user/me").await.status });
    // As another who erases her, and has that one: it waits for none of the others, or both would wait for ever.
    until("all but that are gone", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads").await == 1).then_some(())
    })
    .await;
    system.database.run("COMMIT").await;
    assert_eq!(erasing.await.unwrap(), 204);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_31_a_job_that_runs_while_its_user_is_erased_leaves_nothing() {
    let (system, store) = with_a_held_worker(Setup::new()).await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    held(&store, 1).await;
    assert_eq!(delete(&ada, "/user/me").await.status, 204);
    assert_eq!(ada.get(&location).await.status, 404);
    nothing_is_listed(&system).await;
    store.heal();
    system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"} 1").await;
    is_empty(&system).await;
    assert_eq!(ada.me().await["profile_picture_url"], Value::Null);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_31_a_job_that_runs_while_an_operator_deletes_its_user_leaves_nothing() {
    let (system, store) = with_a_held_worker(Setup::new()).await;
    system.client("ada").accepted(photo()).await;
    held(&store, 1).await;
    system.database.run("DELETE FROM users WHERE id = 'ada'").await;
    nothing_is_listed(&system).await;
    store.heal();
    system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"} 1").await;
    is_empty(&system).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_31_a_job_from_before_an_erasure_takes_nothing_from_a_user_who_came_back() {
    let (system, store) = with_a_held_worker(Setup::new()).await;
    let ada = system.client("ada");
    ada.accepted(pictures::bytes("bench-4mb.jpg")).await;
    held(&store, 1).await;
    assert_eq!(delete(&ada, "/user/me").await.status, 204);
    let back = ada.accepted(photo()).await;
    held(&store, 2).await;
    store.heal();
    let upload = ada.finished(&back).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.quiet().await;
    assert_eq!(ada.me().await["profile_picture_url"], upload["picture_url"]);
    assert_eq!(system.objects().await.len(), 1);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_being_received_while_its_user_is_erased_is_not_accepted() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let file = photo();
    let length = file.len().to_string();
    let head = upload_head(&ada, &[("Content-Type", "image/jpeg"), ("Content-Length", &length)]);
    let (first, rest) = file.split_at(file.len() / 2);
    let mut upload = Raw::sending(&system.apis[0].address, &[&head, first].concat()).await;
    until("the upload is reserved", PATIENCE, async || {
        let receiving = "SELECT count(*) FROM uploads WHERE status = 'receiving'";
        (system.database.count(receiving).await == 1).then_some(())
    })
    .await;
    assert_eq!(delete(&ada, "/user/me").await.status, 204);
    nothing_is_listed(&system).await;
    // It may be told before all is sent.
    let _ = upload.try_send(rest).await;
    let answer = upload.answer().await;
    assert_eq!(answer.status, 503);
    is_empty(&system).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_another_system_owns_the_users_an_erasure_empties_the_row_and_keeps_it() {
    let (system, store) = with_a_held_worker(Setup::new().set("PFP_USERS", "require")).await;
    let ada = system.client("ada");
    for path in ["/user/profile-picture", "/user/me"] {
        let unknown = delete(&ada, path).await;
        let expected = if path == "/user/me" { 204 } else { 404 };
        assert_eq!(unknown.status, expected, "{path}");
    }
    system.database.run("INSERT INTO users (id) VALUES ('ada')").await;
    store.heal();
    ada.upload_and_wait(photo()).await;
    store.break_all(Operation::Put, "pictures/", Fault::Hang);
    ada.accepted(photo()).await;
    held(&store, 1).await;
    assert_eq!(delete(&ada, "/user/me").await.status, 204);
    store.heal();
    is_empty(&system).await;
    let me = ada.me().await;
    assert_eq!((&me["id"], &me["profile_picture_url"]), (&"ada".into(), &Value::Null));
    ada.upload_and_wait(photo()).await;
    assert!(!ada.picture().await.is_empty(), "a later upload shows");
    system.finish().await;
}
