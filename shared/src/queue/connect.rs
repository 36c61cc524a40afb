//! One connection to the broker, with a limit on how long it may take.

use crate::{config::Connections, tls};
use lapin::{
    Connection, ConnectionProperties,
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};
use std::{sync::Arc, time::Duration};

/// Seconds between heartbeats: a broker that is frozen or cut off is noticed after two of them.
const HEARTBEAT: u16 = 10;

/// How the broker is reached.
#[derive(Clone)]
pub struct BrokerUri {
    uri: Arc<AMQPUri>,
    tls: OwnedTLSConfig,
    timeout: Duration,
}

/// A broker URL or certificate file that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BrokerConfigError {
    /// The URL isn't one of AMQP. Its text may hold a password and isn't shown.
    #[error("PFP_AMQP_URL can't be used: it takes amqp://user:password@host:port/vhost, or amqps://")]
    Url,
    /// The certificate authorities can't be read.
    #[error(transparent)]
    Tls(#[from] tls::TlsConfigError),
}

impl BrokerUri {
    /// Reads the broker's URL.
    ///
    /// # Errors
    /// The URL or the certificate file can't be used.
    pub fn new(connections: &Connections) -> Result<Self, BrokerConfigError> {
        let mut uri: AMQPUri = connections.amqp_url.expose().parse().map_err(|_| BrokerConfigError::Url)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let tls = match uri.scheme {
            AMQPScheme::AMQP => OwnedTLSConfig::default(),
            AMQPScheme::AMQPS => OwnedTLSConfig {
                identity: None,
                cert_chain: tls::ca_pem(connections)?.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
            },
        };
        Ok(Self { uri: Arc::new(uri), tls, timeout: connections.broker_timeout })
    }

    /// The longest wait for an answer of the broker.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Connects once. Nothing recovers by itself: the library's own recovery can end in a state in which nothing
/// works and nothing is reported, so whoever holds a connection rebuilds it.
///
/// # Errors
/// The broker doesn't answer in time or refuses.
pub async fn connect(broker: &BrokerUri, name: &str) -> Result<Connection, lapin::Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    let uri = AMQPUri::clone(&broker.uri);
    // The URL's own connection_timeout isn't looked at by the asynchronous connector.
    in_time(broker.timeout, Connection::connect_uri_with_config(uri, properties, broker.tls.clone(), runtime))
        .await
}

/// A call to the broker with a limit: on a blocked connection every call waits for ever.
///
/// # Errors
/// The call's own, or that it took too long.
pub async fn in_time<T>(limit: Duration, call: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer from the broker within {} ms", limit.as_millis()),
        )
        .into()),
    }
}
