//! Promote, and what happens at the same moment: made to meet by a lock on the user's row that the test holds.

use pfp_tests::{
    chaos_store::{ChaosStore, Operation, held_worker},
    database::TestDatabase,
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};

/// A connection that holds the user's row until it commits.
async fn holding_ada(system: &TestSystem) -> TestDatabase {
    let database = TestDatabase::connect(&system.settings["PFP_DATABASE_URL"]).await;
    database.run("BEGIN; SELECT FROM users WHERE id = 'ada' FOR UPDATE").await;
    database
}

/// Until so many promotions wait for it.
async fn promotions_wait(system: &TestSystem, count: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND wait_event_type = 'Lock' AND query LIKE '-- promote%'";
    until("promotions wait for the user's row", PATIENCE, async || {
        (system.database.count(waiting).await == count).then_some(())
    })
    .await;
}

async fn picture_is_held(store: &ChaosStore) {
    until("the picture is being put", PATIENCE, async || {
        (!store.hit(Operation::Put, "pictures/").is_empty()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_20_of_two_jobs_of_one_user_that_end_at_the_same_moment_the_newer_one_shows() {
    // Long enough for both promotions to wait as long as it takes the second job to get there.
    let patient = Setup::new().set("PFP_DATABASE_TIMEOUT", "60s").set("PFP_JOB_LEASE", "60s");
    let mut system = patient.workers(0).set("PFP_WORKER_CONCURRENCY", "2").start().await;
    let ada = system.client("ada");
    let older = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    system.database.run("UPDATE uploads SET run_after = now() + interval '1 hour'").await;
    let newer = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;

    let lock = holding_ada(&system).await;
    system.start_worker();
    promotions_wait(&system, 1).await;
    // Whoever waits later comes later.
    system
        .database
        .run("UPDATE uploads SET run_after = now(), published_at = NULL WHERE status = 'queued'")
        .await;
    promotions_wait(&system, 2).await;
    lock.run("COMMIT").await;
    assert_eq!(ada.finished(&older).await["status"], "superseded");
    let newer = ada.finished(&newer).await;
    assert_eq!(newer["status"], "succeeded");
    assert_eq!(ada.me().await["profile_picture_url"], newer["picture_url"]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_whose_job_another_worker_has_taken_over_changes_nothing() {
    let (system, store) = held_worker(Setup::new(), Operation::Put, "pictures/").await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    picture_is_held(&store).await;
    let lock = holding_ada(&system).await;
    store.heal();
    promotions_wait(&system, 1).await;
    // As another worker's claim would, which then falls silent.
    lock.run(
        "UPDATE uploads SET claim_token = gen_random_uuid(), lease_until = now() + interval '3 seconds',
            picture_key = 'pictures/0123456789abcdef0123456789abcdef.jpg', revision = revision + 1;
         COMMIT",
    )
    .await;
    system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"} 1").await;
    assert_eq!(ada.me().await["profile_picture_url"], serde_json::Value::Null);
    assert_eq!(ada.finished(&location).await["status"], "succeeded", "it is taken over once more");
    assert!(!ada.picture().await.is_empty());
    system.finish().await;
}
