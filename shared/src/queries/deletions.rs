//! Objects that nothing names any more, until their deletion has succeeded.

use super::{column, seconds};
use crate::{
    database::{Database, DatabaseError, Session},
    storage::staged_key,
    upload::UploadId,
};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;

/// An object that is listed for deletion, as it was read. Who lists it once more, since it was put after all,
/// changes the time: only what was read is struck off, and the object is deleted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The object.
    pub key: String,
    /// When it is due.
    retry_at: OffsetDateTime,
}

impl Deletion {
    /// Reads the columns `object_key` and `retry_at`.
    pub(super) fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { key: column(row, "object_key")?, retry_at: column(row, "retry_at")? })
    }

    pub(super) fn read_all(rows: &[Row]) -> Result<Vec<Self>, DatabaseError> {
        rows.iter().map(Self::read).collect()
    }
}

/// Lists a picture for deletion after `wait`, and not before, unless a row names it. Returns whether none does.
///
/// # Errors
/// The database failed.
pub async fn list_if_unnamed(database: &Database, key: &str, wait: Duration) -> Result<bool, DatabaseError> {
    let sql = "-- list_if_unnamed
        INSERT INTO object_deletions (object_key, retry_at) SELECT $1, now() + make_interval(secs => $2)
        WHERE NOT EXISTS (SELECT FROM uploads WHERE picture_key = $1)
            AND NOT EXISTS (SELECT FROM users WHERE picture_key = $1)
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at";
    let list = async { database.session().await?.execute(sql, &[&key, &seconds(wait)]).await };
    Ok(database.within(list).await? > 0)
}

/// Lists an upload's staged object for deletion unless its row still needs it.
///
/// # Errors
/// The database failed.
pub async fn list_staged_if_unneeded(database: &Database, id: UploadId) -> Result<(), DatabaseError> {
    database.within(async { list_staged(&mut database.session().await?, id, Duration::ZERO).await }).await
}

/// Lists an upload's staged object for deletion after `wait`, and not before, unless its row still needs it.
pub(super) async fn list_staged(
    session: &mut Session,
    id: UploadId,
    wait: Duration,
) -> Result<(), DatabaseError> {
    let sql = "-- list_staged
        INSERT INTO object_deletions (object_key, retry_at) SELECT $2, now() + make_interval(secs => $3)
        WHERE NOT EXISTS (SELECT FROM uploads
            WHERE id = $1 AND status IN ('receiving', 'queued', 'processing', 'failed'))
        ON CONFLICT (object_key) DO UPDATE SET retry_at = EXCLUDED.retry_at";
    session.execute(sql, &[&id.0, &staged_key(id), &seconds(wait)]).await?;
    Ok(())
}

/// Deletions that are made due in one statement.
const HASTENED: i64 = 10_000;

/// Makes every deletion due now, whatever it waits for; what a listing holds stays held.
///
/// # Errors
/// The database failed.
pub async fn hasten_deletions(database: &Database) -> Result<(), DatabaseError> {
    let sql = "-- hasten_deletions
        UPDATE object_deletions SET retry_at = now() WHERE object_key IN (
            SELECT object_key FROM object_deletions WHERE retry_at > now() AND retry_at <> 'infinity' LIMIT $1)";
    loop {
        let hasten = async { database.session().await?.execute(sql, &[&HASTENED]).await };
        if database.within(hasten).await? < HASTENED.unsigned_abs() {
            return Ok(());
        }
    }
}

/// Takes a batch of deletions that are due, for this long: another sweeper leaves them alone meanwhile.
///
/// # Errors
/// The database failed.
pub async fn due_deletions(
    database: &Database,
    batch: i64,
    for_this_long: Duration,
) -> Result<Vec<Deletion>, DatabaseError> {
    let sql = "-- due_deletions
        UPDATE object_deletions SET retry_at = now() + make_interval(secs => $2)
        WHERE object_key IN (
            SELECT object_key FROM object_deletions WHERE retry_at <= now()
            ORDER BY retry_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING object_key, retry_at";
    let work = async {
        Deletion::read_all(&database.session().await?.rows(sql, &[&batch, &seconds(for_this_long)]).await?)
    };
    database.within(work).await
}

/// Strikes off what was deleted, unless it was listed once more since.
///
/// # Errors
/// The database failed; the objects are deleted once more later.
pub async fn deletions_done(database: &Database, deleted: &[&Deletion]) -> Result<(), DatabaseError> {
    let sql = "-- deletions_done
        DELETE FROM object_deletions USING unnest($1::text[], $2::timestamptz[]) AS done (key, retry_at)
        WHERE object_key = done.key AND object_deletions.retry_at = done.retry_at";
    let (keys, times) = columns(deleted);
    database.within(async { database.session().await?.execute(sql, &[&keys, &times]).await }).await?;
    Ok(())
}

/// Notes that objects couldn't be deleted, and when to try again: later each time, after `longest` at most. What was listed
/// once more since keeps its time.
///
/// # Errors
/// The database failed.
pub async fn deletions_failed(
    database: &Database,
    failed: &[&Deletion],
    why: &str,
    longest: Duration,
) -> Result<(), DatabaseError> {
    let sql = "-- deletions_failed
        UPDATE object_deletions SET attempts = attempts + 1, last_error = $3,
            retry_at = CASE WHEN object_deletions.retry_at = failed.retry_at
                THEN now() + (0.5 + random() / 2)
                    * least(make_interval(secs => $4), interval '5 seconds' * power(2, least(attempts, 20)))
                ELSE object_deletions.retry_at END
        FROM unnest($1::text[], $2::timestamptz[]) AS failed (key, retry_at)
        WHERE object_key = failed.key";
    let (keys, times) = columns(failed);
    let noting =
        async { database.session().await?.execute(sql, &[&keys, &times, &why, &seconds(longest)]).await };
    database.within(noting).await?;
    Ok(())
}

/// Deletions as they are matched: key and time.
fn columns<'a>(deletions: &[&'a Deletion]) -> (Vec<&'a str>, Vec<OffsetDateTime>) {
    deletions.iter().map(|deletion| (deletion.key.as_str(), deletion.retry_at)).unzip()
}
