//! The database: a bounded pool in which users take turns, sessions that can't leave a half-done statement behind, migrations.

mod alone;
mod error;
mod listener;
mod migrations;
mod session;
mod turns;

pub use error::DatabaseError;
pub use listener::Listener;
pub use migrations::{MigrationError, SCHEMA_VERSION, SchemaMismatch, migrate};
pub use session::{Durability, Session};

use crate::{config::Connections, tls};
use alone::Alone;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_postgres::{
    Config, NoTls,
    config::{SslMode, TargetSessionAttrs},
};
use turns::Turns;

/// The pool of connections to one database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: Pool,
    timeout: Duration,
    alone: Arc<Alone>,
    turns: Arc<Turns>,
    user: Option<Arc<Semaphore>>,
}

/// A database URL or certificate file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseConfigError {
    /// The URL isn't one of Postgres. Its text may hold a password and isn't shown.
    #[error("PFP_DATABASE_URL can't be used: {0}")]
    Url(#[from] tokio_postgres::Error),
    /// The certificate authorities can't be read.
    #[error(transparent)]
    Tls(#[from] tls::TlsConfigError),
    /// The pool can't be built.
    #[error("the database pool can't be built: {0}")]
    Pool(#[from] deadpool_postgres::BuildError),
}

impl Database {
    /// A pool for one process; connects when first used. `application` is what the server's views show.
    ///
    /// # Errors
    /// The URL or the certificate file can't be used.
    pub fn new(connections: &Connections, application: &str) -> Result<Self, DatabaseConfigError> {
        let timeout = connections.database_timeout;
        let config = server_config(connections, application, Some(timeout))?;
        // Fast recycling only asks whether the connection was closed: a restart of the server shows there, and
        // a frozen link is left to the time-outs, which throw the connection away.
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Require {
            let connector = tokio_postgres_rustls::MakeRustlsConnect::new(tls::client_config(connections)?);
            Manager::from_config(config, connector, manager_config)
        } else {
            Manager::from_config(config, NoTls, manager_config)
        };
        let alone = Alone::new(connections, application, Some(timeout))?;
        let pool = Pool::builder(manager)
            .max_size(connections.database_connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { wait: Some(timeout), create: Some(timeout), recycle: Some(timeout) })
            .build()?;
        // The last one is for the question whether the database answers.
        let lent = connections.database_connections.saturating_sub(1);
        // Within the time for the statement, or that would be told instead.
        let wait = connections.database_wait.min(timeout * 3 / 4);
        let turns = Turns::new(lent, connections.database_connections_per_user, wait);
        Ok(Self { pool, timeout, alone: Arc::new(alone), turns, user: None })
    }

    /// The same for what a user asks for: no user has more than a few of the connections at once.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Self {
        Self { user: Some(self.turns.of_user(user)), ..self.clone() }
    }

    /// Runs work on the database within the time-out for statements. What is cut off leaves no half-done
    /// statement on a connection that another caller could get.
    ///
    /// # Errors
    /// The work's own, or [`DatabaseError::Timeout`].
    pub async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(DatabaseError::Timeout(self.timeout)))
    }

    /// A connection of the pool.
    ///
    /// # Errors
    /// [`DatabaseError::Busy`] when all are out for too long, or none could be made within the time-out.
    pub async fn session(&self) -> Result<Session, DatabaseError> {
        let turn = self.turns.take(self.user.as_ref()).await?;
        Ok(Session::new(self.client().await?, Some(turn)))
    }

    /// The connection that is left when all others are out.
    ///
    /// # Errors
    /// It can't be made within the time-out.
    pub async fn spare_session(&self) -> Result<Session, DatabaseError> {
        Ok(Session::new(self.client().await?, None))
    }

    async fn client(&self) -> Result<Object, DatabaseError> {
        // The pool's own time-outs are for each try: with several dead connections they add up.
        let client = tokio::time::timeout(self.timeout, self.pool.get()).await;
        Ok(client.map_err(|_| DatabaseError::Timeout(self.timeout))??)
    }

    /// A connection of its own that hears notifications.
    ///
    /// # Errors
    /// It can't be made within the time-out.
    pub async fn listener(&self) -> Result<Listener, DatabaseError> {
        self.within(self.alone.listener()).await
    }

    /// Closes every connection of the pool.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// How the server is reached, with the limits that it keeps by itself.
fn server_config(
    connections: &Connections,
    application: &str,
    statement_timeout: Option<Duration>,
) -> Result<Config, DatabaseConfigError> {
    // libpq's two stricter words mean what we do anyway: the certificate and the name are always verified.
    let url = connections
        .database_url
        .expose()
        .replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = url.parse()?;
    if config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(SslMode::Disable);
    }
    config.application_name(application);
    // After a failover the old server may come back read-only.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config.connect_timeout(connections.database_timeout);
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(2);
    config.tcp_user_timeout(connections.database_timeout);
    if let Some(timeout) = statement_timeout {
        // The server's limits are for a client that died or was cut off: they end what nobody waits for.
        let millis = timeout.as_millis();
        // What is durable doesn't depend on how the server is set up.
        let own = config.get_options().unwrap_or_default().to_owned();
        config.options(format!(
            "{own} -c synchronous_commit=on -c statement_timeout={} -c lock_timeout={} \
             -c idle_in_transaction_session_timeout={}",
            millis * 2,
            millis,
            millis * 3,
        ));
    }
    Ok(config)
}
