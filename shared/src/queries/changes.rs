//! Telling waiting clients that an upload has changed.

use super::show::UploadRow;
use crate::{
    database::{Database, DatabaseError, Listener},
    upload::UploadId,
};

/// The channel of notifications; each carries an upload's id.
const CHANNEL: &str = "pfp_upload_changed";

/// Tells every API that uploads have changed. A statement of its own, after the commit: within a transaction it
/// would make all commits of the database wait for each other. What is lost is read by the waiting API by itself.
///
/// # Errors
/// The database failed.
pub async fn notify_changed(database: &Database, ids: &[UploadId]) -> Result<(), DatabaseError> {
    let sql = "-- notify_changed\nSELECT pg_notify($1, id) FROM unnest($2::text[]) AS id";
    let ids: Vec<_> = ids.iter().map(UploadId::to_string).collect();
    let work = async { database.session().await?.execute(sql, &[&CHANNEL, &ids]).await };
    database.within(work).await?;
    Ok(())
}

/// Hears of every upload that changes from now on.
///
/// # Errors
/// The database failed.
pub async fn listen_for_changes(listener: &Listener) -> Result<(), DatabaseError> {
    listener.execute(&format!("-- listen_for_changes\nLISTEN {CHANNEL}")).await
}

/// These uploads as they are, whoever's they are; those that aren't there are left out.
///
/// # Errors
/// The database failed.
pub async fn uploads(database: &Database, ids: &[UploadId]) -> Result<Vec<UploadRow>, DatabaseError> {
    let sql = "-- uploads
        SELECT id, status, attempts, size_bytes, content_type, picture_key, failure, revision, created_at, updated_at,
            finished_at
        FROM uploads WHERE id = ANY($1) AND status <> 'receiving'";
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let work = async {
        let rows = database.session().await?.rows(sql, &[&ids]).await?;
        rows.iter().map(UploadRow::read).collect()
    };
    database.within(work).await
}
