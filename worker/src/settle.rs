//! What becomes of a claimed job: written to its row, objects deleted, counted and logged.

use crate::{deletion::delete_listed, job_error::JobError, process_picture::stage_took, worker::Worker};
use pfp_shared::{
    backoff::{Backoff, delay},
    database::DatabaseError,
    failure::{Failure, FailureCode},
    job::Job,
    queries::{self, ClaimedJob, Deletion, Promotion, Release},
    upload::UploadId,
};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use uuid::Uuid;

/// The first wait before a job is tried again; the longest is `PFP_RETRY_WAIT`.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What became of a job, as `pfp_jobs_total` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user has a new picture.
    Succeeded,
    /// The image is at fault.
    Rejected,
    /// The attempts are used up.
    Failed,
    /// The user shows a later one.
    Superseded,
    /// It is tried again, and the attempt counts.
    Retried,
    /// It is tried again, and the attempt doesn't count.
    Released,
    /// There was nothing to do, or nothing of ours any more.
    Stale,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Retried => "retried",
            Self::Released => "released",
            Self::Stale => "stale",
        }
    }

    const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Rejected | Self::Failed | Self::Superseded)
    }
}

/// Writes a job's end. While the database is out it tries again and again: a job that nobody moves on costs an
/// attempt when its lease is lost, and an outage must not cost attempts. `put_unanswered`: whether the store may still
/// carry out its put.
pub async fn settle(
    worker: &Worker,
    job: &ClaimedJob,
    result: Result<Promotion, JobError>,
    put_unanswered: bool,
) -> Outcome {
    let outcome = match &result {
        Ok(Promotion::Succeeded(listed)) => after_commit(worker, job, listed, Outcome::Succeeded).await,
        Ok(Promotion::Superseded(listed)) => after_commit(worker, job, listed, Outcome::Superseded).await,
        Ok(Promotion::Lost) => claim_is_gone(worker, job, Duration::ZERO, false).await,
        Err(JobError::Reject(failure)) => reject(worker, job, failure).await,
        Err(error) => give_up(worker, job, error, put_unanswered).await,
    };
    tell(job, &result, outcome);
    outcome
}

/// Counts an outcome; also of a message that named nothing to do.
pub(crate) fn count(outcome: Outcome) {
    metrics::counter!("pfp_jobs_total", "outcome" => outcome.as_str()).increment(1);
}

/// Counts an outcome of an upload that was accepted then; returns how many milliseconds ago that is.
pub(crate) fn count_since(outcome: Outcome, accepted_at: OffsetDateTime) -> i128 {
    count(outcome);
    let waited = OffsetDateTime::now_utc() - accepted_at;
    if outcome.is_final() {
        let seconds = waited.as_seconds_f64().max(0.0);
        metrics::histogram!("pfp_upload_latency_seconds", "outcome" => outcome.as_str()).record(seconds);
    }
    waited.whole_milliseconds()
}

fn tell(job: &ClaimedJob, result: &Result<Promotion, JobError>, outcome: Outcome) {
    let ms = count_since(outcome, job.accepted_at);
    let (name, attempts) = (outcome.as_str(), job.attempts);
    match (outcome, result) {
        (Outcome::Failed, Err(error)) => tracing::error!(outcome = name, attempts, ms, %error, "job failed"),
        (Outcome::Retried | Outcome::Released, Err(error)) => {
            tracing::warn!(outcome = name, attempts, ms, %error, "job will be tried again");
        }
        (Outcome::Rejected, Err(JobError::Reject(failure))) => {
            metrics::counter!("pfp_job_rejections_total", "code" => failure.code.as_str()).increment(1);
            tracing::info!(
                outcome = name,
                attempts,
                ms,
                code = failure.code.as_str(),
                detail = failure.detail,
                "job done"
            );
        }
        _ => tracing::info!(outcome = name, attempts, ms, "job done"),
    }
}

async fn reject(worker: &Worker, job: &ClaimedJob, failure: &Failure) -> Outcome {
    let rejected = until_answered(worker, || queries::reject(&worker.services.database, job, failure)).await;
    match rejected.answer {
        Some(Some(listed)) => after_commit(worker, job, &listed, Outcome::Rejected).await,
        Some(None) => claim_is_gone(worker, job, Duration::ZERO, rejected.was_asked_again).await,
        None => Outcome::Stale,
    }
}

/// Puts the job back, or makes it failed.
async fn give_up(worker: &Worker, job: &ClaimedJob, error: &JobError, put_unanswered: bool) -> Outcome {
    let give_back = matches!(error, JobError::Dependency(_) | JobError::Stopping);
    let stopping = matches!(error, JobError::Stopping);
    let tries = u32::try_from(job.claims).unwrap_or(1).saturating_sub(1);
    let put_settles = if put_unanswered { worker.config.lease } else { Duration::ZERO };
    let release = Release {
        give_back,
        delay: if stopping { Duration::ZERO } else { delay(FIRST_RETRY, worker.config.retry_wait, tries) },
        put_settles,
        max_attempts: worker.config.max_attempts,
    };
    let failure = match error {
        JobError::BytesGone(_) => bytes_gone(),
        _ => attempts_exhausted(worker.config.max_attempts),
    };
    let released =
        until_answered(worker, || queries::release(&worker.services.database, job, release, &failure)).await;
    if matches!(released.answer, Some(Some(_))) {
        worker.services.tell_changed(&[job.id]).await;
    }
    match released.answer {
        Some(Some(true)) => Outcome::Failed,
        Some(Some(false)) => {
            if stopping {
                hand_over(worker, job).await;
            }
            if give_back { Outcome::Released } else { Outcome::Retried }
        }
        Some(None) => claim_is_gone(worker, job, put_settles, released.was_asked_again).await,
        None => Outcome::Stale,
    }
}

/// Publishes a job that was released because we stop, so that another worker needn't wait for a sweep.
async fn hand_over(worker: &Worker, job: &ClaimedJob) {
    if worker.services.publisher.publish(&Job::new(job.id), job.trace_context.as_deref()).await.is_ok() {
        // Unmarked it is published once more, which does no harm.
        let _ = queries::mark_published(&worker.services.database, job.id, job.claims).await;
    }
}

/// The failure of an upload whose attempts are used up.
#[must_use]
pub fn attempts_exhausted(max_attempts: u32) -> Failure {
    let detail = format!("All {max_attempts} attempts failed. The file is kept; it can be worked on again.");
    Failure::new(FailureCode::AttemptsExhausted, detail).limit(max_attempts)
}

/// The failure of an upload whose staged bytes are gone, or aren't what was staged.
#[must_use]
pub fn bytes_gone() -> Failure {
    Failure::new(
        FailureCode::StorageError,
        "The file is gone from the storage, or damaged there: it has to be uploaded again.",
    )
}

/// Gives back claims whose answers were lost, when nobody asks again: one that was carried out would cost an attempt.
pub async fn give_back(worker: &Worker, id: UploadId, unanswered: &[Uuid]) {
    if unanswered.is_empty() {
        return;
    }
    let given_back =
        until_answered(worker, || queries::give_back(&worker.services.database, id, unanswered)).await;
    if given_back.answer == Some(true) {
        worker.services.tell_changed(&[id]).await;
    }
}

/// What the database said in the end.
struct Answered<T> {
    /// `None`: nothing before the worker had to end.
    answer: Option<T>,
    /// Whether it was asked more than once: an earlier answer may have been lost.
    was_asked_again: bool,
}

/// Asks the database until it answers.
async fn until_answered<T, F>(worker: &Worker, ask: impl Fn() -> F) -> Answered<T>
where
    F: Future<Output = Result<T, DatabaseError>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    let mut was_asked_again = false;
    let answer = loop {
        match ask().await {
            Ok(answer) => break Some(answer),
            Err(error) if error.is_about_a_row() => {
                tracing::error!(%error, "a job's end can't be written; its lease will run out");
                break None;
            }
            // What is out is told where it is watched.
            Err(error) if error.is_unavailable() => was_asked_again = true,
            Err(error) => tracing::error!(%error, "a job's end can't be written yet"),
        }
        tokio::select! {
            () = worker.must_end.cancelled() => break None,
            () = backoff.wait() => {}
        }
    };
    Answered { answer, was_asked_again }
}

/// The claim is another worker's, or its upload is gone, or what ended it went through and the answer was lost. A promotion
/// did if a row names our picture. Else that may have been put after whoever took over had its key deleted, and is listed.
async fn claim_is_gone(
    worker: &Worker,
    job: &ClaimedJob,
    put_settles: Duration,
    was_asked_again: bool,
) -> Outcome {
    let (database, key) = (&worker.services.database, job.picture_key.as_str());
    let outcome = match queries::list_if_unnamed(database, key, put_settles).await {
        Ok(false) => Outcome::Succeeded,
        Ok(true) => match queries::status_after(database, job).await.ok().flatten().as_deref() {
            Some("rejected") => Outcome::Rejected,
            Some("superseded") => Outcome::Superseded,
            // Else a sweeper gave it up, and has told so.
            Some("failed") if was_asked_again => Outcome::Failed,
            _ => Outcome::Stale,
        },
        Err(error) => {
            tracing::warn!(%error, key, "a picture that nobody needs is left to the listing");
            Outcome::Stale
        }
    };
    if outcome != Outcome::Stale {
        worker.services.tell_changed(&[job.id]).await;
    }
    outcome
}

/// Tells waiting clients, and deletes what a transaction has listed. What can't be deleted now is left to the sweeper.
async fn after_commit(worker: &Worker, job: &ClaimedJob, listed: &[Deletion], outcome: Outcome) -> Outcome {
    let started = Instant::now();
    let (services, ended) = (&worker.services, [job.id]);
    let ((), deleted) = tokio::join!(services.tell_changed(&ended), delete_listed(services, listed));
    match deleted {
        Ok(failed) => {
            if let Some((key, error)) = failed.first() {
                tracing::warn!(count = failed.len(), key, %error, "objects are left to a sweep");
            }
        }
        Err(error) => tracing::warn!(%error, "deleted objects stay listed until a sweep"),
    }
    stage_took("delete", started);
    outcome
}
