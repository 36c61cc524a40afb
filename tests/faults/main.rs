//! What takes servers and processes down: one test after the other, on servers of their own. Each test heals what
//! it broke, whatever comes of it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod alarm;
mod broker;
mod database;
mod processes;
mod store;

use pfp_tests::{
    fault_rows,
    load::Report,
    servers::Servers,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::time::Duration;

#[test]
fn whatever_is_named_by_a_row_here_is_run() {
    assert_eq!(fault_rows::in_sources("faults"), fault_rows::in_this_program());
}

/// An API and two workers on servers that may be taken down, past their first listing, so that whatever a fault
/// leaves in the bucket is still there at the end of the test.
async fn start(setup: Setup) -> (TestSystem, Servers) {
    let servers = Servers::to_break();
    let system = setup.workers(2).on(&servers).start().await;
    system.listed().await;
    (system, servers)
}

/// Waits until every process says that all it stands on is up.
async fn recovered(system: &TestSystem, within: Duration) {
    for process in system.apis.iter().chain(&system.workers) {
        until("all dependencies are up", within, async || {
            let metrics = process.metrics().await;
            let up = |name| metrics.contains(&format!("pfp_dependency_up{{dependency=\"{name}\"}} 1"));
            ["database", "broker", "storage"].into_iter().all(up).then_some(())
        })
        .await;
    }
}

/// Everything that was accepted has succeeded, at the first attempt that counts.
async fn assert_all_succeeded_at_once(report: &Report) {
    let ends = report.ends().await;
    let accepted = report.accepted().count();
    assert_eq!(ends.get("succeeded after 1"), Some(&accepted), "{ends:?}, answers: {:?}", report.answers());
}

/// Whatever was refused was refused with one code.
fn assert_refused_only_with(report: &Report, refusal: &str) {
    let mut answers = report.answers();
    answers.remove("accepted");
    answers.remove(refusal);
    assert!(answers.is_empty(), "other answers than {refusal}: {:?}", report.answers());
}

/// Waits until the jobs queue has this many consumers.
async fn consumed_by(system: &TestSystem, consumers: u32, within: Duration) {
    until(&format!("{consumers} consumers"), within, async || {
        let (_, connected) = system.jobs_queue()?;
        (connected == consumers).then_some(())
    })
    .await;
}

/// Waits until some jobs are under way.
async fn working(system: &TestSystem) {
    until("a job is under way", PATIENCE, async || {
        let sql = "SELECT count(*) FROM uploads WHERE status = 'processing'";
        (system.database.count(sql).await > 0).then_some(())
    })
    .await;
}

/// Ends a system after a fault that may leave an object which no row names: those are what the listing is for.
async fn finish_after_a_listing(system: TestSystem) {
    system.quiet().await;
    let swept = system.worker_command(&["sweep"]);
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    system.finish().await;
}
