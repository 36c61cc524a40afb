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

/// Keeps the bucket's id, unless one is kept already.
///
/// # Errors
/// The database failed.
pub async fn set_bucket(database: &Database, bucket_id: Uuid) -> Result<(), DatabaseError> {
    let sql = "-- set_bucket\nUPDATE pfp_installation SET bucket_id = $1 WHERE bucket_id IS NULL";
    database.within(async { database.session().await?.execute(sql, &[&bucket_id]).await }).await?;
    Ok(())
}
