//! Connections outside the pool, for what takes long or stays.

use super::{DatabaseConfigError, DatabaseError, Listener, server_config};
use crate::{config::Connections, tls};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How a connection is made that belongs to nobody else.
pub(super) struct Alone {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl std::fmt::Debug for Alone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration holds a password.
        f.debug_struct("Alone").finish_non_exhaustive()
    }
}

impl Alone {
    /// For these settings; `None`: without a limit on statements.
    pub(super) fn new(
        connections: &Connections,
        application: &str,
        statement_timeout: Option<Duration>,
    ) -> Result<Self, DatabaseConfigError> {
        let config = server_config(connections, application, statement_timeout)?;
        let tls = if config.get_ssl_mode() == SslMode::Require {
            Some(MakeRustlsConnect::new(tls::client_config(connections)?))
        } else {
            None
        };
        Ok(Self { config, tls })
    }

    /// A plain connection; it ends when the client is dropped.
    pub(super) async fn client(&self) -> Result<Client, DatabaseError> {
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            tokio::spawn(connection);
            Ok(client)
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            tokio::spawn(connection);
            Ok(client)
        }
    }

    /// A connection that hears notifications.
    pub(super) async fn listener(&self) -> Result<Listener, DatabaseError> {
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            Ok(Listener::new(client, connection))
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            Ok(Listener::new(client, connection))
        }
    }
}
