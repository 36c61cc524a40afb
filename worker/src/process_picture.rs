//! The job: from a message that names an upload to the user's new picture.
//!
//! The order is the point: the new picture is put, then the row points at it, then the old picture and the
//! staged bytes are deleted, then the message is acknowledged. Every object is named by a row before it is put,
//! so a crash between any two steps loses nothing and leaks nothing for longer than a sweep.

use crate::{
    job_error::JobError,
    lease::LeaseKeeper,
    settle::{Outcome, count, settle},
    unanswered::Unanswered,
    worker::Worker,
};
use pfp_shared::{
    crop::Crop,
    database::DatabaseError,
    dependencies::Dependency,
    failpoint::Failpoint,
    queries::{self, Claim, Claimed, ClaimedJob, Promotion},
    storage::{StorageError, staged_key},
    upload::UploadId,
};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Instant,
};
use uuid::Uuid;

/// Works on an upload, if there is work to do on it. `None`: the worker stops, and leaves it to another one.
/// `unanswered` are the claims on it whose answers were lost, from one try to the next.
///
/// # Errors
/// The upload couldn't be claimed: the database failed. Everything later ends in an outcome.
pub async fn process_picture(
    worker: &Worker,
    id: UploadId,
    unanswered: &mut Unanswered,
) -> Result<Option<Outcome>, DatabaseError> {
    let beside_others = worker.together.read().await;
    if worker.stop.is_cancelled() {
        return Ok(None);
    }
    let (claimed, at) = claim(worker, id, unanswered, false).await?;
    if matches!(claimed, Claimed::MustRunAlone) {
        drop(beside_others);
        return process_alone(worker, id, unanswered).await;
    }
    Ok(Some(work_on(worker, claimed, at).await))
}

/// A job that may kill its worker runs alone: the others are let finish, and none is claimed beside it, so that it
/// can cost no other an attempt. That goes for those that wait to run alone too.
async fn process_alone(
    worker: &Worker,
    id: UploadId,
    unanswered: &mut Unanswered,
) -> Result<Option<Outcome>, DatabaseError> {
    let _alone = worker.together.write().await;
    if worker.stop.is_cancelled() {
        return Ok(None);
    }
    let (claimed, at) = claim(worker, id, unanswered, true).await?;
    Ok(Some(work_on(worker, claimed, at).await))
}

async fn work_on(worker: &Worker, claimed: Claimed, claimed_at: tokio::time::Instant) -> Outcome {
    let Some(job) = claimed.job() else {
        tracing::debug!("nothing to do");
        count(Outcome::Stale);
        return Outcome::Stale;
    };
    let _in_progress = worker.count_in_progress();
    Failpoint::JobClaimed.reached();
    let database = worker.services.database.clone();
    let lease = LeaseKeeper::start(database, job.clone(), worker.config.lease, claimed_at);
    let put_unanswered = AtomicBool::new(false);
    let work = make_and_promote(worker, &job, &lease, &put_unanswered);
    let begun = [job.id];
    let ((), result) = tokio::join!(worker.services.tell_changed(&begun), work);
    drop(lease);
    settle(worker, &job, result, put_unanswered.into_inner()).await
}

/// One more attempt, a fresh token, a lease that began then, a fresh key for the picture.
async fn claim(
    worker: &Worker,
    id: UploadId,
    unanswered: &mut Unanswered,
    alone: bool,
) -> Result<(Claimed, tokio::time::Instant), DatabaseError> {
    let (lease, max_attempts) = (worker.config.lease, worker.config.max_attempts);
    // As for the sweeper: an outage must not cost attempts.
    let silent_before = worker.services.silent_before(lease);
    let (token, started) = (Uuid::new_v4(), tokio::time::Instant::now());
    let claim = Claim { token, unanswered: unanswered.tokens(), lease, max_attempts, silent_before, alone };
    let claimed = queries::claim(&worker.services.database, id, claim).await;
    if claimed.as_ref().is_err_and(DatabaseError::is_outcome_unknown) {
        unanswered.add(token);
    }
    stage_took("claim", started.into_std());
    Ok((claimed?, started))
}

/// `put_unanswered` tells, however this ends, whether the store may still carry out our put.
async fn make_and_promote(
    worker: &Worker,
    job: &ClaimedJob,
    lease: &LeaseKeeper,
    put_unanswered: &AtomicBool,
) -> Result<Promotion, JobError> {
    let work = async {
        let picture = fetch_and_make(worker, job).await?;
        lease.check().await?;
        let started = Instant::now();
        put_unanswered.store(true, Relaxed);
        worker.services.storage.put_picture(&job.picture_key, picture).await.inspect_err(|error| {
            // The store may be read and not written: it counts as out until a write goes through.
            if error.is_dependency_fault() {
                worker.services.dependencies.health(Dependency::Storage).down(&error.to_string());
            }
        })?;
        put_unanswered.store(false, Relaxed);
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
    let held = worker.file_memory.reserve(job.size_bytes).await;
    let started = Instant::now();
    let file = worker.services.storage.get(&staged_key(job.id), job.size_bytes).await;
    let file = match file {
        Err(missing @ StorageError::NotFound(_)) => return Err(whose_fault(worker, missing).await),
        Err(longer @ StorageError::TooLarge { .. }) => return Err(JobError::BytesGone(longer.to_string())),
        file => file?,
    };
    if file.len() as u64 != job.size_bytes {
        return Err(JobError::BytesGone(format!(
            "the staged object has {} bytes of {}",
            file.len(),
            job.size_bytes
        )));
    }
    stage_took("fetch", started);
    Failpoint::JobFetched.reached();
    let started = Instant::now();
    let picture = worker.kitchen.make(file, held, crop).await?;
    stage_took("picture", started);
    Ok(picture.bytes)
}

/// A staged object that is missing is missing for good, unless this isn't our bucket any more.
async fn whose_fault(worker: &Worker, missing: StorageError) -> JobError {
    match worker.services.check_bucket_is_ours().await {
        Ok(()) => JobError::BytesGone(missing.to_string()),
        Err(reason) => {
            worker.services.dependencies.health(Dependency::Storage).down(&reason);
            JobError::Dependency(format!("{missing}, and {reason}"))
        }
    }
}

pub(crate) fn stage_took(stage: &'static str, since: Instant) {
    metrics::histogram!("pfp_job_stage_duration_seconds", "stage" => stage)
        .record(since.elapsed().as_secs_f64());
}
