//! The listing of the bucket against the rows: list first, ask second.

use super::column;
use crate::{
    database::{Database, DatabaseError, Session},
    storage::{STAGING_PREFIX, staged_key},
    upload::UploadId,
};
use std::time::Duration;

/// Names our lock among the advisory locks of the database: "pfp" and a number.
const LISTING_LOCK: i64 = 0x0070_6670_0002;

/// Takes the listing's lock for as long as the session lives, unless another worker has it, or unless the last
/// listing ended less than `interval` ago (`None`: whenever it was). Returns the session that holds it.
///
/// # Errors
/// The database failed.
pub async fn try_lock_listing(
    database: &Database,
    interval: Option<Duration>,
) -> Result<Option<Session>, DatabaseError> {
    let sql = "-- try_lock_listing
        SELECT (CASE WHEN $2::float8 IS NULL OR listing_finished_at IS NULL
                OR listing_finished_at < now() - make_interval(secs => $2) THEN pg_try_advisory_lock($1) ELSE false END) AS locked
        FROM pfp_installation";
    let interval = interval.map(|interval| interval.as_secs_f64());
    database
        .within(async {
            let mut session = database.session().await?;
            let row = session.one(sql, &[&LISTING_LOCK, &interval]).await?;
            if column(&row, "locked")? {
                session.never_give_back();
                Ok(Some(session))
            } else {
                Ok(None)
            }
        })
        .await
}

/// How far an unfinished listing has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingProgress {
    /// The last key that was compared; `None`: a new listing begins.
    pub cursor: Option<String>,
    /// Objects that were compared so far.
    pub objects: i64,
}

/// Where to go on with the listing.
///
/// # Errors
/// The database failed.
pub async fn resume_listing(session: &mut Session) -> Result<ListingProgress, DatabaseError> {
    let sql = "-- resume_listing\nSELECT listing_cursor, listing_objects FROM pfp_installation";
    let row = session.one(sql, &[]).await?;
    let cursor: Option<String> = column(&row, "listing_cursor")?;
    let objects = if cursor.is_some() { column(&row, "listing_objects")? } else { 0 };
    Ok(ListingProgress { cursor, objects })
}

/// How far a listing that another worker may be at has come.
///
/// # Errors
/// The database failed.
pub async fn listing_progress(database: &Database) -> Result<ListingProgress, DatabaseError> {
    database.within(async { resume_listing(&mut database.session().await?).await }).await
}

/// Notes how far the listing has come.
///
/// # Errors
/// The database failed.
pub async fn save_listing(session: &mut Session, progress: &ListingProgress) -> Result<(), DatabaseError> {
    let sql = "-- save_listing
        UPDATE pfp_installation SET listing_cursor = $1, listing_objects = $2,
            listing_started_at = CASE WHEN listing_cursor IS NULL THEN now() ELSE listing_started_at END";
    session.execute(sql, &[&progress.cursor, &progress.objects]).await?;
    Ok(())
}

/// Notes that the listing has come to its end.
///
/// # Errors
/// The database failed.
pub async fn finish_listing(session: &mut Session) -> Result<(), DatabaseError> {
    let sql = "-- finish_listing
        UPDATE pfp_installation SET listing_cursor = NULL, listing_objects = 0, listing_finished_at = now()";
    session.execute(sql, &[]).await?;
    Ok(())
}

/// Lists objects for deletion, but not yet due: the listing's end decides.
///
/// # Errors
/// The database failed.
pub async fn hold_deletions(session: &mut Session, keys: &[String]) -> Result<(), DatabaseError> {
    let sql = "-- hold_deletions
        INSERT INTO object_deletions (object_key, retry_at) SELECT unnest($1::text[]), 'infinity' ON CONFLICT DO NOTHING";
    session.execute(sql, &[&keys]).await?;
    Ok(())
}

/// How many deletions are held.
///
/// # Errors
/// The database failed.
pub async fn held_deletions(session: &mut Session) -> Result<i64, DatabaseError> {
    let sql = "-- held_deletions\nSELECT count(*) AS held FROM object_deletions WHERE retry_at = 'infinity'";
    column(&session.one(sql, &[]).await?, "held")
}

/// Makes a batch of the held deletions due; returns how many.
///
/// # Errors
/// The database failed.
pub async fn release_held(session: &mut Session, batch: i64) -> Result<u64, DatabaseError> {
    let sql = "-- release_held
        UPDATE object_deletions SET retry_at = now() WHERE object_key IN (
            SELECT object_key FROM object_deletions WHERE retry_at = 'infinity' LIMIT $1)";
    session.execute(sql, &[&batch]).await
}

/// Takes a batch of the held deletions off the list; returns how many. The next listing finds them again.
///
/// # Errors
/// The database failed.
pub async fn forget_held(session: &mut Session, batch: i64) -> Result<u64, DatabaseError> {
    let sql = "-- forget_held
        DELETE FROM object_deletions WHERE object_key IN (
            SELECT object_key FROM object_deletions WHERE retry_at = 'infinity' LIMIT $1)";
    session.execute(sql, &[&batch]).await
}

/// Those of the listed keys that no row names. Since every key is named before it is put and never named
/// again, an object that was listed before this was asked is garbage for ever.
///
/// # Errors
/// The database failed.
pub async fn unnamed_keys(session: &mut Session, keys: &[String]) -> Result<Vec<String>, DatabaseError> {
    let sql = "-- unnamed_keys
        SELECT listed.key FROM unnest($1::text[], $2::uuid[]) AS listed (key, upload_id)
        WHERE NOT EXISTS (SELECT FROM uploads WHERE uploads.id = listed.upload_id
                AND status IN ('receiving', 'queued', 'processing', 'failed'))
            AND NOT EXISTS (SELECT FROM uploads WHERE uploads.picture_key = listed.key)
            AND NOT EXISTS (SELECT FROM users WHERE users.picture_key = listed.key)
            AND NOT EXISTS (SELECT FROM object_deletions WHERE object_deletions.object_key = listed.key)";
    let staged = format!("{STAGING_PREFIX}/");
    let ids: Vec<_> = keys
        .iter()
        // An id can be written in several ways: only ours names the staged object.
        .map(|key| {
            let id = key.strip_prefix(&staged)?.parse::<UploadId>().ok()?;
            (staged_key(id) == *key).then_some(id.0)
        })
        .collect();
    let rows = session.rows(sql, &[&keys, &ids]).await?;
    rows.iter().map(|row| column(row, "key")).collect()
}
