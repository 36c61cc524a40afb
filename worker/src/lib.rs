//! The workers of pfp: each consumes jobs, makes pictures, and sweeps up after whoever died.
//!
//! # Layout, in reading order
//!
//! - [`consumer`] is the loop, [`delivery`] one message, [`process_picture`] the job; [`job_error`] names the
//!   fates of a job and [`settle`] writes them; [`lease`] keeps a job ours meanwhile.
//! - [`kitchen`] is where [`picture`]s are made, within a budget of memory.
//! - [`sweep`] finds what is due, [`listing`] what no row names; [`deletion`] deletes it; [`staging_rule`] is
//!   the last line.
//! - [`worker`] is what they share, [`config`] how it is set, [`health`] what it serves.
//! - [`doctor`] compares database, bucket and queue, and [`dead`] shows what the system gave up on; [`admin`],
//!   [`picture_command`] and [`sample_photo`] are the other commands.

pub mod admin;
mod backlog;
pub mod command_line;
pub mod config;
pub mod consumer;
pub mod dead;
pub mod deletion;
pub mod delivery;
pub mod doctor;
pub mod health;
pub mod job_error;
pub mod kitchen;
pub mod lease;
pub mod listing;
pub mod picture;
pub mod picture_command;
pub mod process_picture;
pub mod sample_photo;
pub mod settle;
pub mod staging_rule;
pub mod sweep;
pub mod unanswered;
pub mod worker;

use crate::{config::WorkerConfig, worker::Worker};
use metrics_exporter_prometheus::PrometheusHandle;
use pfp_shared::{
    queue::BrokerUri,
    services::{CLOSING, Services},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How much of the grace period is left for releasing jobs.
const RELEASING: Duration = Duration::from_secs(3);

/// Works until `stop` is cancelled, then ends within the grace period.
///
/// # Errors
/// The worker can't or must not run: a setting, the schema or the bucket is wrong.
pub async fn run(
    config: WorkerConfig,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let services = Services::new(&config.connections, "pfp-worker")?;
    let broker = BrokerUri::new(&config.connections)?;
    let grace = config.connections.shutdown_grace;
    // The sweeper and the last jobs still publish while the worker stops.
    let watching = CancellationToken::new();
    let worker = Arc::new(Worker::new(config, services.clone(), stop.clone()));
    let mut watch = tokio::spawn(services.watch("pfp-worker", watching.clone()));
    let health = worker.config.metrics_listen.map(|address| {
        let (worker, metrics) = (Arc::clone(&worker), metrics.clone());
        tokio::spawn(health::serve(worker, metrics, address))
    });
    let mut loops = JoinSet::new();
    loops.spawn(consumer::consume(Arc::clone(&worker), broker));
    loops.spawn(sweep::sweep_regularly(Arc::clone(&worker)));
    loops.spawn(listing::list_regularly(Arc::clone(&worker)));
    worker.jobs.spawn(staging_rule::keep(Arc::clone(&worker)));

    let ended = tokio::select! {
        // The loops end when told to stop: that comes first.
        biased;
        () = stop.cancelled() => Ok(()),
        watched = &mut watch => watched?.map_err(anyhow::Error::from),
        served = serve_ended(health) => served,
        // Whoever looks after it starts it anew; until then it would hold jobs that wait for the thread's memory.
        () = worker.kitchen.is_stuck() => Err(anyhow::anyhow!("a thread is stuck in a picture")),
        // None of them ends by itself: it panicked, and a worker without it would only look alive.
        ended = loops.join_next() => match ended {
            Some(Err(error)) => Err(error.into()),
            _ => Err(anyhow::anyhow!("a loop ended by itself")),
        },
    };
    worker.stop.cancel();
    let all_done = async {
        worker.jobs.close();
        worker.jobs.wait().await;
        while loops.join_next().await.is_some() {}
    };
    let (soft, hard) = (grace.saturating_sub(RELEASING + CLOSING), grace.min(RELEASING));
    tokio::pin!(all_done);
    if tokio::time::timeout(soft, &mut all_done).await.is_err() {
        worker.must_release.cancel();
        if tokio::time::timeout(hard, &mut all_done).await.is_err() {
            tracing::warn!("some jobs are left to their leases");
        }
    }
    worker.must_end.cancel();
    watching.cancel();
    if !watch.is_finished() {
        let _ = watch.await;
    }
    ended
}

/// Resolves when the health listener fails; never without one.
async fn serve_ended(health: Option<tokio::task::JoinHandle<anyhow::Result<()>>>) -> anyhow::Result<()> {
    match health {
        Some(task) => task.await?,
        None => std::future::pending().await,
    }
}
