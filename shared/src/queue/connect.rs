//! One connection to the broker, with a limit on how long it may take.

use crate::{backoff::Backoff, config::Connections, lock::lock, tls};
use lapin::{
    Connection, ConnectionProperties, Error, ErrorKind,
    protocol::{AMQPErrorKind, AMQPSoftError},
    tcp::{AMQPUriTcpExt, AsyncTcpStream, OwnedTLSConfig},
    uri::{AMQPScheme, AMQPUri},
};
use socket2::{SockRef, Socket};
use std::{
    io,
    net::Shutdown,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpStream;

/// Seconds between heartbeats: a broker that is frozen or cut off is noticed after two of them.
const HEARTBEAT: u16 = 10;

/// How the broker is reached.
#[derive(Clone)]
pub struct BrokerUri {
    uri: Arc<AMQPUri>,
    tls: OwnedTLSConfig,
    timeout: Duration,
    check_interval: Duration,
    reconnect_wait: Duration,
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
        Ok(Self {
            uri: Arc::new(uri),
            tls,
            timeout: connections.broker_timeout,
            check_interval: connections.check_interval,
            reconnect_wait: connections.reconnect_wait,
        })
    }

    /// The longest wait for an answer of the broker.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How often a connection, and the queues, are checked.
    #[must_use]
    pub const fn check_interval(&self) -> Duration {
        self.check_interval
    }

    /// The waits before it is connected to again.
    #[must_use]
    pub const fn reconnecting(&self) -> Backoff {
        Backoff::reconnecting(self.reconnect_wait)
    }
}

/// Connects once. Nothing recovers by itself: the library's own recovery can end in a state in which nothing
/// works and nothing is reported, so whoever holds a connection rebuilds it.
///
/// # Errors
/// The broker doesn't answer in time or refuses.
pub async fn connect(broker: &BrokerUri, name: &str) -> Result<Connection, Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let runtime = lapin::runtime::default_runtime()?;
    let (handshake, tls) = (Handshake::default(), broker.tls.clone());
    let (begun, its_runtime) = (handshake.clone(), runtime.clone());
    let open = async move |uri: AMQPUri, _| {
        // TLS comes after: its handshake can stop as well.
        let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri.clone() };
        let stream = plain.connect_async(&its_runtime).await?;
        if let AsyncTcpStream::Plain(stream) = &stream {
            begun.on(stream.get_ref())?;
        }
        Ok(match uri.scheme {
            AMQPScheme::AMQP => stream,
            AMQPScheme::AMQPS => stream.into_tls(&uri.authority.host, tls.as_ref()).await?,
        })
    };
    // The URL's own connection_timeout isn't looked at by the asynchronous connector.
    let uri = AMQPUri::clone(&broker.uri);
    let connected = in_time(broker.timeout, Connection::connector(uri, runtime, open, properties)).await;
    handshake.end(connected.is_ok());
    connected
}

/// A connection's socket until the connection stands. A broker that takes a connection and says nothing is waited for by a
/// thread of the library that nothing but the socket's end ends: with every try there would be one more of both.
#[derive(Debug, Clone, Default)]
struct Handshake(Arc<Mutex<Shaking>>);

#[derive(Debug, Default)]
struct Shaking {
    socket: Option<Socket>,
    has_ended: bool,
}

impl Handshake {
    /// It goes on over this connection; the library may make several.
    fn on(&self, stream: &TcpStream) -> io::Result<()> {
        let mut shaking = lock(&self.0);
        if shaking.has_ended {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        shaking.socket = Some(SockRef::from(stream).try_clone()?);
        Ok(())
    }

    /// It has ended; the socket of one that failed ends with it.
    fn end(&self, is_connected: bool) {
        let mut shaking = lock(&self.0);
        shaking.has_ended = true;
        if let Some(socket) = shaking.socket.take()
            && !is_connected
        {
            // An error is that of a connection that is gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// A call to the broker with a limit: on a blocked connection every call waits for ever.
///
/// # Errors
/// The call's own, or that it took too long.
pub async fn in_time<T>(limit: Duration, call: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer from the broker within {} ms", limit.as_millis()),
        )
        .into()),
    }
}

/// The broker's reason for closing a channel.
pub(super) fn refusal(error: &Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}
