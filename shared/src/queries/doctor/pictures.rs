//! The keys of pictures in order, to be laid beside the listing of the bucket.

use super::super::column;
use crate::database::{Database, DatabaseError};
use tokio_postgres::Row;

/// A picture that a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPicture {
    /// Its key.
    pub key: String,
    /// Whether a user shows it. Otherwise a claim may put it, or an upload names it wrongly.
    pub is_shown: bool,
}

/// A page of all keys of pictures that rows name, those after one. Keys of our own form sort the same under every
/// collation that has the digits before the letters: the indexes that are there do.
///
/// # Errors
/// The database failed.
pub async fn named_pictures(
    database: &Database,
    after: &str,
    page: i64,
) -> Result<Vec<NamedPicture>, DatabaseError> {
    let sql = "-- named_pictures
        SELECT picture_key, bool_or(is_shown) AS is_shown FROM (
            (SELECT picture_key, true AS is_shown FROM users
                WHERE picture_key > $1 ORDER BY picture_key LIMIT $2)
            UNION ALL
            (SELECT picture_key, false FROM uploads WHERE picture_key > $1 ORDER BY picture_key LIMIT $2)
        ) AS named
        GROUP BY picture_key ORDER BY picture_key LIMIT $2";
    let work = async {
        let rows = database.session().await?.rows(sql, &[&after, &page]).await?;
        let read = |row: &Row| {
            Ok(NamedPicture { key: column(row, "picture_key")?, is_shown: column(row, "is_shown")? })
        };
        rows.iter().map(read).collect()
    };
    database.within(work).await
}

/// Who shows a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownPicture {
    /// The user.
    pub user_id: String,
    /// The picture's key.
    pub key: String,
}

/// The users who show these pictures now.
///
/// # Errors
/// The database failed.
pub async fn users_showing(database: &Database, keys: &[String]) -> Result<Vec<ShownPicture>, DatabaseError> {
    let sql = "-- users_showing
        SELECT id, picture_key FROM users WHERE picture_key = ANY($1) ORDER BY picture_key, id";
    let work = async {
        let rows = database.session().await?.rows(sql, &[&keys]).await?;
        let read =
            |row: &Row| Ok(ShownPicture { user_id: column(row, "id")?, key: column(row, "picture_key")? });
        rows.iter().map(read).collect()
    };
    database.within(work).await
}

/// Lets a user show nothing instead of a picture that isn't there, and lists its key. The generation stays: what was
/// accepted later may still be shown, what was accepted earlier may not. False: the user shows something else now.
///
/// # Errors
/// The database failed.
pub async fn clear_shown_picture(database: &Database, shown: &ShownPicture) -> Result<bool, DatabaseError> {
    let sql = "-- clear_shown_picture
        WITH cleared AS (
            UPDATE users SET picture_key = NULL, profile_picture_url = NULL, picture_upload_id = NULL, updated_at = now()
            WHERE id = $1 AND picture_key = $2 RETURNING id
        ), upload AS (
            UPDATE uploads SET picture_key = NULL, updated_at = now(), revision = revision + 1
            FROM cleared WHERE uploads.user_id = cleared.id AND uploads.picture_key = $2 AND status = 'succeeded'
        ), listed AS (
            INSERT INTO object_deletions (object_key) SELECT $2 FROM cleared
            ON CONFLICT (object_key) DO UPDATE SET retry_at = now()
        )
        SELECT FROM cleared";
    let work = async { database.session().await?.optional(sql, &[&shown.user_id, &shown.key]).await };
    Ok(database.within(work).await?.is_some())
}
