//! What should have been done long ago, and the sequence of generations.

use super::super::{column, seconds, sweep::LOST_BEFORE};
use crate::{
    database::{Database, DatabaseError},
    failure::FailureCode,
};
use std::time::Duration;
use time::OffsetDateTime;
use tokio_postgres::Row;

/// Something that a sweeper should have moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// `upload_unpublished`, `message_lost`, `claim_lost`, `reservation_lost`, `deletion_overdue`, `deletion_held`.
    pub kind: String,
    /// The upload's id or the object's key.
    pub subject: String,
    /// Since when it is due.
    pub since: OffsetDateTime,
    /// What was noted about it.
    pub note: Option<String>,
    /// How many there are of this kind.
    pub total: i64,
}

impl Overdue {
    fn read(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            kind: column(row, "kind")?,
            subject: column(row, "subject")?,
            since: column(row, "since")?,
            note: column(row, "note")?,
            total: column(row, "total")?,
        })
    }
}

/// Uploads that are due for longer than `grace`, the first `most` of each kind. Lost messages are what
/// [`take_lost_messages`](super::super::take_lost_messages) takes for lost.
///
/// # Errors
/// The database failed.
pub async fn overdue_uploads(
    database: &Database,
    grace: Duration,
    queue_was_empty: Option<OffsetDateTime>,
    most: i64,
) -> Result<Vec<Overdue>, DatabaseError> {
    let sql = format!(
        "-- overdue_uploads
        WITH long_ago AS (SELECT now() - make_interval(secs => $2) AS at)
        (SELECT 'upload_unpublished' AS kind, id::text AS subject, run_after AS since, NULL AS note,
            count(*) OVER () AS total
            FROM uploads, long_ago WHERE status = 'queued' AND published_at IS NULL AND run_after < at
            ORDER BY run_after LIMIT $1)
        UNION ALL (SELECT 'message_lost', id::text, published_at, NULL, count(*) OVER ()
            FROM uploads, long_ago WHERE status = 'queued' AND run_after < at
                AND published_at < {LOST_BEFORE}
            ORDER BY published_at LIMIT $1)
        UNION ALL (SELECT 'claim_lost', id::text, lease_until, NULL, count(*) OVER ()
            FROM uploads, long_ago WHERE status = 'processing' AND lease_until < at
            ORDER BY lease_until LIMIT $1)
        UNION ALL (SELECT 'reservation_lost', id::text, lease_until, NULL, count(*) OVER ()
            FROM uploads, long_ago WHERE status = 'receiving' AND lease_until < at
            ORDER BY lease_until LIMIT $1)"
    );
    let work = async {
        let mut session = database.session().await?;
        let rows = session.rows(&sql, &[&most, &seconds(grace), &queue_was_empty]).await?;
        rows.iter().map(Overdue::read).collect()
    };
    database.within(work).await
}

/// Deletions that are due for longer than `grace` or fail again and again, and those that a listing holds for longer
/// than `held`: the first `most` of each kind.
///
/// # Errors
/// The database failed.
pub async fn overdue_deletions(
    database: &Database,
    grace: Duration,
    held: Duration,
    most: i64,
) -> Result<Vec<Overdue>, DatabaseError> {
    let sql = "-- overdue_deletions
        (SELECT 'deletion_overdue' AS kind, object_key AS subject, listed_at AS since, last_error AS note,
            count(*) OVER () AS total
            FROM object_deletions WHERE retry_at < now() - make_interval(secs => $1)
                OR (attempts >= 5 AND retry_at <> 'infinity')
            ORDER BY retry_at LIMIT $3)
        UNION ALL (SELECT 'deletion_held', object_key, listed_at, last_error, count(*) OVER ()
            FROM object_deletions WHERE retry_at = 'infinity' AND listed_at < now() - make_interval(secs => $2)
            ORDER BY listed_at LIMIT $3)";
    let work = async {
        let mut session = database.session().await?;
        let rows = session.rows(sql, &[&seconds(grace), &seconds(held), &most]).await?;
        rows.iter().map(Overdue::read).collect()
    };
    database.within(work).await
}

/// Jobs whose workers fell silent.
///
/// # Errors
/// The database failed.
pub async fn lost_claims(database: &Database) -> Result<i64, DatabaseError> {
    let sql = "-- lost_claims
        SELECT count(*) AS lost FROM uploads WHERE status = 'processing' AND lease_until < now()";
    database.within(async { column(&database.session().await?.one(sql, &[]).await?, "lost") }).await
}

/// A row names the object of `object_deletions.object_key`. The last one is no `EXISTS`, for which all of the uploads
/// would be read instead of the one.
const IS_NAMED: &str = "(EXISTS (SELECT FROM users WHERE users.picture_key = object_key)
    OR EXISTS (SELECT FROM uploads WHERE uploads.picture_key = object_key)
    OR coalesce((SELECT status IN ('queued', 'processing', 'failed') AND failure->>'code' IS DISTINCT FROM $1
        FROM uploads WHERE id = CASE WHEN object_key ~ '^staging/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
            THEN substr(object_key, 9)::uuid END), false))";

/// A page of the deletions after a key, and which of them rows name: last key and named ones.
///
/// # Errors
/// The database failed.
pub async fn named_deletions(
    database: &Database,
    after: &str,
    page: i64,
) -> Result<(Option<String>, Vec<String>), DatabaseError> {
    let sql = format!(
        "-- named_deletions
        SELECT object_key, {IS_NAMED} AS is_named FROM object_deletions
        WHERE object_key > $2 ORDER BY object_key LIMIT $3"
    );
    let gone = FailureCode::StorageError.as_str();
    let work = async {
        let rows = database.session().await?.rows(&sql, &[&gone, &after, &page]).await?;
        let mut named = Vec::new();
        for row in &rows {
            if column(row, "is_named")? {
                named.push(column(row, "object_key")?);
            }
        }
        let last = rows.last().map(|row| column(row, "object_key")).transpose()?;
        Ok((last, named))
    };
    database.within(work).await
}

/// Strikes off deletions whose objects a row names.
///
/// # Errors
/// The database failed.
pub async fn strike_off_named(database: &Database, keys: &[String]) -> Result<u64, DatabaseError> {
    let sql = format!(
        "-- strike_off_named\nDELETE FROM object_deletions WHERE object_key = ANY($2) AND {IS_NAMED}"
    );
    let gone = FailureCode::StorageError.as_str();
    database.within(async { database.session().await?.execute(&sql, &[&gone, &keys]).await }).await
}

/// Where the sequence of generations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence(pub i64);

/// The generation that was given last.
///
/// # Errors
/// The database failed.
pub async fn sequence(database: &Database) -> Result<Sequence, DatabaseError> {
    let sql = "-- sequence\nSELECT last_value FROM picture_generations";
    let work = async { column(&database.session().await?.one(sql, &[]).await?, "last_value").map(Sequence) };
    database.within(work).await
}

/// Raises the sequence above a generation that is in use, with room for those that are given meanwhile: set back by
/// them, it would give one of them twice.
///
/// # Errors
/// The database failed.
pub async fn raise_sequence(database: &Database, above: i64) -> Result<(), DatabaseError> {
    let sql = "-- raise_sequence
        SELECT setval('picture_generations', greatest(last_value, $1) + 100000) FROM picture_generations";
    database.within(async { database.session().await?.execute(sql, &[&above]).await }).await?;
    Ok(())
}
