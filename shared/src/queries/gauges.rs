//! Counts for the metrics.

use super::column;
use crate::database::{Database, DatabaseError};

/// What there is to do and what was given up on. Every count is of a partial index that finished uploads
/// don't make longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauges {
    /// Uploads that wait for a worker.
    pub queued: i64,
    /// Uploads that a worker holds.
    pub processing: i64,
    /// Uploads that the system gave up on.
    pub failed: i64,
    /// Seconds since the oldest unfinished upload was accepted; 0 without one.
    pub oldest_unfinished: f64,
    /// Uploads whose message is still to be published.
    pub unpublished: i64,
    /// Objects that are still to be deleted.
    pub deletions: i64,
}

/// Counts.
///
/// # Errors
/// The database failed.
pub async fn gauges(database: &Database) -> Result<Gauges, DatabaseError> {
    let sql = "-- gauges
        SELECT (SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NULL) AS unpublished,
            (SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NOT NULL) AS published,
            (SELECT count(*) FROM uploads WHERE status = 'processing' AND lease_until IS NOT NULL) AS processing,
            (SELECT count(*) FROM uploads WHERE status = 'failed') AS failed,
            coalesce((SELECT extract(epoch FROM now() - min(created_at)) FROM uploads
                WHERE status IN ('queued', 'processing')), 0)::float8 AS oldest_unfinished,
            (SELECT count(*) FROM object_deletions) AS deletions";
    let work = async {
        let row = database.session().await?.one(sql, &[]).await?;
        let unpublished: i64 = column(&row, "unpublished")?;
        Ok(Gauges {
            queued: unpublished + column::<i64>(&row, "published")?,
            processing: column(&row, "processing")?,
            failed: column(&row, "failed")?,
            oldest_unfinished: column(&row, "oldest_unfinished")?,
            unpublished,
            deletions: column(&row, "deletions")?,
        })
    };
    database.within(work).await
}
