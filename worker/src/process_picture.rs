//! The job: from a message that names an upload to the user's new picture.
//!
//! The order is the point: the new picture is put, then the row points at it, then the old picture and the
//! staged bytes are deleted, then the message is acknowledged. Every object is named by a row before it is put,
//! so a crash between any two steps loses nothing and leaks nothing for longer than a sweep.

use crate::{
    job_error::JobError,
    lease::LeaseKeeper,
    settle::{Outcome, count, settle},
    worker::Worker,
};
use pfp_shared::{
    crop::Crop,
    database::DatabaseError,
    dependencies::Dependency,
    failpoint::Failpoint,
    queries::{self, Claim, ClaimedJob, Promotion},
    storage::{StorageError, staged_key},
    upload::UploadId,
};
use std::time::Instant;
use uuid::Uuid;

/// Works on an upload, if there is work to do on it. `None`: the worker stops, and leaves it to another one.
/// `unanswered` are the claims on it whose answers were lost, from one try to the next.
///
/// # Errors
/// The upload couldn't be claimed: the database failed. Everything later ends in an outcome.
pub async fn process_picture(
    worker: &Worker,
    id: UploadId,
    unanswered: &mut Vec<Uuid>,
) -> Result<Option<Outcome>, DatabaseError> {
    // A job that may kill its worker runs alone: the others are let finish, and none is claimed beside it.
    let beside_others = worker.together.read().await;
    if worker.stop.is_cancelled() {
        return Ok(None);
    }
    let claimed_at = tokio::time::Instant::now();
    let Some(job) = claim(worker, id, unanswered).await? else {
        tracing::debug!("nothing to do");
        count(Outcome::Stale);
        return Ok(Some(Outcome::Stale));
    };
    let _in_progress = worker.count_in_progress();
    Failpoint::JobClaimed.reached();
    let lease =
        LeaseKeeper::start(worker.services.database.clone(), job.clone(), worker.config.lease, claimed_at);
    let work = async {
        if job.run_alone {
            drop(beside_others);
            let _alone = worker.together.write().await;
            make_and_promote(worker, &job, &lease).await
        } else {
            make_and_promote(worker, &job, &lease).await
        }
    };
    let ((), result) = tokio::join!(worker.services.tell_changed(id), work);
    drop(lease);
    Ok(Some(settle(worker, &job, result).await))
}

/// One more attempt, a fresh token, a lease, a fresh key for the picture.
async fn claim(
    worker: &Worker,
    id: UploadId,
    unanswered: &mut Vec<Uuid>,
) -> Result<Option<ClaimedJob>, DatabaseError> {
    let (lease, max_attempts) = (worker.config.lease, worker.config.max_attempts);
    let claim = Claim { token: Uuid::new_v4(), unanswered, lease, max_attempts };
    let (token, started) = (claim.token, Instant::now());
    let claimed = queries::claim(&worker.services.database, id, claim).await;
    if claimed.as_ref().is_err_and(DatabaseError::is_outcome_unknown) {
        unanswered.push(token);
    }
    stage_took("claim", started);
    claimed
}

async fn make_and_promote(
    worker: &Worker,
    job: &ClaimedJob,
    lease: &LeaseKeeper,
) -> Result<Promotion, JobError> {
    let work = async {
        let picture = fetch_and_make(worker, job).await?;
        lease.check().await?;
        let started = Instant::now();
        worker.services.storage.put_picture(&job.picture_key, picture).await.inspect_err(|error| {
            // The store may be read and not written: it counts as out until a write goes through.
            if error.is_dependency_fault() {
                worker.services.dependencies.health(Dependency::Storage).down(&error.to_string());
            }
        })?;
        stage_took("put", started);
        Failpoint::JobPut.reached();
        let started = Instant::now();
        let url = job.picture_key.url(&worker.config.public_url);
        let promotion = queries::promote(&worker.services.database, job, &url).await?;
        stage_took("promote", started);
        Failpoint::JobPromoted.reached();
        Ok(promotion)
    };
    tokio::select! {
        biased;
        result = work => result,
        loss = lease.lost() => Err(loss),
        () = worker.must_release.cancelled() => Err(JobError::Stopping),
    }
}

/// Reads the staged bytes within the budget for files, and makes the picture of them.
async fn fetch_and_make(worker: &Worker, job: &ClaimedJob) -> Result<Vec<u8>, JobError> {
    let crop = job.crop.clone().map(serde_json::from_value::<Crop>).transpose();
    let crop = crop.map_err(|error| JobError::Retry(format!("the stored crop can't be read: {error}")))?;
    let _held = worker.file_memory.reserve(job.size_bytes).await;
    let started = Instant::now();
    let file = worker.services.storage.get(&staged_key(job.id), job.size_bytes).await;
    worker.missing.note(&file);
    let file = file.map_err(|error| match error {
        // One missing object may be a damaged store; one after the other is a wrong bucket.
        StorageError::NotFound(_) if worker.missing.is_streak() => JobError::Dependency(
            "one staged object after the other is missing: is this the right bucket?".to_owned(),
        ),
        other => other.into(),
    })?;
    if file.len() as u64 != job.size_bytes {
        return Err(JobError::Retry(format!(
            "the staged object has {} bytes of {}",
            file.len(),
            job.size_bytes
        )));
    }
    stage_took("fetch", started);
    Failpoint::JobFetched.reached();
    let started = Instant::now();
    let picture = worker.kitchen.make(file, crop).await?;
    stage_took("picture", started);
    Ok(picture.bytes)
}

pub(crate) fn stage_took(stage: &'static str, since: Instant) {
    metrics::histogram!("pfp_job_stage_duration_seconds", "stage" => stage)
        .record(since.elapsed().as_secs_f64());
}

/// Counts staged objects that are missing one after the other.
#[derive(Debug, Default)]
pub struct MissingStreak(std::sync::atomic::AtomicU32);

impl MissingStreak {
    /// So many in a row are the store's fault.
    const STREAK: u32 = 3;

    fn note<T>(&self, result: &Result<T, StorageError>) {
        use std::sync::atomic::Ordering::Relaxed;
        match result {
            Err(StorageError::NotFound(_)) => {
                self.0.fetch_add(1, Relaxed);
            }
            Ok(_) => self.0.store(0, Relaxed),
            Err(_) => {}
        }
    }

    fn is_streak(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) >= Self::STREAK
    }
}
