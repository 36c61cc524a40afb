//! Users against their own columns and the upload that they show.

use super::super::column;
use crate::database::{Database, DatabaseError};
use tokio_postgres::Row;

/// What is compared of a user.
#[derive(Debug, Clone)]
pub struct CheckedUser {
    /// The user.
    pub id: String,
    /// The key of the shown picture.
    pub picture_key: Option<String>,
    /// The address of it, as other systems read it.
    pub url: Option<String>,
    /// The generation that the user shows.
    pub picture_generation: i64,
    /// Whether the upload that the user is said to show is another's, or hasn't this picture.
    pub upload_differs: bool,
    /// The generation of the shown upload, where it is higher than the user's own.
    pub higher_generation: Option<i64>,
}

impl CheckedUser {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: column(row, "id")?,
            picture_key: column(row, "picture_key")?,
            url: column(row, "profile_picture_url")?,
            picture_generation: column(row, "picture_generation")?,
            upload_differs: column(row, "upload_differs")?,
            higher_generation: column(row, "higher_generation")?,
        })
    }
}

/// A page of all users by id, those after one. The shown upload may have been removed by the retention.
///
/// # Errors
/// The database failed.
pub async fn checked_users(
    database: &Database,
    after: &str,
    page: i64,
) -> Result<Vec<CheckedUser>, DatabaseError> {
    let sql = "-- checked_users
        SELECT users.id, users.picture_key, profile_picture_url, picture_generation,
            (users.picture_key IS NULL AND picture_upload_id IS NOT NULL)
                OR (uploads.id IS NOT NULL AND (uploads.user_id <> users.id OR uploads.status <> 'succeeded'
                    OR uploads.picture_key IS DISTINCT FROM users.picture_key)) AS upload_differs,
            CASE WHEN uploads.user_id = users.id AND uploads.status = 'succeeded'
                AND uploads.picture_key = users.picture_key AND uploads.generation > picture_generation
                THEN uploads.generation END AS higher_generation
        FROM users LEFT JOIN uploads ON uploads.id = users.picture_upload_id
        WHERE users.id > $1 ORDER BY users.id LIMIT $2";
    let work = async {
        let rows = database.session().await?.rows(sql, &[&after, &page]).await?;
        rows.iter().map(CheckedUser::read).collect()
    };
    database.within(work).await
}

/// A user's address as it should be.
#[derive(Debug, Clone)]
pub struct RightUrl {
    /// The user.
    pub user_id: String,
    /// The key that it was made from.
    pub picture_key: Option<String>,
    /// The address.
    pub url: Option<String>,
}

/// Rewrites addresses of users who still show the pictures that they were made from.
///
/// # Errors
/// The database failed.
pub async fn rewrite_urls(database: &Database, right: &[RightUrl]) -> Result<u64, DatabaseError> {
    let sql = "-- rewrite_urls
        UPDATE users SET profile_picture_url = right_url.url, updated_at = now()
        FROM unnest($1::text[], $2::text[], $3::text[]) AS right_url (user_id, picture_key, url)
        WHERE users.id = right_url.user_id AND users.picture_key IS NOT DISTINCT FROM right_url.picture_key
            AND users.profile_picture_url IS DISTINCT FROM right_url.url";
    let ids: Vec<_> = right.iter().map(|user| user.user_id.as_str()).collect();
    let keys: Vec<_> = right.iter().map(|user| user.picture_key.as_deref()).collect();
    let urls: Vec<_> = right.iter().map(|user| user.url.as_deref()).collect();
    database.within(async { database.session().await?.execute(sql, &[&ids, &keys, &urls]).await }).await
}

/// Lets a user and the shown upload name each other, and the user's generation be no lower than the upload's. An
/// upload of the user that lost its picture gets it back; where none has it, the user names no upload, as after the
/// retention.
///
/// # Errors
/// The database failed.
pub async fn mend_shown_upload(
    database: &Database,
    user_id: &str,
    picture_key: Option<&str>,
) -> Result<bool, DatabaseError> {
    let sql = "-- mend_shown_upload
        WITH shown AS (
            SELECT id, picture_key, picture_upload_id FROM users
            WHERE id = $1 AND picture_key IS NOT DISTINCT FROM $2 FOR NO KEY UPDATE
        ), upload AS (
            SELECT uploads.id, uploads.generation FROM uploads, shown
            WHERE uploads.user_id = shown.id AND status = 'succeeded' AND shown.picture_key IS NOT NULL
                AND (uploads.picture_key = shown.picture_key
                    OR (uploads.picture_key IS NULL AND uploads.id = shown.picture_upload_id))
            ORDER BY uploads.picture_key IS NULL, uploads.generation DESC LIMIT 1
        ), given AS (
            UPDATE uploads SET picture_key = shown.picture_key, updated_at = now(), revision = revision + 1
            FROM upload, shown WHERE uploads.id = upload.id AND uploads.picture_key IS NULL
        )
        UPDATE users SET picture_upload_id = (SELECT id FROM upload), updated_at = now(),
            picture_generation = greatest(picture_generation, (SELECT generation FROM upload))
        FROM shown WHERE users.id = shown.id";
    let work = async { database.session().await?.execute(sql, &[&user_id, &picture_key]).await };
    Ok(database.within(work).await? == 1)
}
