//! What clients are shown.

use super::column;
use crate::{
    database::{Database, DatabaseError},
    failure::Failure,
    upload::{UploadId, UploadState},
};
use time::OffsetDateTime;
use tokio_postgres::Row;

/// An upload as its owner may see it.
#[derive(Debug, Clone)]
pub struct UploadRow {
    /// Its id.
    pub id: UploadId,
    /// Where it is in its life; never `receiving`.
    pub state: UploadState,
    /// Attempts that count.
    pub attempts: i32,
    /// Bytes of the file.
    pub size_bytes: i64,
    /// What the content is.
    pub content_type: String,
    /// The live picture's object key.
    pub picture_key: Option<String>,
    /// Why it was rejected or failed.
    pub failure: Option<Failure>,
    /// Grows with every change.
    pub revision: i64,
    /// When it was accepted.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// When it became final.
    pub finished_at: Option<OffsetDateTime>,
}

impl UploadRow {
    pub(super) fn read(row: &Row) -> Result<Self, DatabaseError> {
        let unreadable = |error: &dyn std::fmt::Display| DatabaseError::Row(error.to_string());
        let failure: Option<serde_json::Value> = column(row, "failure")?;
        let state: UploadState =
            column::<&str>(row, "status")?.parse().map_err(|error| unreadable(&error))?;
        Ok(Self {
            id: UploadId(column(row, "id")?),
            state,
            attempts: column(row, "attempts")?,
            size_bytes: column(row, "size_bytes")?,
            content_type: column(row, "content_type")?,
            picture_key: column::<Option<String>>(row, "picture_key")?
                .filter(|_| state == UploadState::Succeeded),
            failure: failure.map(serde_json::from_value).transpose().map_err(|error| unreadable(&error))?,
            revision: column(row, "revision")?,
            created_at: column(row, "created_at")?,
            updated_at: column(row, "updated_at")?,
            finished_at: column(row, "finished_at")?,
        })
    }
}

/// An upload of this user. `receiving` isn't shown.
///
/// # Errors
/// The database failed.
pub async fn upload_of_user(
    database: &Database,
    user_id: &str,
    id: UploadId,
) -> Result<Option<UploadRow>, DatabaseError> {
    let sql = "-- upload_of_user
        SELECT id, status, attempts, size_bytes, content_type, picture_key, failure, revision, created_at, updated_at,
            finished_at
        FROM uploads WHERE id = $1 AND user_id = $2 AND status <> 'receiving'";
    let work = async {
        let row = database.session().await?.optional(sql, &[&id.0, &user_id]).await?;
        row.as_ref().map(UploadRow::read).transpose()
    };
    database.within(work).await
}

/// A page of a user's uploads, newest first, and where the next one begins.
#[derive(Debug, Clone)]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<UploadRow>,
    /// The generation that the next page comes after; `None`: this is the last.
    pub next: Option<i64>,
}

/// A page of this user's uploads, those accepted before the one of generation `before` if it is given.
///
/// # Errors
/// The database failed.
pub async fn uploads_of_user(
    database: &Database,
    user_id: &str,
    before: Option<i64>,
    limit: u32,
) -> Result<UploadPage, DatabaseError> {
    // One more than asked for tells whether there is another page.
    let sql = "-- uploads_of_user
        SELECT id, status, attempts, size_bytes, content_type, picture_key, failure, revision, created_at, updated_at,
            finished_at, generation
        FROM uploads WHERE user_id = $1 AND generation < coalesce($2, 9223372036854775807)
        ORDER BY generation DESC LIMIT $3";
    let work = async {
        let limit = limit as usize;
        let rows = database.session().await?.rows(sql, &[&user_id, &before, &(limit as i64 + 1)]).await?;
        let next = if rows.len() > limit { rows.get(limit.saturating_sub(1)) } else { None };
        Ok(UploadPage {
            next: next.map(|row| column(row, "generation")).transpose()?,
            uploads: rows.iter().take(limit).map(UploadRow::read).collect::<Result<_, _>>()?,
        })
    };
    database.within(work).await
}

/// Where an upload is, whoever's it is; `None`: there is no row.
///
/// # Errors
/// The database failed.
pub async fn upload_state(database: &Database, id: UploadId) -> Result<Option<UploadState>, DatabaseError> {
    let sql = "-- upload_state\nSELECT status FROM uploads WHERE id = $1";
    let work = async {
        let row = database.session().await?.optional(sql, &[&id.0]).await?;
        let state = row.as_ref().map(|row| column::<String>(row, "status")).transpose()?;
        state
            .map(|state| state.parse())
            .transpose()
            .map_err(|error: crate::upload::UnknownState| DatabaseError::Row(error.to_string()))
    };
    database.within(work).await
}

/// A user as shown to themselves.
#[derive(Debug, Clone)]
pub struct UserRow {
    /// Object key of the shown picture.
    pub picture_key: Option<String>,
    /// When the row was made.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
}

impl UserRow {
    pub(super) fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            picture_key: column(row, "picture_key")?,
            created_at: column(row, "created_at")?,
            updated_at: column(row, "updated_at")?,
        })
    }
}

/// A user's row.
///
/// # Errors
/// The database failed.
pub async fn user(database: &Database, user_id: &str) -> Result<Option<UserRow>, DatabaseError> {
    let sql = "-- user\nSELECT picture_key, created_at, updated_at FROM users WHERE id = $1";
    let work = async {
        let row = database.session().await?.optional(sql, &[&user_id]).await?;
        row.as_ref().map(UserRow::read).transpose()
    };
    database.within(work).await
}
