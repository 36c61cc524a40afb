//! The database goes away, or stops in its tracks.

use crate::{
    assert_all_succeeded_at_once, assert_refused_only_with, finish_after_a_listing, recovered, start,
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    client::Answer,
    load::{Load, Sent},
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

const PHOTO: &str = "bench-170kb.jpg";

async fn database_comes_back_after(command: &str) -> TestSystem {
    let (system, servers) = start(Setup::new()).await;
    let load = Load::start(&system, 4, &pictures::bytes(PHOTO));
    load.more(30).await;
    let broken_at = Instant::now();
    let down = servers.take_down(command, "postgres");
    load.more(12).await;
    let up_at = down.up();
    recovered(&system, Duration::from_secs(10)).await;
    let recovered_at = Instant::now();
    load.more(30).await;
    let report = load.stop().await;
    assert_refused_only_with(&report, "503 database_unavailable");
    let refused = report.0.iter().filter(|sent| sent.answer.status != 202);
    let outside = refused.filter(|sent| sent.at + sent.took < broken_at || sent.at > recovered_at);
    assert_eq!(outside.count(), 0, "refused though the database was up: {:?}", report.answers());
    assert!(report.0.len() > report.accepted().count(), "nobody was refused: was it down at all?");
    assert!(recovered_at - up_at < Duration::from_secs(5), "{:?}", recovered_at - up_at);
    assert_all_succeeded_at_once(&report).await;
    system
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_database_that_is_restarted_in_good_order_costs_no_upload_and_no_attempt() {
    database_comes_back_after("stop").await.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_14_a_database_that_is_killed_costs_no_upload_and_no_attempt() {
    let system = database_comes_back_after("kill").await;
    // A reservation doesn't wait for the disk: the row that names a staged object may be lost with the server.
    finish_after_a_listing(system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_frozen_database_is_told_within_seconds_and_costs_no_upload() {
    const FROZEN: Duration = Duration::from_secs(8);
    let (system, servers) = start(Setup::new()).await;
    let load = Load::start(&system, 4, &pictures::bytes(PHOTO));
    load.more(30).await;
    let frozen = servers.freeze("postgres");
    let since = Instant::now();
    frozen.thaw_after(since, FROZEN).await;
    recovered(&system, Duration::from_secs(10)).await;
    load.more(30).await;
    let report = load.stop().await;
    assert_refused_only_with(&report, "503 database_unavailable");
    let refused = report.0.iter().filter(|sent| sent.answer.status != 202);
    let (during, under_way): (Vec<_>, Vec<_>) = refused.partition(|sent| sent.at > since);
    let slowest = |sent: Vec<&Sent>| sent.iter().map(|sent| sent.took).max();
    let told = slowest(during).expect("somebody was refused");
    assert!(told < Duration::from_secs(5), "{told:?}");
    // Whether it was accepted is looked up for another three seconds.
    let looked_up = slowest(under_way).unwrap_or_default();
    assert!(looked_up < Duration::from_secs(8), "{looked_up:?}");
    assert_all_succeeded_at_once(&report).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_claim_whose_answer_was_lost_in_a_frozen_database_costs_no_attempt() {
    let (system, servers) = start(Setup::new()).await;
    // Once every connection has met the statement, a claim is a single message to the server, which is carried
    // out whether or not anyone still waits for it.
    let load = Load::start(&system, 8, &pictures::bytes(PHOTO));
    load.more(80).await;
    assert_all_succeeded_at_once(&load.stop().await).await;
    let signal_workers = |signal| system.workers.iter().for_each(|worker| worker.signal(signal));
    signal_workers(Signal::STOP);
    let clients: Vec<_> = (0..6).map(|number| system.client(&format!("user-{number}"))).collect();
    let file = pictures::bytes(PHOTO);
    let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    let (since, frozen) = (Instant::now(), servers.freeze("postgres"));
    signal_workers(Signal::CONT);
    // Past the time-out for statements, so that the claims are carried out after they were given up.
    frozen.thaw_after(since, Duration::from_secs(5)).await;
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished(location).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_an_upload_whose_accept_meets_a_frozen_database_is_either_done_or_leaves_nothing() {
    const FROZEN: Duration = Duration::from_secs(8);
    let (system, servers) = start(Setup::new()).await;
    let file = pictures::bytes(PHOTO);
    let (first, rest) = file.split_at(file.len() / 2);
    let (first, rest) = (Bytes::copy_from_slice(first), Bytes::copy_from_slice(rest));
    let (go_on, held) = tokio::sync::oneshot::channel::<()>();
    let body = stream::iter([Ok::<_, std::io::Error>(first)]).chain(stream::once(async move {
        let _ = held.await;
        Ok(rest)
    }));
    let ada = system.client("ada");
    let request = ada.request("POST", "/user/upload-profile-picture").header("content-type", "image/jpeg");
    let request = request.header("content-length", file.len()).body(reqwest::Body::wrap_stream(body));
    let sending = tokio::spawn(async move { Answer::read(request.send().await.unwrap()).await });
    until("the upload is being received", PATIENCE, async || {
        let sql = "SELECT count(*) FROM uploads WHERE status = 'receiving'";
        (system.database.count(sql).await == 1).then_some(())
    })
    .await;
    let (since, frozen) = (Instant::now(), servers.freeze("postgres"));
    go_on.send(()).unwrap();
    frozen.thaw_after(since, FROZEN).await;
    let answer = sending.await.unwrap();
    assert!(since.elapsed() < FROZEN + Duration::from_secs(5), "{:?}", since.elapsed());
    if answer.status == 202 {
        let upload = ada.finished(answer.header("location")).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    } else {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    }
    system.finish().await;
}
