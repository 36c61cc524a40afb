//! What is due, found in the database: leases that were lost, messages that were never sent, objects that are
//! still to be deleted, rows that are old enough. Any number of workers do this side by side.

use crate::{
    deletion::delete_listed,
    listing,
    settle::{Outcome, attempts_exhausted, count_since},
    worker::Worker,
};
use pfp_shared::{
    database::DatabaseError,
    dependencies::Dependency,
    job::Job,
    queries::{self, DueJob},
    upload::UploadId,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Rows in one statement, and statements of one kind in one sweep: a sweep is short, and a backlog is worked
/// off over several of them by all workers together.
const BATCH: i64 = 200;
const BATCHES: usize = 10;

/// How long a listing that broke off waits before it goes on.
const LISTING_PAUSE: Duration = Duration::from_secs(60);

/// How long another sweeper leaves a taken deletion alone.
const DELETION_TAKEN: Duration = Duration::from_secs(60);

/// Counting the backlog for the gauges takes longer the longer it is (below 0.1 s for a million uploads): each worker
/// spends no more than this part of its time on it.
const COUNTING_SHARE: u32 = 200;

/// Sweeps until told to stop.
pub async fn sweep_regularly(worker: Arc<Worker>) {
    let mut count_after = Instant::now();
    loop {
        let jitter = rand_part(worker.config.sweep_interval);
        tokio::select! {
            () = worker.stop.cancelled() => return,
            () = tokio::time::sleep(jitter) => {}
        }
        if worker.services.dependencies.trouble(Dependency::Database).is_some() {
            continue;
        }
        let sweeping = Instant::now();
        tokio::select! {
            // What is cut off is taken up by the next sweep.
            () = worker.must_release.cancelled() => return,
            swept = sweep_once(&worker) => match swept {
                Ok(_) => metrics::histogram!("pfp_sweep_duration_seconds").record(sweeping.elapsed().as_secs_f64()),
                Err(error) => tracing::warn!(%error, "a sweep broke off"),
            }
        }
        let counting = Instant::now();
        if counting >= count_after {
            if let Err(error) = show_gauges(&worker).await {
                tracing::warn!(%error, "the gauges of the backlog keep their last values");
            }
            count_after = Instant::now() + counting.elapsed() * COUNTING_SHARE;
        }
    }
}

/// Between nine tenths of the interval and all of it: workers that were started together drift apart.
fn rand_part(interval: Duration) -> Duration {
    pfp_shared::backoff::delay(interval, interval, 0).max(interval.mul_f64(0.9))
}

/// Lists the bucket whenever that is due, beside the sweeps: a listing of a large bucket takes its time. One that
/// broke off is gone on with after a pause.
pub async fn list_regularly(worker: Arc<Worker>) {
    let mut wait = worker.config.sweep_interval;
    loop {
        tokio::select! {
            () = worker.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = worker.config.sweep_interval;
        if worker.services.dependencies.trouble(Dependency::Database).is_some() {
            continue;
        }
        tokio::select! {
            () = worker.must_release.cancelled() => return,
            listed = listing::list_if_due(&worker, Some(worker.config.listing_interval), false) => {
                if let Err(error) = listed {
                    tracing::warn!(%error, "a listing broke off");
                    wait = wait.max(LISTING_PAUSE);
                }
            }
        }
    }
}

/// What a sweep has done.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Half-received uploads that were removed.
    pub expired: u64,
    /// Jobs that were taken from workers that fell silent.
    pub requeued: u64,
    /// Messages that were published.
    pub published: u64,
    /// Objects that were deleted, or couldn't be.
    pub deletions: u64,
    /// Old uploads that were removed.
    pub removed: u64,
    /// Whether there is more to do.
    pub more: bool,
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.expired += other.expired;
        self.requeued += other.requeued;
        self.published += other.published;
        self.deletions += other.deletions;
        self.removed += other.removed;
        self.more = other.more;
    }
}

impl std::fmt::Display for Swept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { expired, requeued, published, deletions, removed, .. } = self;
        write!(
            f,
            "{published} uploads published, {requeued} taken from silent workers, {expired} half-received and \
             {removed} old ones removed, {deletions} objects deleted"
        )
    }
}

/// One sweep.
///
/// # Errors
/// The database failed.
pub async fn sweep_once(worker: &Worker) -> Result<Swept, DatabaseError> {
    let database = &worker.services.database;
    let config = &worker.config;
    let expired = in_batches(|| queries::expire_reservations(database, BATCH)).await;
    let requeued = requeue(worker).await;
    let published = publish_due(worker).await;
    let deleted = delete_due(worker).await;
    let removed = in_batches(|| queries::remove_retained(database, BATCH, config.retention)).await;
    let forgotten = in_batches(|| queries::forget_erased_users(database, BATCH)).await;
    // Each is done whatever became of the one before.
    let (expired, requeued, published) = (expired?, requeued?, published?);
    let (deleted, removed, forgotten) = (deleted?, removed?, forgotten?);
    Ok(Swept {
        expired: expired.count,
        requeued: requeued.count,
        published: published.count,
        deletions: deleted.count,
        removed: removed.count,
        more: [expired, requeued, published, deleted, removed, forgotten].iter().any(|step| step.more),
    })
}

/// What a statement has done in several batches.
#[derive(Debug, Default, Clone, Copy)]
struct Done {
    count: u64,
    /// Whether it may find more.
    more: bool,
}

/// Repeats a statement until it finds less than a batch.
async fn in_batches<F>(statement: impl Fn() -> F) -> Result<Done, DatabaseError>
where
    F: Future<Output = Result<u64, DatabaseError>>,
{
    let mut done = Done { count: 0, more: true };
    for _ in 0..BATCHES {
        let found = statement().await?;
        done.count += found;
        if found < BATCH.unsigned_abs() {
            done.more = false;
            break;
        }
    }
    Ok(done)
}

/// After an outage of the database every lease has run out: their workers are given the time to come back and
/// give their jobs back uncounted.
async fn requeue(worker: &Worker) -> Result<Done, DatabaseError> {
    if worker.services.dependencies.up_for(Dependency::Database) < worker.config.lease {
        return Ok(Done::default());
    }
    let (database, max_attempts) = (&worker.services.database, worker.config.max_attempts);
    let exhausted = &attempts_exhausted(max_attempts);
    in_batches(move || async move {
        let lost = queries::requeue_lost_claims(database, BATCH, max_attempts, exhausted).await?;
        for claim in &lost {
            let (upload_id, attempts) = (claim.id, claim.attempts);
            if claim.is_failed {
                let ms = count_since(Outcome::Failed, claim.accepted_at);
                tracing::error!(%upload_id, outcome = "failed", attempts, ms, "job failed: its worker fell silent");
            } else {
                tracing::warn!(%upload_id, attempts, "a job was taken from a worker that fell silent");
            }
            worker.services.tell_changed(claim.id).await;
        }
        Ok(lost.len() as u64)
    })
    .await
}

/// Publishes what is due: first what was never published, then what must be lost.
async fn publish_due(worker: &Worker) -> Result<Done, DatabaseError> {
    let services = &worker.services;
    // Without a broker there is nothing to publish to, and rows that are taken would only be given back.
    let Ok((ready, dead)) = services.publisher.ready().await else { return Ok(Done::default()) };
    show_queues(worker, ready, dead);
    let first = in_batches(move || async move {
        publish(worker, queries::take_unpublished(&services.database, BATCH).await?).await
    })
    .await?;
    let lease = worker.config.lease;
    let again = in_batches(move || async move {
        publish(worker, queries::take_lost_messages(&services.database, BATCH, lease, ready == 0).await?)
            .await
    })
    .await?;
    Ok(Done { count: first.count + again.count, more: first.more || again.more })
}

/// Publishes jobs that were taken, and gives back those that the broker didn't confirm.
async fn publish(worker: &Worker, jobs: Vec<DueJob>) -> Result<u64, DatabaseError> {
    let mut unconfirmed: Vec<UploadId> = Vec::new();
    for due in &jobs {
        let published = if unconfirmed.is_empty() {
            worker.services.publisher.publish(&Job::new(due.id), due.trace_context.as_deref()).await
        } else {
            // One failure is the broker's: the others would only wait for it in turn.
            unconfirmed.push(due.id);
            continue;
        };
        match published {
            Ok(()) => {
                tracing::info!(upload_id = %due.id, reason = due.reason, "published");
                metrics::counter!("pfp_republished_total", "reason" => due.reason.clone()).increment(1);
            }
            Err(_) => unconfirmed.push(due.id),
        }
    }
    if unconfirmed.is_empty() {
        return Ok(jobs.len() as u64);
    }
    queries::unpublish(&worker.services.database, &unconfirmed).await?;
    // Less than a batch: no further one is worth trying now.
    Ok(0)
}

async fn delete_due(worker: &Worker) -> Result<Done, DatabaseError> {
    let services = &worker.services;
    if services.dependencies.trouble(Dependency::Storage).is_some() {
        return Ok(Done::default());
    }
    in_batches(move || async move {
        let due = queries::due_deletions(&services.database, BATCH, DELETION_TAKEN).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let failed = delete_listed(services, &due).await?;
        if let Some((key, error)) = failed.first() {
            tracing::warn!(count = failed.len(), key, %error, "objects couldn't be deleted");
            let keys: Vec<_> = failed.iter().map(|(key, _)| key.clone()).collect();
            queries::deletions_failed(&services.database, &keys, &error.to_string()).await?;
        }
        Ok(due.len() as u64)
    })
    .await
}

fn show_queues(worker: &Worker, ready: u32, dead: u32) {
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
