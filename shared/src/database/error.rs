//! What can go wrong with the database, told apart by what to do about it.

use deadpool_postgres::PoolError;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// An error of the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// No answer in time.
    #[error("the database didn't answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// All connections of this process are out, and others got those that came back. The database is not at fault.
    #[error("no database connection was free within {} ms", .0.as_millis())]
    Busy(Duration),
    /// No connection could be had.
    #[error("no database connection: {}", chain(.0))]
    Pool(#[from] PoolError),
    /// A statement failed, or its connection did.
    #[error("{}", chain(.0))]
    Statement(#[from] tokio_postgres::Error),
    /// A row holds what this build can't read.
    #[error("a row can't be read: {0}")]
    Row(String),
}

/// An error with its causes: the client's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl DatabaseError {
    /// Whether the database, or the lack of a connection to it, is at fault and not the statement: trying again later
    /// can help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Busy(_) | Self::Pool(_) => true,
            Self::Statement(error) => match error.code() {
                Some(state) => is_transient(state),
                None => error.is_closed() || is_connection_error(error),
            },
            Self::Row(_) => false,
        }
    }

    /// Whether it is about what a row holds or should hold, so that trying again can't help. All else is the database's
    /// state, such as rights that were taken from us, a table that isn't there, or damage: however long that takes, it is
    /// no fault of the upload that was worked on.
    #[must_use]
    pub fn is_about_a_row(&self) -> bool {
        match self {
            Self::Statement(error) => match error.code() {
                // 21 too many rows, 22 a value, 23 a constraint, 44 a view's condition, P0 what a trigger raises.
                Some(state) => matches!(state.code().get(..2), Some("21" | "22" | "23" | "44" | "P0")),
                None => !self.is_unavailable(),
            },
            Self::Row(_) => true,
            Self::Timeout(_) | Self::Busy(_) | Self::Pool(_) => false,
        }
    }

    /// Whether the database is up and refuses us all the same: its state is neither ours nor the row's fault.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !self.is_unavailable() && !self.is_about_a_row()
    }

    /// Whether it was rolled back for another transaction's sake, such as in a deadlock: that is over, and says nothing
    /// about the database.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        matches!(self, Self::Statement(error) if error.code().is_some_and(|state| state.code().starts_with("40")))
    }

    /// Whether the outcome is unknown: the statement may have been carried out although it failed here.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            // An answer with a code is the server's word that it was not carried out.
            Self::Statement(error) => error.code().is_none(),
            Self::Busy(_) | Self::Pool(_) | Self::Row(_) => false,
        }
    }
}

/// An error without the server's word is the connection's, unless it is about a value's type.
fn is_connection_error(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_none_or(|cause| cause.is::<std::io::Error>())
}

/// States of the server, of its connections or of locks, as opposed to errors of a statement.
fn is_transient(state: &SqlState) -> bool {
    // 08 connection, 40 rolled back, 53 resources, 57 operator, 58 system; 55P03 a lock, 25006 a read-only
    // server after a failover.
    matches!(state.code().get(..2), Some("08" | "40" | "53" | "57" | "58"))
        || *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
        || *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}
