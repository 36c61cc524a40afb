//! Uploads that the system gave up on.

use super::column;
use crate::{
    database::{Database, DatabaseError},
    upload::UploadId,
};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

/// A failed upload, as an operator is shown it.
#[derive(Debug, Clone)]
pub struct FailedUpload {
    /// The upload.
    pub id: UploadId,
    /// Whose it is.
    pub user_id: String,
    /// When the system gave up.
    pub finished_at: OffsetDateTime,
    /// Attempts that counted.
    pub attempts: i32,
    /// Bytes of the file.
    pub size_bytes: u64,
    /// The failure's code.
    pub code: String,
    /// The failure's sentence.
    pub detail: String,
}

impl FailedUpload {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: UploadId(column(row, "id")?),
            user_id: column(row, "user_id")?,
            finished_at: column(row, "finished_at")?,
            attempts: column(row, "attempts")?,
            size_bytes: u64::try_from(column::<i64>(row, "size_bytes")?).unwrap_or_default(),
            code: column(row, "code")?,
            detail: column(row, "detail")?,
        })
    }
}

/// A page of the failed uploads, newest first: those that failed before a moment, or at it with a lower id.
///
/// # Errors
/// The database failed.
pub async fn failed_uploads(
    database: &Database,
    before: (OffsetDateTime, UploadId),
    page: i64,
) -> Result<Vec<FailedUpload>, DatabaseError> {
    let sql = "-- failed_uploads
        SELECT id, user_id, finished_at, attempts, coalesce(size_bytes, 0) AS size_bytes,
            coalesce(failure->>'code', '') AS code, coalesce(failure->>'detail', '') AS detail
        FROM uploads WHERE status = 'failed' AND finished_at <= $1 AND (finished_at, id) < ($1, $2)
        ORDER BY finished_at DESC, id DESC LIMIT $3";
    let work = async {
        let rows = database.session().await?.rows(sql, &[&before.0, &before.1.0, &page]).await?;
        rows.iter().map(FailedUpload::read).collect()
    };
    database.within(work).await
}

/// A failed upload; nothing if it isn't failed.
///
/// # Errors
/// The database failed.
pub async fn failed_upload(database: &Database, id: UploadId) -> Result<Option<FailedUpload>, DatabaseError> {
    let sql = "-- failed_upload
        SELECT id, user_id, finished_at, attempts, coalesce(size_bytes, 0) AS size_bytes,
            coalesce(failure->>'code', '') AS code, coalesce(failure->>'detail', '') AS detail
        FROM uploads WHERE id = $1 AND status = 'failed'";
    let work = async {
        let row = database.session().await?.optional(sql, &[&id.0]).await?;
        row.as_ref().map(FailedUpload::read).transpose()
    };
    database.within(work).await
}

/// How many uploads are failed, and the database's time.
///
/// # Errors
/// The database failed.
pub async fn count_failed(database: &Database) -> Result<(i64, OffsetDateTime), DatabaseError> {
    let sql = "-- count_failed\nSELECT count(*) AS failed, now() AS now FROM uploads WHERE status = 'failed'";
    let work = async {
        let row = database.session().await?.one(sql, &[]).await?;
        Ok((column(&row, "failed")?, column(&row, "now")?))
    };
    database.within(work).await
}

/// Everything that an upload's row says, as JSON, but what a client can't see is for nobody's eyes: the claim's token.
///
/// # Errors
/// The database failed.
pub async fn whole_upload(
    database: &Database,
    id: UploadId,
) -> Result<Option<serde_json::Value>, DatabaseError> {
    let sql = "-- whole_upload
        SELECT to_jsonb(uploads) - 'claim_token' AS row FROM uploads WHERE id = $1";
    let work = async {
        let row = database.session().await?.optional(sql, &[&id.0]).await?;
        row.as_ref().map(|row| column(row, "row")).transpose()
    };
    database.within(work).await
}

/// Puts failed uploads back to `queued`, with no attempt counted and their old generations: whoever shows a later
/// picture keeps it. They count as published, for whoever asked publishes them at once. Those that aren't failed any
/// more, were removed by the retention, or whose users were erased are left out of the answer.
///
/// # Errors
/// The database failed.
pub async fn replay_failed(database: &Database, ids: &[Uuid]) -> Result<Vec<ReplayedUpload>, DatabaseError> {
    let sql = "-- replay_failed
        UPDATE uploads SET status = 'queued', attempts = 0, claims = 0, failure = NULL, finished_at = NULL,
            run_after = now(), published_at = now(), requeued_for = 'retry', updated_at = now(),
            revision = revision + 1
        WHERE id = ANY($1) AND status = 'failed' RETURNING id, trace_context";
    let work = async {
        let rows = database.session().await?.rows(sql, &[&ids]).await?;
        let read = |row: &Row| {
            Ok(ReplayedUpload {
                id: UploadId(column(row, "id")?),
                trace_context: column(row, "trace_context")?,
            })
        };
        rows.iter().map(read).collect()
    };
    database.within(work).await
}

/// An upload that is queued again.
#[derive(Debug, Clone)]
pub struct ReplayedUpload {
    /// The upload.
    pub id: UploadId,
    /// Its request's traceparent.
    pub trace_context: Option<String>,
}
