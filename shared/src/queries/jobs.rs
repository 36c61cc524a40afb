//! The ways of a job out of `processing`. Every one of them matches the claim token, so that a worker that was
//! frozen can't write over the one that took over.

use super::{ClaimedJob, Deletion, column, failure_json, seconds};
use crate::{
    database::{Database, DatabaseError, Durability, Session},
    failure::Failure,
    storage::staged_key,
    upload::UploadId,
};
use std::time::Duration;
use uuid::Uuid;

/// Worker and sweeper delete what a transaction lists at once; a sweeper leaves it to the worker for this long.
const LEFT_TO_THE_WORKER: &str = "interval '30 seconds'";

/// What became of a finished picture. Each but `Lost` names the objects that are to be deleted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// The user points at it.
    Succeeded(Vec<Deletion>),
    /// The user already shows a later generation.
    Superseded(Vec<Deletion>),
    /// The claim is gone, or the user is.
    Lost,
}

/// The one transaction that makes a picture the user's picture.
///
/// # Errors
/// The database failed. If the outcome is unknown the job is left to its lease: whoever takes it over lists
/// this claim's key.
pub async fn promote(database: &Database, job: &ClaimedJob, url: &str) -> Result<Promotion, DatabaseError> {
    let lock = "-- promote: lock_user\nSELECT picture_generation FROM users WHERE id = $1 FOR NO KEY UPDATE";
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(Durability::Durable).await?;
            let shown = session.optional(lock, &[&job.user_id]).await?;
            let Some(shown) = shown.map(|row| column::<i64>(&row, "picture_generation")).transpose()? else {
                session.rollback().await?;
                return Ok(Promotion::Lost);
            };
            let promotion = if job.generation > shown {
                show_picture(&mut session, job, url).await?
            } else {
                supersede(&mut session, job).await?
            };
            session.commit().await?;
            Ok(promotion)
        })
        .await
}

/// Points the user at the picture; the upload that was shown before loses its picture, whose key is listed.
async fn show_picture(
    session: &mut Session,
    job: &ClaimedJob,
    url: &str,
) -> Result<Promotion, DatabaseError> {
    let sql = format!(
        "-- promote: show_picture
        WITH succeeded AS (
            UPDATE uploads SET status = 'succeeded', claim_token = NULL, lease_until = NULL, finished_at = now(),
                updated_at = now(), revision = revision + 1
            WHERE id = $1 AND claim_token = $2 RETURNING user_id, picture_key, generation
        ), before AS (
            SELECT users.id, users.picture_key, users.picture_upload_id FROM users, succeeded WHERE users.id = succeeded.user_id
        ), shown AS (
            UPDATE users SET picture_key = succeeded.picture_key, profile_picture_url = $3, picture_upload_id = $1,
                picture_generation = succeeded.generation, updated_at = now()
            FROM succeeded WHERE users.id = succeeded.user_id
        ), replaced AS (
            UPDATE uploads SET picture_key = NULL, updated_at = now(), revision = revision + 1
            FROM before WHERE uploads.id = before.picture_upload_id AND uploads.picture_key = before.picture_key
        )
        INSERT INTO object_deletions (object_key, retry_at)
        SELECT key, now() + {LEFT_TO_THE_WORKER}
        FROM before CROSS JOIN LATERAL (VALUES ($4), (before.picture_key)) AS gone (key) WHERE key IS NOT NULL
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at
        RETURNING object_key, retry_at"
    );
    let staged = staged_key(job.id);
    let rows = session.rows(&sql, &[&job.id.0, &job.token, &url, &staged]).await?;
    Ok(if rows.is_empty() { Promotion::Lost } else { Promotion::Succeeded(Deletion::read_all(&rows)?) })
}

/// The picture came too late: the upload is final without it, and its own key is listed.
async fn supersede(session: &mut Session, job: &ClaimedJob) -> Result<Promotion, DatabaseError> {
    let keys = leave(session, job, "superseded", None, true).await?;
    Ok(keys.map_or(Promotion::Lost, Promotion::Superseded))
}

/// Out of `processing` into a final state without a picture: the claim's key is listed, and the staged one
/// unless it is kept. `None`: the claim is gone.
async fn leave(
    session: &mut Session,
    job: &ClaimedJob,
    status: &str,
    failure: Option<&Failure>,
    staged_too: bool,
) -> Result<Option<Vec<Deletion>>, DatabaseError> {
    let sql = format!(
        "-- leave_processing
        WITH before AS (
            SELECT id, picture_key FROM uploads WHERE id = $1 AND claim_token = $2 FOR UPDATE
        ), final AS (
            UPDATE uploads SET status = $3, failure = $4, picture_key = NULL, claim_token = NULL, lease_until = NULL,
                finished_at = now(), updated_at = now(), revision = revision + 1
            FROM before WHERE uploads.id = before.id
        )
        INSERT INTO object_deletions (object_key, retry_at)
        SELECT key, now() + {LEFT_TO_THE_WORKER}
        FROM before CROSS JOIN LATERAL (VALUES ($5), (before.picture_key)) AS gone (key) WHERE key IS NOT NULL
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at
        RETURNING object_key, retry_at"
    );
    let failure = failure.map(failure_json).transpose()?;
    let staged = staged_too.then(|| staged_key(job.id));
    let rows = session.rows(&sql, &[&job.id.0, &job.token, &status, &failure, &staged]).await?;
    if rows.is_empty() { Ok(None) } else { Ok(Some(Deletion::read_all(&rows)?)) }
}

/// The image is at fault: final. Returns the objects to be deleted now; `None`: the claim is gone.
///
/// # Errors
/// The database failed.
pub async fn reject(
    database: &Database,
    job: &ClaimedJob,
    failure: &Failure,
) -> Result<Option<Vec<Deletion>>, DatabaseError> {
    database
        .within(async {
            let mut session = database.session().await?;
            leave(&mut session, job, "rejected", Some(failure), true).await
        })
        .await
}

/// What a job's upload is, if this claim was the last on it and is over: where the answer to what ended it was lost, that
/// is how it ended.
///
/// # Errors
/// The database failed.
pub async fn status_after(database: &Database, job: &ClaimedJob) -> Result<Option<String>, DatabaseError> {
    let sql = "-- status_after
        SELECT status FROM uploads WHERE id = $1 AND claims = $2 AND claim_token IS NULL";
    let work = async {
        let row = database.session().await?.optional(sql, &[&job.id.0, &job.claims]).await?;
        row.map(|row| column(&row, "status")).transpose()
    };
    database.within(work).await
}

/// How a job goes back without a result.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Whether the attempt is given back: a dependency was at fault, or the worker was asked to stop.
    pub give_back: bool,
    /// Not to be tried again before.
    pub delay: Duration,
    /// The key of a claim that goes back is deleted after this long: a put that the store left unanswered may be carried out
    /// yet.
    pub put_settles: Duration,
    /// Attempts that count, before an upload is failed.
    pub max_attempts: u32,
}

/// Puts a job back to `queued`, or makes it `failed` when its attempts are used up. The claim's key is listed
/// either way, the staged bytes are kept. Returns whether it failed; `None`: the claim is gone.
///
/// # Errors
/// The database failed.
pub async fn release(
    database: &Database,
    job: &ClaimedJob,
    release: Release,
    exhausted: &Failure,
) -> Result<Option<bool>, DatabaseError> {
    let max_attempts = i32::try_from(release.max_attempts).unwrap_or(i32::MAX);
    database
        .within(async {
            let mut session = database.session().await?;
            if !release.give_back && job.attempts >= max_attempts {
                let left = leave(&mut session, job, "failed", Some(exhausted), false).await?;
                return Ok(left.map(|_| true));
            }
            let requeued = requeue(&mut session, job.id, &[job.token], release).await?;
            Ok(requeued.then_some(false))
        })
        .await
}

/// Gives back an upload that was claimed under one of these tokens, as if it had not been. False: none of the claims was
/// carried out.
///
/// # Errors
/// The database failed.
pub async fn give_back(database: &Database, id: UploadId, tokens: &[Uuid]) -> Result<bool, DatabaseError> {
    // Nobody knows that the claim is theirs, so nothing was put.
    let (delay, put_settles) = (Duration::ZERO, Duration::ZERO);
    let release = Release { give_back: true, delay, put_settles, max_attempts: 0 };
    let given_back = async { requeue(&mut database.session().await?, id, tokens, release).await };
    database.within(given_back).await
}

async fn requeue(
    session: &mut Session,
    id: UploadId,
    tokens: &[Uuid],
    release: Release,
) -> Result<bool, DatabaseError> {
    let sql = "-- release
        WITH before AS (
            SELECT id, picture_key FROM uploads WHERE id = $1 AND claim_token = ANY($2) FOR UPDATE
        ), queued AS (
            UPDATE uploads SET status = 'queued', attempts = attempts - $3, picture_key = NULL, claim_token = NULL,
                lease_until = NULL, published_at = NULL, requeued_for = 'retry',
                run_after = now() + make_interval(secs => $4), updated_at = now(), revision = revision + 1
            FROM before WHERE uploads.id = before.id
        )
        INSERT INTO object_deletions (object_key, retry_at)
        SELECT picture_key, now() + make_interval(secs => $5) FROM before
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at";
    let given_back = i32::from(release.give_back);
    let (delay, put_settles) = (seconds(release.delay), seconds(release.put_settles));
    let listed = session.execute(sql, &[&id.0, &tokens, &given_back, &delay, &put_settles]).await?;
    Ok(listed == 1)
}
