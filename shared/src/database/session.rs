//! A connection on loan from the pool that never goes back in the middle of something.

use super::{DatabaseError, turns::Turn};
use deadpool_postgres::Object;
use tokio_postgres::{Row, error::SqlState, types::ToSql};

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// It does: what was committed is there after a crash.
    Durable,
    /// It doesn't: a crash of the database server may undo it.
    Relaxed,
}

/// A connection on loan.
///
/// Dropping the future of a statement doesn't end the statement: the next borrower of the connection would wait
/// for it. So a session that is dropped while a statement or a transaction is open closes its connection
/// instead of giving it back, and the server rolls back.
#[derive(Debug)]
pub struct Session {
    client: Option<Object>,
    open: bool,
    turn: Option<Turn>,
}

impl Session {
    pub(super) const fn new(client: Object, turn: Option<Turn>) -> Self {
        Self { client: Some(client), open: false, turn }
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// The statement or its connection failed.
    pub async fn rows(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<Vec<Row>, DatabaseError> {
        let was_open = std::mem::replace(&mut self.open, true);
        let client = self.client()?;
        let outcome = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, parameters).await
        };
        let outcome = outcome.await;
        self.open = was_open || is_broken(&outcome);
        Ok(outcome?)
    }

    /// Runs a statement that returns one row or none.
    ///
    /// # Errors
    /// As [`Session::rows`].
    pub async fn optional(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, DatabaseError> {
        Ok(self.rows(sql, parameters).await?.into_iter().next())
    }

    /// Runs a statement that always returns a row.
    ///
    /// # Errors
    /// As [`Session::rows`], and when there is no row.
    pub async fn one(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<Row, DatabaseError> {
        let row = self.optional(sql, parameters).await?;
        row.ok_or_else(|| DatabaseError::Row("a row was expected".to_owned()))
    }

    /// Runs a statement for its effect and returns how many rows it changed.
    ///
    /// # Errors
    /// As [`Session::rows`].
    pub async fn execute(&mut self, sql: &str, parameters: Parameters<'_>) -> Result<u64, DatabaseError> {
        let was_open = std::mem::replace(&mut self.open, true);
        let client = self.client()?;
        let outcome = async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, parameters).await
        };
        let outcome = outcome.await;
        self.open = was_open || is_broken(&outcome);
        Ok(outcome?)
    }

    /// Begins a transaction. It ends with [`Session::commit`] or [`Session::rollback`]; if the session is
    /// dropped before, the connection is closed and the server rolls back.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn begin(&mut self, durability: Durability) -> Result<(), DatabaseError> {
        self.open = true;
        let sql = match durability {
            Durability::Durable => "BEGIN",
            Durability::Relaxed => "BEGIN; SET LOCAL synchronous_commit = off",
        };
        self.client()?.batch_execute(sql).await?;
        Ok(())
    }

    /// Commits. If this fails the outcome may be unknown: read again before acting on it.
    ///
    /// # Errors
    /// The connection failed, or the server refused.
    pub async fn commit(&mut self) -> Result<(), DatabaseError> {
        self.client()?.batch_execute("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    /// Takes everything since [`Session::begin`] back.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn rollback(&mut self) -> Result<(), DatabaseError> {
        self.client()?.batch_execute("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    /// Keeps the connection out of the pool for good: it holds something that must end with it.
    pub const fn never_give_back(&mut self) {
        self.open = true;
    }

    fn client(&self) -> Result<&Object, DatabaseError> {
        self.client.as_ref().ok_or_else(|| DatabaseError::Row("the session has ended".to_owned()))
    }
}

/// Whether a statement ended without the server's word, so that the connection can't be trusted any more.
fn is_broken<T>(outcome: &Result<T, tokio_postgres::Error>) -> bool {
    outcome.as_ref().is_err_and(|error| {
        // A server that became read-only in a failover is the wrong one for good.
        error.code().is_none_or(|state| *state == SqlState::READ_ONLY_SQL_TRANSACTION)
    })
}

impl Drop for Session {
    fn drop(&mut self) {
        let client = self.client.take();
        if !self.open {
            self.turn.iter().for_each(Turn::went_well);
        } else if let Some(client) = client {
            drop(Object::take(client));
        }
    }
}
