//! What a client takes back: an upload that waits, the picture, everything.

use super::{
    column,
    show::{UploadRow, UserRow},
};
use crate::{
    database::{Database, DatabaseError, Durability, Session},
    storage::staged_key,
    upload::UploadId,
};
use uuid::Uuid;

/// The key of the picture that is shown. A statement of its own: the next one sees what whoever held the lock has
/// committed.
const LOCK_USER: &str = "-- lock_user\nSELECT picture_key FROM users WHERE id = $1 FOR NO KEY UPDATE";

/// Cancels an upload that waits; its staged bytes are listed for deletion. `None`: it doesn't wait (any more), or
/// isn't this user's.
///
/// # Errors
/// The database failed.
pub async fn cancel_upload(
    database: &Database,
    user_id: &str,
    id: UploadId,
) -> Result<Option<UploadRow>, DatabaseError> {
    let sql = "-- cancel_upload
        WITH cancelled AS (
            UPDATE uploads SET status = 'cancelled', finished_at = now(), updated_at = now(), revision = revision + 1
            WHERE id = $1 AND user_id = $2 AND status = 'queued' RETURNING *
        ), listed AS (
            INSERT INTO object_deletions (object_key) SELECT $3 FROM cancelled
            ON CONFLICT (object_key) DO UPDATE SET retry_at = now()
        )
        SELECT id, status, attempts, size_bytes, content_type, picture_key, failure, revision, created_at, updated_at,
            finished_at FROM cancelled";
    let work = async {
        let row = database.session().await?.optional(sql, &[&id.0, &user_id, &staged_key(id)]).await?;
        row.as_ref().map(UploadRow::read).transpose()
    };
    database.within(work).await
}

/// What deleting a user's picture came to.
#[derive(Debug, Clone)]
pub struct WithoutPicture {
    /// The user now.
    pub user: UserRow,
    /// The upload that was shown.
    pub upload: Option<UploadId>,
    /// The key of its picture, which is listed for deletion.
    pub picture: Option<String>,
}

/// What erasing a user came to.
#[derive(Debug, Clone)]
pub struct Erased {
    /// Uploads that somebody may wait for.
    pub unfinished: Vec<UploadId>,
    /// The key of the picture that was shown, which is listed for deletion.
    pub picture: Option<String>,
}

/// Deletes a user's picture: one durable transaction that takes a generation under the user's row lock, so that no
/// upload that was accepted before can bring a picture back. `None`: there is no such user.
///
/// # Errors
/// The database failed; if the outcome is unknown, doing it again does no harm.
pub async fn delete_picture(
    database: &Database,
    user_id: &str,
) -> Result<Option<WithoutPicture>, DatabaseError> {
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(Durability::Durable).await?;
            let Some(shown) = session.optional(LOCK_USER, &[&user_id]).await? else {
                session.rollback().await?;
                return Ok(None);
            };
            let (user, upload) = show_nothing(&mut session, user_id).await?;
            let deleted = WithoutPicture { user, upload, picture: column(&shown, "picture_key")? };
            session.commit().await?;
            Ok(Some(deleted))
        })
        .await
}

async fn show_nothing(
    session: &mut Session,
    user_id: &str,
) -> Result<(UserRow, Option<UploadId>), DatabaseError> {
    let sql = "-- delete_picture
        WITH before AS (
            SELECT id, picture_key, picture_upload_id FROM users WHERE id = $1
        ), after AS (
            UPDATE users SET picture_generation = nextval('picture_generations'), picture_key = NULL,
                profile_picture_url = NULL, picture_upload_id = NULL,
                updated_at = CASE WHEN before.picture_key IS NULL THEN users.updated_at ELSE now() END
            FROM before WHERE users.id = before.id
            RETURNING users.picture_key, users.created_at, users.updated_at
        ), upload AS (
            UPDATE uploads SET picture_key = NULL, updated_at = now(), revision = revision + 1
            FROM before WHERE uploads.id = before.picture_upload_id AND uploads.picture_key = before.picture_key
            RETURNING uploads.id
        ), listed AS (
            INSERT INTO object_deletions (object_key) SELECT picture_key FROM before WHERE picture_key IS NOT NULL
            ON CONFLICT (object_key) DO UPDATE SET retry_at = now()
        )
        SELECT after.*, (SELECT id FROM upload) AS upload_id FROM after";
    let row = session.one(sql, &[&user_id]).await?;
    let upload: Option<Uuid> = column(&row, "upload_id")?;
    Ok((UserRow::read(&row)?, upload.map(UploadId)))
}

/// Erases what we hold of a user; the rows' triggers list every object. With `keep_user` the row is another
/// system's: it stays, without anything of ours but a generation, which keeps every earlier upload out, and the rate
/// limit's bucket. Without, the bucket is kept apart for a while.
///
/// # Errors
/// The database failed; if the outcome is unknown, doing it again does no harm.
pub async fn erase_user(
    database: &Database,
    user_id: &str,
    keep_user: bool,
) -> Result<Erased, DatabaseError> {
    // What has come together in years takes longer than a statement may.
    while remove_final(database, user_id).await? >= REMOVED_AT_ONCE {}
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(Durability::Durable).await?;
            let shown = session.optional(LOCK_USER, &[&user_id]).await?;
            let picture = shown.map(|row| column(&row, "picture_key")).transpose()?.flatten();
            let unfinished = unfinished_uploads(&mut session, user_id).await?;
            if keep_user {
                empty_user(&mut session, user_id).await?;
            } else {
                remove_user(&mut session, user_id).await?;
            }
            session.commit().await?;
            Ok(Erased { unfinished, picture })
        })
        .await
}

/// Final uploads in one statement: a tenth of a second's work.
const REMOVED_AT_ONCE: u64 = 1000;

async fn remove_final(database: &Database, user_id: &str) -> Result<u64, DatabaseError> {
    // Whoever else removes some of them removes those: two that waited for each other's rows would never end.
    let sql = "-- erase_user: remove_final
        DELETE FROM uploads WHERE id IN (
            SELECT id FROM uploads WHERE user_id = $1 AND finished_at IS NOT NULL
            ORDER BY generation LIMIT $2 FOR UPDATE SKIP LOCKED)";
    let limit = REMOVED_AT_ONCE.cast_signed();
    database.within(async { database.session().await?.execute(sql, &[&user_id, &limit]).await }).await
}

/// At most a hundred: without a limit of them, waiting clients of others are told a few seconds later.
async fn unfinished_uploads(session: &mut Session, user_id: &str) -> Result<Vec<UploadId>, DatabaseError> {
    let sql = "-- erase_user: unfinished_uploads
        SELECT id FROM uploads WHERE user_id = $1 AND status IN ('queued', 'processing') LIMIT 100";
    let rows = session.rows(sql, &[&user_id]).await?;
    rows.iter().map(|row| column(row, "id").map(UploadId)).collect()
}

async fn remove_user(session: &mut Session, user_id: &str) -> Result<(), DatabaseError> {
    let sql = "-- erase_user: remove_user
        WITH removed AS (DELETE FROM users WHERE id = $1 RETURNING id, upload_tokens, upload_tokens_at)
        INSERT INTO erased_users (id_sha256, upload_tokens, upload_tokens_at)
        SELECT sha256(convert_to(id, 'UTF8')), upload_tokens, upload_tokens_at FROM removed WHERE upload_tokens IS NOT NULL
        ON CONFLICT (id_sha256) DO UPDATE SET upload_tokens = excluded.upload_tokens,
            upload_tokens_at = excluded.upload_tokens_at, erased_at = now()";
    session.execute(sql, &[&user_id]).await?;
    Ok(())
}

async fn empty_user(session: &mut Session, user_id: &str) -> Result<(), DatabaseError> {
    // The user's row first: the uploads' trigger leaves a picture alone that a user still shows.
    let empty = "-- empty_user
        WITH before AS (
            SELECT id, picture_key FROM users WHERE id = $1
        ), emptied AS (
            UPDATE users SET picture_generation = nextval('picture_generations'), picture_key = NULL,
                profile_picture_url = NULL, picture_upload_id = NULL, updated_at = now()
            FROM before WHERE users.id = before.id
        )
        INSERT INTO object_deletions (object_key) SELECT picture_key FROM before WHERE picture_key IS NOT NULL
        ON CONFLICT (object_key) DO UPDATE SET retry_at = now()";
    session.execute(empty, &[&user_id]).await?;
    session.execute("-- empty_user: uploads\nDELETE FROM uploads WHERE user_id = $1", &[&user_id]).await?;
    Ok(())
}
