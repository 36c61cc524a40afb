//! The schema: brought up to date by `pfp-worker migrate`, checked by every process at its start.

use super::{DatabaseConfigError, DatabaseError, alone::Alone};
use crate::{config::Connections, queries};

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// The schema that this build was made for: the number of the newest migration in it.
pub const SCHEMA_VERSION: i32 = 4;

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

impl SchemaMismatch {
    /// Whether this build runs on a schema of this version, which says which builds may.
    pub(crate) const fn check(version: i32, oldest_runnable: i32) -> Result<(), Self> {
        if version < SCHEMA_VERSION {
            Err(Self::TooOld { found: version })
        } else if oldest_runnable > SCHEMA_VERSION {
            Err(Self::BuildTooOld { oldest: oldest_runnable })
        } else {
            Ok(())
        }
    }
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
    // A migration may take long: it has no limit.
    let mut client = Alone::new(connections, "pfp-worker migrate", None)?.client().await?;
    queries::lock_migrations(&client).await?;
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    Ok(report.applied_migrations().iter().map(ToString::to_string).collect())
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
