//! A job's life in the database: claim, renew, and the ways out of `processing`. Every one of them matches the
//! claim token, so that a worker that was frozen can't write over the one that took over.

use super::{column, failure_json, seconds};
use crate::{
    database::{Database, DatabaseError, Durability, Session},
    failure::Failure,
    storage::{PictureKey, staged_key},
    upload::UploadId,
};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

/// Worker and sweeper delete what a transaction lists at once; a sweeper leaves it to the worker for this long.
const LEFT_TO_THE_WORKER: &str = "interval '30 seconds'";

/// Who takes a job, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Random, new for every claim.
    pub token: Uuid,
    /// How long the worker may be silent.
    pub lease: Duration,
    /// Attempts that count, before an upload is failed.
    pub max_attempts: u32,
}

/// A job that this worker holds.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The upload.
    pub id: UploadId,
    /// Proves the claim.
    pub token: Uuid,
    /// Whose it is.
    pub user_id: String,
    /// Its place in the order of the user's uploads.
    pub generation: i64,
    /// Attempts with this one.
    pub attempts: i32,
    /// Bytes of the staged object.
    pub size_bytes: u64,
    /// The key that this claim may put.
    pub picture_key: PictureKey,
    /// The client's crop, as stored.
    pub crop: Option<serde_json::Value>,
    /// Whether no other job may run beside it.
    pub run_alone: bool,
    /// When it was accepted.
    pub accepted_at: OffsetDateTime,
}

impl ClaimedJob {
    fn read(row: &Row, token: Uuid) -> Result<Self, DatabaseError> {
        let key: String = column(row, "picture_key")?;
        Ok(Self {
            id: UploadId(column(row, "id")?),
            token,
            user_id: column(row, "user_id")?,
            generation: column(row, "generation")?,
            attempts: column(row, "attempts")?,
            size_bytes: u64::try_from(column::<i64>(row, "size_bytes")?).unwrap_or_default(),
            picture_key: PictureKey::parse(&key)
                .ok_or_else(|| DatabaseError::Row(format!("{key:?} isn't a picture's key")))?,
            crop: column(row, "crop")?,
            run_alone: column(row, "run_alone")?,
            accepted_at: column(row, "created_at")?,
        })
    }
}

/// Takes a job that is queued and due, or whose holder lost its lease. `None`: there is nothing to take; the
/// row knows what is to be done. The key of an earlier claim is listed for deletion in the same statement.
///
/// # Errors
/// The database failed; if the outcome is unknown, the claim ends with its lease.
pub async fn claim(
    database: &Database,
    id: UploadId,
    claim: Claim,
) -> Result<Option<ClaimedJob>, DatabaseError> {
    let sql = "-- claim
        WITH due AS (
            SELECT id, status, picture_key FROM uploads
            WHERE id = $1 AND ((status = 'queued' AND run_after <= now())
                OR (status = 'processing' AND lease_until < now() AND attempts < $5))
            FOR UPDATE
        ), claimed AS (
            UPDATE uploads SET status = 'processing', attempts = attempts + 1, claim_token = $2,
                lease_until = now() + make_interval(secs => $3), picture_key = $4::jsonb ->> content_type,
                run_alone = run_alone OR due.status = 'processing', requeued_for = NULL,
                revision = revision + 1, updated_at = now()
            FROM due WHERE uploads.id = due.id
            RETURNING uploads.*, due.picture_key AS earlier_key
        ), listed AS (
            INSERT INTO object_deletions (object_key)
            SELECT earlier_key FROM claimed WHERE earlier_key IS NOT NULL ON CONFLICT DO NOTHING
        )
        SELECT id, user_id, generation, attempts, size_bytes, picture_key, crop, run_alone, created_at FROM claimed";
    let keys = PictureKey::candidates();
    let max_attempts = i32::try_from(claim.max_attempts).unwrap_or(i32::MAX);
    let work = async {
        let mut session = database.session().await?;
        let row = session
            .optional(sql, &[&id.0, &claim.token, &seconds(claim.lease), &keys, &max_attempts])
            .await?;
        row.map(|row| ClaimedJob::read(&row, claim.token)).transpose()
    };
    database.within(work).await
}

/// Renews a claim's lease. False: the claim is gone, another worker has the job or it is done.
///
/// # Errors
/// The database failed.
pub async fn renew_claim(
    database: &Database,
    job: &ClaimedJob,
    lease: Duration,
) -> Result<bool, DatabaseError> {
    let sql = "-- renew_claim
        UPDATE uploads SET lease_until = now() + make_interval(secs => $3)
        WHERE id = $1 AND claim_token = $2";
    let work =
        async { database.session().await?.execute(sql, &[&job.id.0, &job.token, &seconds(lease)]).await };
    Ok(database.within(work).await? == 1)
}

/// What became of a finished picture. Each but `Lost` names the objects that are to be deleted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// The user points at it.
    Succeeded(Vec<String>),
    /// The user already shows a later generation.
    Superseded(Vec<String>),
    /// The claim is gone, or the user is.
    Lost,
}

/// The one transaction that makes a picture the user's picture.
///
/// # Errors
/// The database failed. If the outcome is unknown the job is left to its lease: whoever takes it over lists
/// this claim's key.
pub async fn promote(database: &Database, job: &ClaimedJob, url: &str) -> Result<Promotion, DatabaseError> {
    let lock = "-- promote: lock_user\nSELECT picture_generation FROM users WHERE id = $1 FOR UPDATE";
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
        RETURNING object_key"
    );
    let staged = staged_key(job.id);
    let rows = session.rows(&sql, &[&job.id.0, &job.token, &url, &staged]).await?;
    Ok(if rows.is_empty() { Promotion::Lost } else { Promotion::Succeeded(keys(&rows)?) })
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
) -> Result<Option<Vec<String>>, DatabaseError> {
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
        RETURNING object_key"
    );
    let failure = failure.map(failure_json).transpose()?;
    let staged = staged_too.then(|| staged_key(job.id));
    let rows = session.rows(&sql, &[&job.id.0, &job.token, &status, &failure, &staged]).await?;
    if rows.is_empty() { Ok(None) } else { Ok(Some(keys(&rows)?)) }
}

/// The image is at fault: final. Returns the objects to be deleted now; `None`: the claim is gone.
///
/// # Errors
/// The database failed.
pub async fn reject(
    database: &Database,
    job: &ClaimedJob,
    failure: &Failure,
) -> Result<Option<Vec<String>>, DatabaseError> {
    database
        .within(async {
            let mut session = database.session().await?;
            leave(&mut session, job, "rejected", Some(failure), true).await
        })
        .await
}

/// How a job goes back without a result.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    /// Whether the attempt is given back: a dependency was at fault, or the worker was asked to stop.
    pub give_back: bool,
    /// Not to be tried again before.
    pub delay: Duration,
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
            let requeued = requeue(&mut session, job, release).await?;
            Ok(requeued.then_some(false))
        })
        .await
}

async fn requeue(session: &mut Session, job: &ClaimedJob, release: Release) -> Result<bool, DatabaseError> {
    let sql = "-- release
        WITH before AS (
            SELECT id, picture_key FROM uploads WHERE id = $1 AND claim_token = $2 FOR UPDATE
        ), queued AS (
            UPDATE uploads SET status = 'queued', attempts = attempts - $3, picture_key = NULL, claim_token = NULL,
                lease_until = NULL, published_at = NULL, requeued_for = 'retry',
                run_after = now() + make_interval(secs => $4), updated_at = now(), revision = revision + 1
            FROM before WHERE uploads.id = before.id
        )
        INSERT INTO object_deletions (object_key) SELECT picture_key FROM before
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at";
    let given_back = i32::from(release.give_back);
    let listed = session.execute(sql, &[&job.id.0, &job.token, &given_back, &seconds(release.delay)]).await?;
    Ok(listed == 1)
}

fn keys(rows: &[Row]) -> Result<Vec<String>, DatabaseError> {
    rows.iter().map(|row| column(row, "object_key")).collect()
}
