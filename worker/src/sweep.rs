//! What is due, found in the database: leases that were lost, messages that were never sent, objects that are
//! still to be deleted, rows that are old enough. Any number of workers do this side by side.

use crate::{
    backlog::{self, Backlog},
    deletion::delete_listed,
    settle::{Outcome, attempts_exhausted, count_since},
    worker::Worker,
};
use futures_util::{StreamExt, stream};
use pfp_shared::{
    database::DatabaseError,
    dependencies::Dependency,
    failpoint::Failpoint,
    job::Job,
    lock::lock,
    queries::{self, DueJob},
    queue::CHANNELS,
    upload::UploadId,
};
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// Rows in one statement, and statements of one kind in one sweep: a sweep is short, and a backlog is worked
/// off over several of them by all workers together.
const BATCH: i64 = 200;
const BATCHES: usize = 10;

/// How long another sweeper leaves a taken deletion alone.
const DELETION_TAKEN: Duration = Duration::from_secs(60);

/// Sweeps until told to stop.
pub async fn sweep_regularly(worker: Arc<Worker>) {
    let mut backlog = Backlog::default();
    loop {
        let jitter = rand_part(worker.config.sweep_interval);
        tokio::select! {
            () = worker.stop.cancelled() => return,
            () = tokio::time::sleep(jitter) => {}
        }
        if worker.services.dependencies.trouble(Dependency::Database).is_some() {
            continue;
        }
        let started = Instant::now();
        tokio::select! {
            // What is cut off is taken up by the next sweep.
            () = worker.must_release.cancelled() => return,
            swept = sweep_once(&worker) => match swept {
                Ok(_) => metrics::histogram!("pfp_sweep_duration_seconds").record(started.elapsed().as_secs_f64()),
                Err(error) => tracing::warn!(%error, "a sweep broke off"),
            }
        }
        backlog.show(&worker).await;
    }
}

/// Between nine tenths of the interval and all of it: workers that were started together drift apart.
fn rand_part(interval: Duration) -> Duration {
    pfp_shared::backoff::delay(interval, interval, 0).max(interval.mul_f64(0.9))
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
    /// Objects that were deleted.
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
    let expired = in_batches(worker, || queries::expire_reservations(database, BATCH)).await;
    let requeued = requeue(worker).await;
    let published = publish_due(worker).await;
    let deleted = delete_due(worker).await;
    let removed = in_batches(worker, || queries::remove_retained(database, BATCH, config.retention)).await;
    let forgotten = in_batches(worker, || queries::forget_erased_users(database, BATCH)).await;
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

/// Repeats a statement until it finds less than a batch, or has taken a sweep's interval: what is slow doesn't hold up
/// what comes after it.
async fn in_batches<F>(worker: &Worker, statement: impl Fn() -> F) -> Result<Done, DatabaseError>
where
    F: Future<Output = Result<u64, DatabaseError>>,
{
    let began = Instant::now();
    let mut done = Done { count: 0, more: true };
    for batch in 0..BATCHES {
        if batch > 0 && began.elapsed() > worker.config.sweep_interval {
            break;
        }
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
    worker.services.check_database().await?;
    let Some(silent_before) = worker.services.silent_before(worker.config.lease) else {
        return Ok(Done::default());
    };
    let (database, max_attempts) = (&worker.services.database, worker.config.max_attempts);
    let exhausted = &attempts_exhausted(max_attempts);
    in_batches(worker, move || async move {
        let lost = queries::requeue_lost_claims(database, BATCH, silent_before, max_attempts, exhausted);
        let lost = lost.await.inspect_err(|error| {
            // Those who hold the jobs get no answer either: once it works they have a lease to end them. That this process
            // has no connection left is its own affair, and that it lost a deadlock is over.
            if !error.is_about_a_row() && !error.is_rolled_back() && !matches!(error, DatabaseError::Busy(_)) {
                worker.services.dependencies.health(Dependency::Database).down(&error.to_string());
            }
        })?;
        for claim in &lost {
            let (upload_id, attempts) = (claim.id, claim.attempts);
            if claim.is_failed {
                let ms = count_since(Outcome::Failed, claim.accepted_at);
                tracing::error!(%upload_id, outcome = "failed", attempts, ms, "job failed: its worker fell silent");
            } else {
                tracing::warn!(%upload_id, attempts, "a job was taken from a worker that fell silent");
            }
        }
        let ids: Vec<_> = lost.iter().map(|claim| claim.id).collect();
        worker.services.tell_changed(&ids).await;
        Ok(lost.len() as u64)
    })
    .await
}

/// Publishes what is due: first what was never published, then what must be lost.
async fn publish_due(worker: &Worker) -> Result<Done, DatabaseError> {
    let services = &worker.services;
    // Without a broker there is nothing to publish to, and rows that are taken would only be given back.
    let Ok((ready, dead)) = services.publisher.ready().await else { return Ok(Done::default()) };
    backlog::show_queues(worker, ready, dead);
    let first = in_batches(worker, move || async move {
        publish(worker, queries::take_unpublished(&services.database, BATCH).await?).await
    })
    .await?;
    let again = publish_lost(worker).await?;
    Ok(Done { count: first.count + again.count, more: first.more || again.more })
}

/// Publishes what must be lost. When the queue was seen to be empty, what was sent a lease before then and isn't claimed
/// is lost, whatever was sent since. That counts until all of it is sent again: else a backlog whose messages are lost
/// would come back batch by batch, each when the one before is done.
async fn publish_lost(worker: &Worker) -> Result<Done, DatabaseError> {
    let (services, lease) = (&worker.services, worker.config.lease);
    // Read first: what is sent while the broker is asked is later.
    let now = services.check_database().await?;
    let Ok(is_empty) = services.publisher.queue_is_empty().await else { return Ok(Done::default()) };
    if is_empty {
        *lock(&worker.queue_was_empty) = Some(now);
    }
    let was_empty = *lock(&worker.queue_was_empty);
    in_batches(worker, move || async move {
        let jobs = queries::take_lost_messages(&services.database, BATCH, lease, was_empty).await?;
        if (jobs.len() as i64) < BATCH {
            *lock(&worker.queue_was_empty) = None;
        }
        publish(worker, jobs).await
    })
    .await
}

/// Publishes jobs that were taken, and gives back those that the broker didn't confirm.
async fn publish(worker: &Worker, jobs: Vec<DueJob>) -> Result<u64, DatabaseError> {
    if !jobs.is_empty() {
        Failpoint::SweepTaken.reached();
    }
    let taken = jobs.len() as u64;
    let broker_is_out = AtomicBool::new(false);
    let unconfirmed: Vec<UploadId> = stream::iter(jobs)
        .map(|due| publish_one(worker, due, &broker_is_out))
        .buffer_unordered(CHANNELS)
        .filter_map(async |unconfirmed| unconfirmed)
        .collect()
        .await;
    if unconfirmed.is_empty() {
        return Ok(taken);
    }
    queries::unpublish(&worker.services.database, &unconfirmed).await?;
    // Less than a batch: no further one is worth trying now.
    Ok(0)
}

/// Returns the job if it isn't known to be with the broker. One failure is the broker's: the others would only wait for
/// it in turn.
async fn publish_one(worker: &Worker, due: DueJob, broker_is_out: &AtomicBool) -> Option<UploadId> {
    if broker_is_out.load(Relaxed) {
        return Some(due.id);
    }
    let job = Job::new(due.id);
    if worker.services.publisher.publish(&job, due.trace_context.as_deref()).await.is_err() {
        broker_is_out.store(true, Relaxed);
        return Some(due.id);
    }
    tracing::info!(upload_id = %due.id, reason = due.reason, "published");
    metrics::counter!("pfp_republished_total", "reason" => due.reason).increment(1);
    None
}

async fn delete_due(worker: &Worker) -> Result<Done, DatabaseError> {
    let services = &worker.services;
    if services.dependencies.trouble(Dependency::Storage).is_some() {
        return Ok(Done::default());
    }
    in_batches(worker, move || async move {
        let due = queries::due_deletions(&services.database, BATCH, DELETION_TAKEN).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let failed = delete_listed(services, &due).await?;
        if let Some((key, error)) = failed.first() {
            tracing::warn!(count = failed.len(), key, %error, "objects couldn't be deleted");
            let keys: HashSet<_> = failed.iter().map(|(key, _)| key).collect();
            let kept: Vec<_> = due.iter().filter(|deletion| keys.contains(&deletion.key)).collect();
            let (why, longest) = (error.to_string(), worker.config.deletion_wait);
            queries::deletions_failed(&services.database, &kept, &why, longest).await?;
        }
        // Less than a batch where one failed: a store that fails would hold the sweep for a time-out each time.
        Ok((due.len() - failed.len()) as u64)
    })
    .await
}
