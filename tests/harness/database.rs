//! A look into the database, past our own code.

use tokio_postgres::{Client, NoTls, Row};

/// A connection of the test's own.
#[derive(Debug)]
pub struct TestDatabase {
    client: Client,
}

impl TestDatabase {
    /// Connects.
    ///
    /// # Panics
    /// The database can't be reached.
    pub async fn connect(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database");
        tokio::spawn(connection);
        Self { client }
    }

    /// Runs statements.
    ///
    /// # Panics
    /// One fails.
    pub async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The rows of a query whose parameters are texts.
    ///
    /// # Panics
    /// It fails.
    pub async fn rows(&self, sql: &str, parameters: &[&str]) -> Vec<Row> {
        let parameters: Vec<_> =
            parameters.iter().map(|text| text as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
        self.client.query(sql, &parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// A single number.
    ///
    /// # Panics
    /// The query fails or gives none.
    pub async fn count(&self, sql: &str) -> i64 {
        self.rows(sql, &[]).await[0].get(0)
    }
}
