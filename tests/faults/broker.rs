//! The broker goes away, with its data or without.

use crate::{assert_all_succeeded_at_once, consumed_by, recovered, start};
use futures_util::future::join_all;
use pfp_tests::{
    load::Load,
    pictures,
    process::Process,
    servers::Servers,
    system::Setup,
    wait::{PATIENCE, until},
};
use std::time::{Duration, Instant};

/// From when the broker takes connections until it is used again.
const USED_AGAIN: Duration = Duration::from_secs(10);

const PHOTO: &str = "bench-170kb.jpg";

async fn broker_comes_back_after(command: &str) {
    let (system, servers) = start(Setup::new()).await;
    let load = Load::start(&system, 4, &pictures::bytes(PHOTO));
    load.more(20).await;
    let down = servers.take_down(command, "rabbitmq");
    load.more(20).await;
    let up = down.up();
    consumed_by(&system, 2, USED_AGAIN).await;
    recovered(&system, USED_AGAIN.saturating_sub(up.elapsed()) + Duration::from_secs(1)).await;
    load.more(20).await;
    let report = load.stop().await;
    assert_eq!(report.accepted().count(), report.0.len(), "all are taken: {:?}", report.answers());
    assert!(report.slowest() < Duration::from_secs(3), "{:?}", report.slowest());
    assert_all_succeeded_at_once(&report).await;

    // What is published now goes by the API's own publisher, and no sweeper has to.
    let before = republished(&system).await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    assert_eq!(republished(&system).await, before, "the API's publisher works again");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_06_a_broker_that_is_restarted_in_good_order_loses_no_upload_and_is_used_again_within_ten_seconds()
 {
    broker_comes_back_after("stop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_06_a_broker_that_is_killed_loses_no_upload_and_is_used_again_within_ten_seconds() {
    broker_comes_back_after("kill").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_04_uploads_are_taken_at_once_while_the_broker_is_down_for_a_minute_and_done_when_it_is_back() {
    const DOWN: Duration = Duration::from_secs(60);
    let (system, servers) = start(Setup::new()).await;
    let (since, down) = (Instant::now(), servers.kill("rabbitmq"));
    let clients: Vec<_> = (0..12).map(|number| system.client(&format!("user-{number}"))).collect();
    let file = pictures::bytes(PHOTO);
    let mut locations = Vec::new();
    for client in &clients {
        let asked = Instant::now();
        locations.push(client.accepted(file.clone()).await);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    let ready = system.client("ada").get("/readyz").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["dependencies"]["broker"]), (200, &"down".into()));
    tokio::time::sleep_until((since + DOWN).into()).await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads WHERE published_at IS NULL").await, 12);
    down.up();
    let uploads = join_all(clients.iter().zip(&locations).map(|(client, at)| client.finished(at))).await;
    for upload in uploads {
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    assert_eq!(republished(&system).await, 12, "by the sweepers");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_08_a_broker_that_lost_all_its_data_is_given_every_unfinished_job_again() {
    every_unfinished_job_is_sent_again_after(Servers::wipe_broker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_08_a_virtual_host_that_was_deleted_and_made_anew_is_given_every_unfinished_job_again() {
    every_unfinished_job_is_sent_again_after(Servers::delete_vhost).await;
}

async fn every_unfinished_job_is_sent_again_after(lose: fn(&Servers)) {
    let (mut system, servers) = start(Setup::new()).await;
    // Frozen, so that every message is the broker's when it loses them; not for long, so that it keeps its lease
    // on nothing and the broker doesn't miss it.
    for worker in &system.workers {
        worker.signal(rustix::process::Signal::STOP);
    }
    let clients: Vec<_> = (0..12).map(|number| system.client(&format!("user-{number}"))).collect();
    let file = pictures::bytes(PHOTO);
    let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    lose(&servers);
    for worker in &system.workers {
        worker.signal(rustix::process::Signal::CONT);
    }
    let uploads = join_all(clients.iter().zip(&locations).map(|(client, at)| client.finished(at))).await;
    for upload in uploads {
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    consumed_by(&system, 2, USED_AGAIN).await;
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_07_a_broker_that_is_down_for_longer_than_any_wait_between_tries_is_used_again() {
    let (system, servers) = start(Setup::new()).await;
    let down = servers.kill("rabbitmq");
    // The waits grow to five seconds: by the eighth try they have. A publisher waits as a consumer does.
    until("the workers have tried for long", PATIENCE * 2, async || {
        let tries = |worker: &Process| worker.log_text().matches("no consumer yet").count();
        system.workers.iter().all(|worker| tries(worker) >= 8).then_some(())
    })
    .await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    let up = down.up();
    consumed_by(&system, 2, USED_AGAIN).await;
    recovered(&system, USED_AGAIN.saturating_sub(up.elapsed()) + Duration::from_secs(1)).await;
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_10_a_broker_that_is_frozen_is_noticed_and_used_again_when_it_comes_back() {
    const FROZEN: Duration = Duration::from_secs(25);
    let (system, servers) = start(Setup::new()).await;
    system.client("bob").upload_and_wait(pictures::bytes(PHOTO)).await;
    let (since, frozen) = (Instant::now(), servers.freeze("rabbitmq"));
    let clients: Vec<_> = (0..8).map(|number| system.client(&format!("user-{number}"))).collect();
    let mut locations = Vec::new();
    for client in &clients {
        let asked = Instant::now();
        locations.push(client.accepted(pictures::bytes(PHOTO)).await);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    // Heartbeats come every ten seconds: silence is noticed after two of them at the latest.
    for process in system.apis.iter().chain(&system.workers) {
        until("the broker is noticed to be out", FROZEN.saturating_sub(since.elapsed()), async || {
            process.metrics().await.contains("pfp_dependency_up{dependency=\"broker\"} 0").then_some(())
        })
        .await;
    }
    frozen.thaw_after(since, FROZEN).await;
    recovered(&system, USED_AGAIN).await;
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    let before = republished(&system).await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    assert_eq!(republished(&system).await, before, "the API's publisher works again");
    system.finish().await;
}

/// How many messages sweepers have published, for whatever reason.
async fn republished(system: &pfp_tests::system::TestSystem) -> u64 {
    let mut sum = 0;
    for worker in &system.workers {
        sum += worker.counted("pfp_republished_total").await;
    }
    sum
}
