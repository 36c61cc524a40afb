//! The schema: brought up to date by `pfp-worker migrate`, checked by every process at its start.

use super::{Database, DatabaseConfigError, DatabaseError, server_config};
use crate::{config::Connections, tls};
use tokio_postgres::{Client, NoTls, config::SslMode, error::SqlState};

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// The schema that this build was made for: the number of the newest migration in it.
pub const SCHEMA_VERSION: i32 = 1;

/// Names our lock among the advisory locks of the database: "pfp" and a number.
const MIGRATION_LOCK: i64 = 0x0070_6670_0001;

/// Why a process can't run on the database's schema.
#[derive(Debug, thiserror::Error)]
pub enum SchemaMismatch {
    /// There is no schema yet.
    #[error("the database has no pfp tables yet: run `pfp-worker migrate`")]
    Missing,
    /// The schema is older than this build needs.
    #[error(
        "the database's schema is V{found}, this build needs V{SCHEMA_VERSION}: run `pfp-worker migrate`"
    )]
    TooOld {
        /// The schema's version.
        found: i32,
    },
    /// The schema has moved on past this build.
    #[error(
        "this build is made for schema V{SCHEMA_VERSION}, the database needs a build for V{oldest} or later: update pfp"
    )]
    BuildTooOld {
        /// The oldest that may still run.
        oldest: i32,
    },
}

/// Why the migrations couldn't be run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The configuration can't be used.
    #[error(transparent)]
    Config(#[from] DatabaseConfigError),
    /// The database can't be reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A migration failed; it was rolled back.
    #[error("a migration failed and was rolled back: {0}")]
    Migration(#[from] refinery::Error),
}

/// Applies every migration that the database lacks and returns their names. Safe to run by several processes at
/// once: they take turns.
///
/// # Errors
/// The database can't be reached, or a migration failed.
pub async fn migrate(connections: &Connections) -> Result<Vec<String>, MigrationError> {
    let mut client = connect_alone(connections).await?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK]).await.map_err(DatabaseError::from)?;
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
}

/// A connection outside the pool, without the pool's limit on statements: a migration may take long.
async fn connect_alone(connections: &Connections) -> Result<Client, MigrationError> {
    let config = server_config(connections, "pfp-worker migrate", None)?;
    if config.get_ssl_mode() == SslMode::Require {
        let tls = tls::client_config(connections).map_err(DatabaseConfigError::from)?;
        let connector = tokio_postgres_rustls::MakeRustlsConnect::new(tls);
        let (client, connection) = config.connect(connector).await.map_err(DatabaseError::from)?;
        tokio::spawn(connection);
        Ok(client)
    } else {
        let (client, connection) = config.connect(NoTls).await.map_err(DatabaseError::from)?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Compares the database's schema with this build.
///
/// # Errors
/// The database can't be asked. The inner result says why this build can't run on it.
pub async fn check_schema(database: &Database) -> Result<Result<(), SchemaMismatch>, DatabaseError> {
    let found = database
        .within(async {
            let sql = "-- check_schema\nSELECT schema_version, oldest_runnable_version FROM pfp_installation";
            database.session().await?.one(sql, &[]).await
        })
        .await;
    let row = match found {
        Err(DatabaseError::Statement(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
            return Ok(Err(SchemaMismatch::Missing));
        }
        other => other?,
    };
    let (found, oldest): (i32, i32) = (row.get(0), row.get(1));
    Ok(if found < SCHEMA_VERSION {
        Err(SchemaMismatch::TooOld { found })
    } else if oldest > SCHEMA_VERSION {
        Err(SchemaMismatch::BuildTooOld { oldest })
    } else {
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_made_for_the_newest_migration() {
        let newest = embedded::migrations::runner().get_migrations().iter().map(|m| m.version()).max();
        assert_eq!(newest, Some(SCHEMA_VERSION));
    }
}
