//! What this database is, and which bucket belongs to it.

use super::column;
use crate::database::{Database, DatabaseError, SchemaMismatch};
use time::OffsetDateTime;
use tokio_postgres::{Client, error::SqlState};
use uuid::Uuid;

/// Names our lock among the advisory locks of the database: "pfp" and a number.
const MIGRATION_LOCK: i64 = 0x0070_6670_0001;

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

/// Whether the database answers, and its time.
///
/// # Errors
/// Why it doesn't.
pub async fn ping(database: &Database) -> Result<OffsetDateTime, DatabaseError> {
    let work = async {
        let row = database.spare_session().await?.one("-- ping\nSELECT clock_timestamp() AS at", &[]).await?;
        column(&row, "at")
    };
    database.within(work).await
}

/// Compares the database's schema with this build.
///
/// # Errors
/// The database can't be asked. The inner result says why this build can't run on it.
pub async fn check_schema(database: &Database) -> Result<Result<(), SchemaMismatch>, DatabaseError> {
    let sql = "-- check_schema\nSELECT schema_version, oldest_runnable_version FROM pfp_installation";
    let row = match database.within(async { database.session().await?.one(sql, &[]).await }).await {
        Err(DatabaseError::Statement(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            return Ok(Err(SchemaMismatch::Missing));
        }
        row => row?,
    };
    let (version, oldest) = (column(&row, "schema_version")?, column(&row, "oldest_runnable_version")?);
    Ok(SchemaMismatch::check(version, oldest))
}

/// Waits for its turn to migrate, for as long as the connection lives.
///
/// # Errors
/// The database failed.
pub(crate) async fn lock_migrations(client: &Client) -> Result<(), DatabaseError> {
    client.execute("-- lock_migrations\nSELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await?;
    Ok(())
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
