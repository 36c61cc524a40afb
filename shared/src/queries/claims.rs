//! Who has a job: claim it, and renew the lease.

use super::{column, seconds};
use crate::{
    database::{Database, DatabaseError},
    storage::PictureKey,
    upload::UploadId,
};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

/// Who takes a job, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Random, new for every claim.
    pub token: Uuid,
    /// Earlier claims of ours whose answers were lost: nobody works on them.
    pub unanswered: &'a [Uuid],
    /// How long the worker may be silent.
    pub lease: Duration,
    /// Attempts that count, before an upload is failed.
    pub max_attempts: u32,
    /// It may be taken from a worker whose lease ended before then; from none without it: see
    /// [`crate::services::Services::silent_before`].
    pub silent_before: Option<OffsetDateTime>,
    /// Whether no other job runs beside it: one that may kill its worker is taken in no other case.
    pub alone: bool,
}

/// What a claim has got.
#[derive(Debug, Clone)]
pub enum Claimed {
    /// The job.
    Job(Box<ClaimedJob>),
    /// Nothing, and the job is left as it was: it has to run alone.
    MustRunAlone,
    /// Nothing: there is nothing to take.
    Nothing,
}

impl Claimed {
    /// The job, if there is one.
    #[must_use]
    pub fn job(self) -> Option<ClaimedJob> {
        match self {
            Self::Job(job) => Some(*job),
            Self::MustRunAlone | Self::Nothing => None,
        }
    }
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
    /// Claims with this one, those that don't count as attempts included.
    pub claims: i32,
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
    /// Its request's traceparent.
    pub trace_context: Option<String>,
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
            claims: column(row, "claims")?,
            size_bytes: u64::try_from(column::<i64>(row, "size_bytes")?).unwrap_or_default(),
            picture_key: PictureKey::parse(&key)
                .ok_or_else(|| DatabaseError::Row(format!("{key:?} isn't a picture's key")))?,
            crop: column(row, "crop")?,
            run_alone: column(row, "run_alone")?,
            accepted_at: column(row, "created_at")?,
            trace_context: column(row, "trace_context")?,
        })
    }
}

/// Takes a job that is queued and due, or whose holder lost its lease. Where there is nothing to take the row knows
/// what is to be done. The key of an earlier claim is listed for deletion in the same statement.
///
/// A claim of ours whose answer was lost may be carried out late, before or after this one. Before, this one takes
/// it over, and it doesn't count; after, it finds nothing to take. So an outage costs no attempt.
///
/// # Errors
/// The database failed; if the outcome is unknown, the claim has to be named as unanswered in the next one.
pub async fn claim(database: &Database, id: UploadId, claim: Claim<'_>) -> Result<Claimed, DatabaseError> {
    let sql = "-- claim
        WITH due AS (
            SELECT id, picture_key, coalesce(claim_token = ANY($6), false) AS unanswered,
                run_alone OR (status = 'processing' AND coalesce(lease_until < $7, false)
                    AND NOT coalesce(claim_token = ANY($6), false)) AS alone
            FROM uploads
            WHERE id = $1 AND ((status = 'queued' AND run_after <= now())
                OR (status = 'processing' AND lease_until < $7 AND attempts < $5)
                OR claim_token = ANY($6))
            FOR UPDATE
        ), claimed AS (
            UPDATE uploads SET status = 'processing', claim_token = $2,
                attempts = attempts + CASE WHEN due.unanswered THEN 0 ELSE 1 END, claims = claims + 1,
                lease_until = now() + make_interval(secs => $3), picture_key = $4::jsonb ->> content_type,
                run_alone = due.alone, revision = revision + 1, updated_at = now()
            FROM due WHERE uploads.id = due.id AND ($8 OR NOT due.alone)
            RETURNING uploads.*, due.picture_key AS earlier_key
        ), listed AS (
            INSERT INTO object_deletions (object_key)
            SELECT earlier_key FROM claimed WHERE earlier_key IS NOT NULL ON CONFLICT DO NOTHING
        )
        SELECT claimed.id IS NULL AS is_left, claimed.id, user_id, generation, attempts, claims, size_bytes,
            claimed.picture_key, crop, run_alone, created_at, trace_context
        FROM due LEFT JOIN claimed ON true";
    let keys = PictureKey::candidates();
    let max_attempts = i32::try_from(claim.max_attempts).unwrap_or(i32::MAX);
    let work = async {
        let mut session = database.session().await?;
        let lease = seconds(claim.lease);
        let Claim { token, unanswered, silent_before, alone, .. } = claim;
        let row = session
            .optional(
                sql,
                &[&id.0, &token, &lease, &keys, &max_attempts, &unanswered, &silent_before, &alone],
            )
            .await?;
        match row {
            None => Ok(Claimed::Nothing),
            Some(row) if column(&row, "is_left")? => Ok(Claimed::MustRunAlone),
            Some(row) => Ok(Claimed::Job(Box::new(ClaimedJob::read(&row, token)?))),
        }
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
