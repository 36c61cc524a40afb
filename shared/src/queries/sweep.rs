//! What is due: leases that were lost, messages that were never sent or got lost, rows that are old enough.

use super::{column, failure_json, seconds};
use crate::{
    database::{Database, DatabaseError},
    failure::Failure,
    upload::UploadId,
};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;

/// Removes uploads whose API fell silent while it received them; the row's trigger lists what was staged.
///
/// # Errors
/// The database failed.
pub async fn expire_reservations(database: &Database, batch: i64) -> Result<u64, DatabaseError> {
    let sql = "-- expire_reservations
        DELETE FROM uploads WHERE id IN (
            SELECT id FROM uploads WHERE status = 'receiving' AND lease_until < now()
            ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED)";
    database.within(async { database.session().await?.execute(sql, &[&batch]).await }).await
}

/// A job that was taken from a worker that fell silent.
#[derive(Debug, Clone)]
pub struct LostClaim {
    /// The upload.
    pub id: UploadId,
    /// Attempts so far, the lost one included.
    pub attempts: i32,
    /// When the upload was accepted.
    pub accepted_at: OffsetDateTime,
    /// Whether its attempts are used up: it is `failed` now, else `queued`.
    pub is_failed: bool,
}

impl LostClaim {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: UploadId(column(row, "id")?),
            attempts: column(row, "attempts")?,
            accepted_at: column(row, "created_at")?,
            is_failed: column(row, "exhausted")?,
        })
    }
}

/// Takes jobs from workers whose leases had run out then: `queued` again with the attempt kept, to run alone; or `failed`
/// when the attempts are used up.
///
/// # Errors
/// The database failed.
pub async fn requeue_lost_claims(
    database: &Database,
    batch: i64,
    silent_before: OffsetDateTime,
    max_attempts: u32,
    exhausted: &Failure,
) -> Result<Vec<LostClaim>, DatabaseError> {
    let sql = "-- requeue_lost_claims
        WITH lost AS (
            SELECT id, picture_key, attempts, created_at, attempts >= $2 AS exhausted FROM uploads
            WHERE status = 'processing' AND lease_until < $4
            ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED
        ), moved AS (
            UPDATE uploads SET status = CASE WHEN lost.exhausted THEN 'failed' ELSE 'queued' END,
                failure = CASE WHEN lost.exhausted THEN $3::jsonb END,
                finished_at = CASE WHEN lost.exhausted THEN now() END,
                picture_key = NULL, claim_token = NULL, lease_until = NULL, published_at = NULL, run_after = now(),
                run_alone = true, requeued_for = CASE WHEN lost.exhausted THEN NULL ELSE 'lease_lost' END,
                updated_at = now(), revision = revision + 1
            FROM lost WHERE uploads.id = lost.id
        ), listed AS (
            INSERT INTO object_deletions (object_key) SELECT picture_key FROM lost WHERE picture_key IS NOT NULL
            ON CONFLICT DO NOTHING
        )
        SELECT id, attempts, created_at, exhausted FROM lost";
    let failure = failure_json(exhausted)?;
    let max_attempts = i32::try_from(max_attempts).unwrap_or(i32::MAX);
    let work = async {
        let rows =
            database.session().await?.rows(sql, &[&batch, &max_attempts, &failure, &silent_before]).await?;
        rows.iter().map(LostClaim::read).collect()
    };
    database.within(work).await
}

/// A job whose message is to be published.
#[derive(Debug, Clone)]
pub struct DueJob {
    /// The upload.
    pub id: UploadId,
    /// Its request's traceparent.
    pub trace_context: Option<String>,
    /// Why it is published by a sweeper: `unpublished`, `retry`, `lease_lost`, `message_lost`.
    pub reason: String,
}

impl DueJob {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: UploadId(column(row, "id")?),
            trace_context: column(row, "trace_context")?,
            reason: column(row, "reason")?,
        })
    }
}

/// Takes a batch of jobs that are due and whose message was never confirmed, and marks them as published: if
/// the sweeper dies before it publishes, they count as lost messages later. An upload that was just accepted
/// is left to its API for two seconds.
///
/// # Errors
/// The database failed.
pub async fn take_unpublished(database: &Database, batch: i64) -> Result<Vec<DueJob>, DatabaseError> {
    let sql = "-- take_unpublished
        UPDATE uploads SET published_at = now(), requeued_for = coalesce(requeued_for, 'unpublished')
        WHERE id IN (
            SELECT id FROM uploads WHERE status = 'queued' AND published_at IS NULL AND run_after <= now()
                AND run_after <= now() - CASE WHEN requeued_for IS NULL THEN interval '2 seconds' ELSE interval '0' END
            ORDER BY run_after LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id, trace_context, requeued_for AS reason";
    take(database, sql, batch, None).await
}

/// A message of a queued upload that was published before this time is lost, if `$2` seconds are enough for any other
/// and the queue had nothing ready at `$3`.
pub(super) const LOST_BEFORE: &str = "least(now(), greatest($3::timestamptz, (
        -- Of those that their APIs published: one that a sweeper sent may have an earlier message in the queue, and
        -- says nothing of the order.
        SELECT max(published_at) FROM uploads
        WHERE status IN ('processing', 'succeeded', 'rejected', 'failed', 'superseded')
            AND published_at IS NOT NULL AND requeued_for IS NULL),
        -- Where neither is known, nothing is: least() would pass over a NULL.
        '-infinity')) - make_interval(secs => $2)";

/// Takes a batch of jobs whose message must be lost: the queue had nothing ready a lease after it was published, or
/// uploads that were published a lease later have already been claimed. A long healthy backlog is neither.
///
/// # Errors
/// The database failed.
pub async fn take_lost_messages(
    database: &Database,
    batch: i64,
    lease: Duration,
    queue_was_empty: Option<OffsetDateTime>,
) -> Result<Vec<DueJob>, DatabaseError> {
    let sql = format!(
        "-- take_lost_messages
        UPDATE uploads SET published_at = now(), requeued_for = 'message_lost'
        WHERE id IN (
            SELECT id FROM uploads WHERE status = 'queued' AND run_after <= now() AND published_at < {LOST_BEFORE}
            ORDER BY published_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id, trace_context, 'message_lost' AS reason"
    );
    take(database, &sql, batch, Some((seconds(lease), queue_was_empty))).await
}

async fn take(
    database: &Database,
    sql: &str,
    batch: i64,
    lost: Option<(f64, Option<OffsetDateTime>)>,
) -> Result<Vec<DueJob>, DatabaseError> {
    let work = async {
        let mut session = database.session().await?;
        let rows = match &lost {
            Some((lease, was_empty)) => session.rows(sql, &[&batch, lease, was_empty]).await?,
            None => session.rows(sql, &[&batch]).await?,
        };
        rows.iter().map(DueJob::read).collect()
    };
    database.within(work).await
}

/// Gives jobs back whose message couldn't be published.
///
/// # Errors
/// The database failed; they count as lost messages later.
pub async fn unpublish(database: &Database, ids: &[UploadId]) -> Result<(), DatabaseError> {
    let sql = "-- unpublish
        UPDATE uploads SET published_at = NULL WHERE id = ANY($1) AND status = 'queued'";
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    database.within(async { database.session().await?.execute(sql, &[&ids]).await }).await?;
    Ok(())
}

/// Forgets the token buckets of users that were erased long enough ago for every bucket to be full again.
///
/// # Errors
/// The database failed.
pub async fn forget_erased_users(database: &Database, batch: i64) -> Result<u64, DatabaseError> {
    let sql = "-- forget_erased_users
        DELETE FROM erased_users WHERE id_sha256 IN (
            SELECT id_sha256 FROM erased_users WHERE erased_at < now() - interval '2 minutes'
            LIMIT $1 FOR UPDATE SKIP LOCKED)";
    database.within(async { database.session().await?.execute(sql, &[&batch]).await }).await
}

/// Removes a batch of final uploads that are older than the retention. One with an idempotency key stays for a day at
/// least; the row's trigger lists the staged bytes of failed ones.
///
/// # Errors
/// The database failed.
pub async fn remove_retained(
    database: &Database,
    batch: i64,
    retention: Duration,
) -> Result<u64, DatabaseError> {
    let sql = "-- remove_retained
        WITH old AS (
            SELECT id FROM uploads
            WHERE finished_at < now() - greatest(make_interval(secs => $2), interval '24 hours')
            ORDER BY finished_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ), without_key AS (
            SELECT id FROM uploads
            WHERE finished_at < now() - make_interval(secs => $2) AND idempotency_key IS NULL AND $2 < 86400
            ORDER BY finished_at LIMIT $1 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM uploads WHERE id IN (SELECT id FROM old UNION ALL SELECT id FROM without_key)";
    database
        .within(async { database.session().await?.execute(sql, &[&batch, &seconds(retention)]).await })
        .await
}
