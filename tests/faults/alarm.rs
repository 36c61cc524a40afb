//! The broker takes no messages, as when its memory is full: everything on a connection that publishes hangs.

use crate::{recovered, start};
use futures_util::future::join_all;
use pfp_tests::{
    pictures,
    process::Process,
    system::Setup,
    wait::{PATIENCE, until},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn row_05_a_blocked_broker_holds_up_neither_uploads_nor_workers_nor_the_end_of_a_process() {
    let setup = Setup::new().apis(2).set("PFP_SHUTDOWN_GRACE", &format!("{}s", GRACE.as_secs()));
    let (mut system, servers) = start(setup).await;
    let file = pictures::bytes("bench-170kb.jpg");
    let before: Vec<_> = (0..16).map(|number| system.client(&format!("before-{number}"))).collect();

    // Messages that are with the broker when it is blocked: the workers don't hear of them before.
    for worker in &system.workers {
        worker.signal(Signal::STOP);
    }
    let locations = join_all(before.iter().map(|client| client.accepted(file.clone()))).await;
    let blocked = servers.block_broker();
    for worker in &system.workers {
        worker.signal(Signal::CONT);
    }
    for (client, location) in before.iter().zip(&locations) {
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    until("every message is acknowledged", PATIENCE, async || (system.jobs_queue()?.0 == 0).then_some(()))
        .await;

    let during: Vec<_> =
        (0..8).map(|number| system.client_at(number % 2, &format!("during-{number}"))).collect();
    let mut locations = Vec::new();
    for client in &during {
        let asked = Instant::now();
        locations.push(client.accepted(file.clone()).await);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    let waiting = "SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NULL";
    assert_eq!(system.database.count(waiting).await, 8, "the broker takes no message");
    until("a worker's own publisher is blocked too", PATIENCE, async || {
        system.workers[0].metrics().await.contains("pfp_dependency_up{dependency=\"broker\"} 0").then_some(())
    })
    .await;
    // A connection that is blocked can't be closed: it is kept, and no other is opened every few seconds.
    let connections = || servers.rabbitmqctl(&["--silent", "list_connections", "name"]).lines().count();
    let (before, most) = (connections(), system.apis.len() + 2 * system.workers.len());
    tokio::time::sleep(Duration::from_secs(8)).await;
    let after = connections();
    assert!(after <= before.min(most), "{before}, then {after} connections of {most}");
    ends_within_its_grace(system.apis.remove(0)).await;
    ends_within_its_grace(system.workers.remove(0)).await;

    drop(blocked);
    recovered(&system, PATIENCE).await;
    for (client, location) in during.iter().zip(&locations) {
        // The API that they were sent to may be gone.
        let client = system.client(&client.user);
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_uploads_are_taken_while_the_brokers_disk_is_full_and_done_when_there_is_room() {
    let (system, servers) = start(Setup::new()).await;
    let full = servers.fill_the_brokers_disk();
    let mut uploads = Vec::new();
    for number in 0..4 {
        let client = system.client(&format!("user-{number}"));
        let asked = Instant::now();
        let location = client.accepted(pictures::bytes("bench-170kb.jpg")).await;
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
        uploads.push((client, location));
    }
    let waiting = "SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NULL";
    assert_eq!(system.database.count(waiting).await, 4, "the broker takes no message");
    drop(full);
    recovered(&system, PATIENCE).await;
    for (client, location) in &uploads {
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    system.finish().await;
}

async fn ends_within_its_grace(mut process: Process) {
    let asked = Instant::now();
    let status = process.terminate().await;
    assert!(status.success(), "{status}: {}", process.log_text());
    assert!(asked.elapsed() < GRACE + Duration::from_secs(3), "{:?}", asked.elapsed());
}
