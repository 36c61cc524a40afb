//! What should have been done long ago, in a system without a worker.

use super::{Shown, planted};
use lapin::options::QueuePurgeOptions;
use pfp_tests::{
    system::TestSystem,
    wait::{PATIENCE, until},
};

const NOBODYS: &str = "pictures/00000000000000000000000000000000.png";

planted! {
    upload_unpublished: async |system: &TestSystem, _: &Shown| {
            purge(system).await;
            run(system, "UPDATE uploads SET published_at = NULL, run_after = now() - interval '1 hour'
                WHERE user_id = 'carl'").await;
        },
        is_done_by_a_worker;
    message_lost: async |system: &TestSystem, _: &Shown| {
            purge(system).await;
            run(system, "UPDATE uploads SET published_at = now() - interval '1 hour',
                run_after = now() - interval '1 hour' WHERE user_id = 'carl'").await;
        },
        is_done_by_a_worker;
    claim_lost: async |system: &TestSystem, _: &Shown| {
            purge(system).await;
            run(system, "UPDATE uploads SET status = 'processing', attempts = 1, claim_token = gen_random_uuid(),
                lease_until = now() - interval '1 hour' WHERE user_id = 'carl'").await;
        },
        is_done_by_a_worker;
    reservation_lost: async |system: &TestSystem, _: &Shown| {
            let id = uuid::Uuid::now_v7();
            system.storage.put_staged(&format!("staging/{id}"), vec!["half an upload".into()]).await.unwrap();
            run(system, &format!("INSERT INTO uploads (id, user_id, status, lease_until)
                VALUES ('{id}', 'ada', 'receiving', now() - interval '1 hour')")).await;
        },
        nothing_is_left_over;
    deletion_overdue: async |system: &TestSystem, _: &Shown| {
            put(system).await;
            run(system, &format!("INSERT INTO object_deletions (object_key, retry_at, attempts, last_error)
                VALUES ('{NOBODYS}', now() + interval '1 hour', 9, 'the storage refused')")).await;
        },
        nothing_is_left_over;
    deletion_held: async |system: &TestSystem, _: &Shown| {
            put(system).await;
            run(system, &format!("INSERT INTO object_deletions (object_key, retry_at, listed_at)
                VALUES ('{NOBODYS}', 'infinity', now() - interval '1 day')")).await;
        },
        nothing_is_left_over;
}

async fn run(system: &TestSystem, sql: &str) {
    system.database.run(sql).await;
}

async fn put(system: &TestSystem) {
    system.storage.put_staged(NOBODYS, vec!["nobody's".into()]).await.unwrap();
}

/// Takes every message out of the queue.
async fn purge(system: &TestSystem) {
    let (connection, channel) = system.channel().await;
    let purged =
        channel.queue_purge(system.queue("jobs").as_str().into(), QueuePurgeOptions::default()).await;
    assert_eq!(purged.unwrap(), 1);
    connection.close(200, "done".into()).await.unwrap();
}

async fn is_done_by_a_worker(system: &TestSystem, _: &Shown) {
    let unsent =
        "SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at > now() - interval '1 minute'";
    assert_eq!(system.database.count(unsent).await, 1);
    until("its message waits for a worker", PATIENCE, async || {
        (system.jobs_queue() == Some((1, 0))).then_some(())
    })
    .await;
}

async fn nothing_is_left_over(system: &TestSystem, _: &Shown) {
    assert_eq!(system.objects().await.len(), 3, "two pictures and what waits");
    assert_eq!(system.database.count("SELECT count(*) FROM object_deletions").await, 0);
    assert_eq!(system.database.count("SELECT count(*) FROM uploads WHERE status = 'receiving'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_takes_a_job_from_a_worker_that_fell_silent_and_says_what_it_did() {
    let (system, shown) = super::quiet_system().await;
    run(
        &system,
        "UPDATE uploads SET status = 'processing', attempts = 1, claim_token = gen_random_uuid(),
        lease_until = now() - interval '1 second' WHERE user_id = 'carl'",
    )
    .await;
    put(&system).await;
    let swept = system.worker_command(&["sweep"]);
    let told = String::from_utf8_lossy(&swept.stdout);
    assert!(swept.status.success(), "{told}{}", String::from_utf8_lossy(&swept.stderr));
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            "swept: 1 uploads published, 1 taken from silent workers, 0 half-received and 0 old ones removed, \
             1 objects deleted",
            "4 objects listed, 1 named by no row",
        ]
    );
    nothing_is_left_over(&system, &shown).await;
    system.stop().await;
}
