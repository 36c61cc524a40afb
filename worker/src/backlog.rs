//! The gauges of what waits.

use crate::worker::Worker;
use pfp_shared::{database::DatabaseError, queries};
use std::time::Instant;

/// Counting the backlog for the gauges takes longer the longer it is (below 0.1 s for a million uploads): each worker
/// spends no more than this part of its time on it.
const COUNTING_SHARE: u32 = 200;

/// When it may be counted again.
#[derive(Debug)]
pub(crate) struct Backlog(Instant);

impl Default for Backlog {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Backlog {
    /// Sets the gauges, unless the last counting took its share of the time already.
    pub(crate) async fn show(&mut self, worker: &Worker) {
        let started = Instant::now();
        if started < self.0 {
            return;
        }
        if let Err(error) = show_gauges(worker).await {
            tracing::warn!(%error, "the gauges of the backlog keep their last values");
        }
        self.0 = Instant::now() + started.elapsed() * COUNTING_SHARE;
    }
}

/// Sets the gauges of the queues.
pub(crate) fn show_queues(worker: &Worker, ready: u32, dead: u32) {
    let topology = worker.services.publisher.topology();
    metrics::gauge!("pfp_queue_messages", "queue" => topology.jobs.clone()).set(f64::from(ready));
    metrics::gauge!("pfp_queue_messages", "queue" => topology.dead.clone()).set(f64::from(dead));
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
async fn show_gauges(worker: &Worker) -> Result<(), DatabaseError> {
    let gauges = queries::gauges(&worker.services.database).await?;
    metrics::gauge!("pfp_uploads", "status" => "queued").set(gauges.queued as f64);
    metrics::gauge!("pfp_uploads", "status" => "processing").set(gauges.processing as f64);
    metrics::gauge!("pfp_uploads", "status" => "failed").set(gauges.failed as f64);
    metrics::gauge!("pfp_oldest_unfinished_seconds").set(gauges.oldest_unfinished);
    metrics::gauge!("pfp_outbox_unpublished").set(gauges.unpublished as f64);
    metrics::gauge!("pfp_object_deletions_pending").set(gauges.deletions as f64);
    Ok(())
}
