//! Uploads against their users and against what is staged.

use super::super::{column, failure_json, listing::unnamed_keys};
use crate::{
    database::{Database, DatabaseError},
    failure::{Failure, FailureCode},
    upload::UploadId,
};
use tokio_postgres::Row;
use uuid::Uuid;

/// Whether an upload's staged object has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StagedNeed {
    /// It has: the upload waits, is worked on, or is kept for a replay.
    Needed,
    /// It may be there: bytes are on their way, or are known to be gone.
    Allowed,
    /// It must not.
    Unneeded,
}

/// What is compared of an upload.
#[derive(Debug, Clone)]
pub struct CheckedUpload {
    /// The upload.
    pub id: UploadId,
    /// Whose it is.
    pub user_id: String,
    /// Its place in the order of pictures; 0 while it is received.
    pub generation: i64,
    /// Bytes of its file; 0 while it is received.
    pub size_bytes: u64,
    /// Whether its bytes have to be there.
    pub staged: StagedNeed,
    /// The picture that it names although its user doesn't show it.
    pub unshown: Option<String>,
}

impl CheckedUpload {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        let (is_needed, is_allowed): (bool, bool) = (column(row, "is_needed")?, column(row, "is_allowed")?);
        Ok(Self {
            id: UploadId(column(row, "id")?),
            user_id: column(row, "user_id")?,
            generation: column(row, "generation")?,
            size_bytes: u64::try_from(column::<i64>(row, "size_bytes")?).unwrap_or_default(),
            staged: match (is_needed, is_allowed) {
                (true, _) => StagedNeed::Needed,
                (false, true) => StagedNeed::Allowed,
                (false, false) => StagedNeed::Unneeded,
            },
            unshown: column(row, "unshown")?,
        })
    }
}

/// A page of all uploads by id, those after one. Upload and user come from one snapshot, so a promotion is seen whole
/// or not at all.
///
/// # Errors
/// The database failed.
pub async fn checked_uploads(
    database: &Database,
    after: Uuid,
    page: i64,
) -> Result<Vec<CheckedUpload>, DatabaseError> {
    let sql = "-- checked_uploads
        SELECT uploads.id, uploads.user_id, coalesce(generation, 0) AS generation,
            coalesce(size_bytes, 0) AS size_bytes,
            status IN ('queued', 'processing', 'failed') AND failure->>'code' IS DISTINCT FROM $3 AS is_needed,
            status IN ('receiving', 'failed') AS is_allowed,
            CASE WHEN status = 'succeeded' AND uploads.picture_key IS DISTINCT FROM users.picture_key
                THEN uploads.picture_key END AS unshown
        FROM uploads JOIN users ON users.id = uploads.user_id
        WHERE uploads.id > $1 ORDER BY uploads.id LIMIT $2";
    let gone = FailureCode::StorageError.as_str();
    let work = async {
        let rows = database.session().await?.rows(sql, &[&after, &page, &gone]).await?;
        rows.iter().map(CheckedUpload::read).collect()
    };
    database.within(work).await
}

/// An upload that needs its staged object.
#[derive(Debug, Clone)]
pub struct NeedsStaged {
    /// The upload.
    pub id: UploadId,
    /// Its state's name.
    pub status: String,
    /// Bytes that the staged object must have.
    pub size_bytes: u64,
}

/// Those of the uploads that need their staged objects now.
///
/// # Errors
/// The database failed.
pub async fn need_staged(database: &Database, ids: &[Uuid]) -> Result<Vec<NeedsStaged>, DatabaseError> {
    let sql = "-- need_staged
        SELECT id, status, coalesce(size_bytes, 0) AS size_bytes FROM uploads
        WHERE id = ANY($1) AND status IN ('queued', 'processing', 'failed')
            AND failure->>'code' IS DISTINCT FROM $2 ORDER BY id";
    let gone = FailureCode::StorageError.as_str();
    let work = async {
        let rows = database.session().await?.rows(sql, &[&ids, &gone]).await?;
        let read = |row: &Row| {
            let size: i64 = column(row, "size_bytes")?;
            Ok(NeedsStaged {
                id: UploadId(column(row, "id")?),
                status: column(row, "status")?,
                size_bytes: u64::try_from(size).unwrap_or_default(),
            })
        };
        rows.iter().map(read).collect()
    };
    database.within(work).await
}

/// Notes at a failed upload that its bytes are gone, so that nobody looks for them again. False: it isn't failed any
/// more.
///
/// # Errors
/// The database failed.
pub async fn mark_bytes_gone(
    database: &Database,
    id: UploadId,
    failure: &Failure,
) -> Result<bool, DatabaseError> {
    let sql = "-- mark_bytes_gone
        UPDATE uploads SET failure = $2, updated_at = now(), revision = revision + 1
        WHERE id = $1 AND status = 'failed'";
    let failure = failure_json(failure)?;
    let work = async { database.session().await?.execute(sql, &[&id.0, &failure]).await };
    Ok(database.within(work).await? == 1)
}

/// Takes pictures from uploads whose users don't show them, and lists those that nobody shows. A picture that was
/// replaced is never shown again, so what was read can't become right meanwhile.
///
/// # Errors
/// The database failed.
pub async fn clear_unshown(database: &Database, ids: &[Uuid]) -> Result<u64, DatabaseError> {
    let sql = "-- clear_unshown
        WITH unshown AS (
            SELECT uploads.id, uploads.picture_key FROM uploads JOIN users ON users.id = uploads.user_id
            WHERE uploads.id = ANY($1) AND status = 'succeeded' AND uploads.picture_key IS NOT NULL
                AND uploads.picture_key IS DISTINCT FROM users.picture_key
            FOR UPDATE OF uploads
        ), listed AS (
            INSERT INTO object_deletions (object_key)
            SELECT DISTINCT picture_key FROM unshown
            WHERE NOT EXISTS (SELECT FROM users WHERE users.picture_key = unshown.picture_key)
            ON CONFLICT (object_key) DO UPDATE SET retry_at = now()
        )
        UPDATE uploads SET picture_key = NULL, updated_at = now(), revision = revision + 1
        FROM unshown WHERE uploads.id = unshown.id";
    database.within(async { database.session().await?.execute(sql, &[&ids]).await }).await
}

/// Lists those of the keys for deletion that no row names.
///
/// # Errors
/// The database failed.
pub async fn list_unnamed(database: &Database, keys: &[String]) -> Result<u64, DatabaseError> {
    let sql = "-- list_unnamed
        INSERT INTO object_deletions (object_key) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING";
    let work = async {
        let mut session = database.session().await?;
        // What no row names is named by none later: two statements are as good as one.
        let unnamed = unnamed_keys(&mut session, keys).await?;
        session.execute(sql, &[&unnamed]).await
    };
    database.within(work).await
}
