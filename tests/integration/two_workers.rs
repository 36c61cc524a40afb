//! Workers share the load, and each job is done once in effect.

use futures_util::future::join_all;
use pfp_tests::{
    chaos_store::{Operation, held_worker},
    pictures,
    process::Process,
    system::Setup,
    wait::{PATIENCE, until},
};
use rustix::process::Signal;
use std::time::Duration;
use tokio::time::sleep;

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_jobs_and_none_is_done_twice() {
    let system = Setup::new().workers(2).start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let uploads = (0..40).map(|number| {
        let (client, file) = (system.client(&format!("user-{number}")), file.clone());
        async move { client.upload_and_wait(file).await }
    });
    for upload in join_all(uploads).await {
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    // A job is counted after its client can see it.
    let (one, other) = until("all are counted", PATIENCE, async || {
        let (one, other) = (succeeded(&system.workers[0]).await, succeeded(&system.workers[1]).await);
        (one + other >= 40).then_some((one, other))
    })
    .await;
    assert_eq!(one + other, 40, "{one} and {other}");
    assert!(one > 0 && other > 0, "{one} and {other}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_in_the_middle_of_its_jobs_loses_none_of_them() {
    let mut system = Setup::new().workers(1).start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let clients: Vec<_> = (0..12).map(|number| system.client(&format!("user-{number}"))).collect();
    // Frozen first, so that it surely holds messages and jobs when it dies.
    system.workers[0].signal(Signal::STOP);
    let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    system.workers[0].signal(Signal::CONT);
    until("a job is under way", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads WHERE status = 'processing'").await > 0)
            .then_some(())
    })
    .await;
    system.workers[0].kill().await;
    system.start_worker();
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished(location).await;
        assert_eq!(upload["status"], "succeeded", "{upload}");
    }
    system.quiet().await;
    assert_eq!(system.objects().await.len(), clients.len());
    system.workers.remove(0);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_frozen_for_longer_than_its_lease_changes_nothing_when_it_comes_back() {
    let mut system = Setup::new().workers(1).start().await;
    let ada = system.client("ada");
    // A worker may be done before it is frozen: then it is given the next one.
    let upload = until("a worker is frozen with a job", PATIENCE, async || {
        let location = ada.accepted(pictures::bytes("bench-4mb.jpg")).await;
        until("the job is claimed", PATIENCE, async || {
            let waiting = "SELECT count(*) FROM uploads WHERE status = 'queued'";
            (system.database.count(waiting).await == 0).then_some(())
        })
        .await;
        system.workers[0].signal(Signal::STOP);
        // What it sent before it was frozen has arrived by then.
        sleep(Duration::from_millis(200)).await;
        let held =
            system.database.count("SELECT count(*) FROM uploads WHERE status = 'processing'").await == 1;
        if !held {
            system.workers[0].signal(Signal::CONT);
        }
        held.then_some(location)
    })
    .await;
    system.start_worker();
    let upload = ada.finished(&upload).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &2.into()), "{upload}");
    let shown = ada.me().await["profile_picture_url"].clone();
    system.workers[0].signal(Signal::CONT);
    system.ready().await;
    system.quiet().await;
    assert_eq!(ada.me().await["profile_picture_url"], shown);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_worker_that_is_asked_to_stop_ends_in_good_order_and_gives_its_jobs_back_uncounted() {
    let mut system = Setup::new().workers(1).start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let clients: Vec<_> = (0..8).map(|number| system.client(&format!("user-{number}"))).collect();
    let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    let status = system.workers[0].terminate().await;
    assert!(status.success(), "{status}");
    let half_done = "SELECT count(*) FROM uploads WHERE status = 'processing'";
    assert_eq!(system.database.count(half_done).await, 0, "no job is left to its lease");
    system.start_worker();
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_job_that_does_not_end_within_the_grace_period_is_given_back_uncounted_and_handed_over() {
    let setup = Setup::new().set("PFP_STORAGE_TIMEOUT", "60s").set("PFP_SHUTDOWN_GRACE", "6s");
    let setup = setup.set("PFP_JOB_LEASE", "60s");
    let (mut system, store) = held_worker(setup, Operation::Get, "staging/").await;
    system.publishes().await;
    let location = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    until("its bytes are asked for", PATIENCE, async || {
        (!store.hit(Operation::Get, "staging/").is_empty()).then_some(())
    })
    .await;
    let status = system.workers[0].terminate().await;
    assert!(status.success(), "{status}");
    let given_back = "SELECT count(*) FROM uploads WHERE status = 'queued' AND attempts = 0
        AND published_at IS NOT NULL AND run_after <= now()";
    assert_eq!(system.database.count(given_back).await, 1);
    until("its message is sent, and nobody sweeps", PATIENCE, async || {
        (system.jobs_queue() == Some((1, 0))).then_some(())
    })
    .await;
    system.start_worker();
    let upload = system.client("ada").finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.finish().await;
}

async fn succeeded(worker: &Process) -> u64 {
    let metrics = worker.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("pfp_jobs_total{outcome=\"succeeded\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}
