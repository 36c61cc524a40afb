//! The object store goes away, or stops in its tracks.

use crate::{
    assert_all_succeeded_at_once, assert_refused_only_with, finish_after_a_listing, recovered, start, working,
};
use pfp_tests::{
    load::{Load, Report},
    pictures,
    system::{Setup, TestSystem},
};
use std::time::{Duration, Instant};

const PHOTO: &str = "bench-170kb.jpg";

/// A server that doesn't answer costs two time-outs of 5 s at most; the rest is this machine's.
const TOLD_WITHIN: Duration = Duration::from_secs(12);

async fn load_with_jobs_under_way(system: &TestSystem) -> Load {
    let load = Load::start(system, 4, &pictures::bytes(PHOTO));
    load.more(30).await;
    // Large ones, so that jobs are surely under way.
    for number in 0..8 {
        system.client(&format!("large-{number}")).accepted(pictures::bytes("bench-4mb.jpg")).await;
    }
    working(system).await;
    load
}

async fn assert_nothing_was_lost(system: &TestSystem, report: &Report) {
    assert_refused_only_with(report, "503 storage_unavailable");
    assert!(report.0.len() > report.accepted().count(), "somebody was refused");
    assert!(report.slowest() < TOLD_WITHIN, "{:?}", report.slowest());
    assert_all_succeeded_at_once(report).await;
    system.quiet().await;
    let others = "SELECT count(*) FROM uploads WHERE status <> 'succeeded' OR attempts <> 1";
    assert_eq!(system.database.count(others).await, 0, "every upload succeeded, attempts given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_store_that_is_down_for_twenty_seconds_makes_jobs_wait_and_costs_none() {
    const DOWN: Duration = Duration::from_secs(20);
    let (system, servers) = start(Setup::new()).await;
    let load = load_with_jobs_under_way(&system).await;
    let since = Instant::now();
    let down = servers.stop("minio");
    tokio::time::sleep_until((since + DOWN).into()).await;
    let given_up = "SELECT count(*) FROM uploads WHERE status IN ('failed', 'rejected')";
    assert_eq!(system.database.count(given_up).await, 0, "no job is given up");
    down.up();
    recovered(&system, Duration::from_secs(10)).await;
    load.more(20).await;
    assert_nothing_was_lost(&system, &load.stop().await).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_store_that_is_frozen_for_ten_seconds_makes_jobs_wait_and_costs_none() {
    const FROZEN: Duration = Duration::from_secs(10);
    let (system, servers) = start(Setup::new()).await;
    let load = load_with_jobs_under_way(&system).await;
    let since = Instant::now();
    servers.freeze("minio").thaw_after(since, FROZEN).await;
    recovered(&system, Duration::from_secs(10)).await;
    load.more(20).await;
    assert_nothing_was_lost(&system, &load.stop().await).await;
    // A put that was given up may be carried out after its object was deleted.
    finish_after_a_listing(system).await;
}
