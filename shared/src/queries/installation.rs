//! What this database is, and which bucket belongs to it.

use super::column;
use crate::database::{Database, DatabaseError};
use uuid::Uuid;

/// The installation's ids.
#[derive(Debug, Clone, Copy)]
pub struct InstallationRow {
    /// This database.
    pub database_id: Uuid,
    /// Its bucket; none before the first start.
    pub bucket_id: Option<Uuid>,
}

/// The installation's ids.
///
/// # Errors
/// The database failed.
pub async fn installation(database: &Database) -> Result<InstallationRow, DatabaseError> {
    let sql = "-- installation\nSELECT database_id, bucket_id FROM pfp_installation";
    let work = async {
        let row = database.session().await?.one(sql, &[]).await?;
        Ok(InstallationRow {
            database_id: column(&row, "database_id")?,
            bucket_id: column(&row, "bucket_id")?,
        })
    };
    database.within(work).await
}

/// Keeps the bucket's id, unless one is kept already. Returns the one that is kept.
///
/// # Errors
/// The database failed.
pub async fn set_bucket(database: &Database, bucket_id: Uuid) -> Result<Uuid, DatabaseError> {
    let sql = "-- set_bucket
        UPDATE pfp_installation SET bucket_id = coalesce(bucket_id, $1) RETURNING bucket_id";
    let work = async { column(&database.session().await?.one(sql, &[&bucket_id]).await?, "bucket_id") };
    database.within(work).await
}
