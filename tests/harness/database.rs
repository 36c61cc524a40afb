//! A look into the database, past our own code.

use std::sync::Arc;
use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls, Row};

/// A connection of the test's own, made anew after the server was away.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    client: Mutex<Arc<Client>>,
}

impl TestDatabase {
    /// Connects.
    ///
    /// # Panics
    /// The database can't be reached.
    pub async fn connect(url: &str) -> Self {
        Self { url: url.to_owned(), client: Mutex::new(Arc::new(connect(url).await)) }
    }

    async fn client(&self) -> Arc<Client> {
        let mut client = self.client.lock().await;
        if client.is_closed() {
            *client = Arc::new(connect(&self.url).await);
        }
        Arc::clone(&client)
    }

    /// Runs statements.
    ///
    /// # Panics
    /// One fails.
    pub async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The rows of a query whose parameters are texts.
    ///
    /// # Panics
    /// It fails.
    pub async fn rows(&self, sql: &str, parameters: &[&str]) -> Vec<Row> {
        let parameters: Vec<_> =
            parameters.iter().map(|text| text as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
        self.client().await.query(sql, &parameters).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// Every upload as a worker leaves it that dies at this attempt: its lease has run out. Returns the key that it had for
    /// the picture.
    ///
    /// # Panics
    /// It fails.
    pub async fn plant_a_lost_lease(&self, attempt: u32) -> &'static str {
        let key = "pictures/00000000000000000000000000000000.jpg";
        self.run(&format!(
            "UPDATE uploads SET status = 'processing', attempts = {attempt}, claim_token = gen_random_uuid(),
             lease_until = now() - interval '1 second', picture_key = '{key}'"
        ))
        .await;
        key
    }

    /// From now on every change of a table's rows is refused with this SQLSTATE.
    ///
    /// # Panics
    /// It fails.
    pub async fn refuse(&self, table: &str, state: &str, message: &str) {
        self.run(&format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
        ))
        .await;
    }

    /// Ends that.
    ///
    /// # Panics
    /// It fails.
    pub async fn refuse_no_more(&self, table: &str) {
        self.run(&format!("DROP TRIGGER refuse ON {table}")).await;
    }

    /// A single number.
    ///
    /// # Panics
    /// The query fails or gives none.
    pub async fn count(&self, sql: &str) -> i64 {
        self.rows(sql, &[]).await[0].get(0)
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the database");
    tokio::spawn(connection);
    client
}
