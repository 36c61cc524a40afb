//! Takes connections, as many as there may be.

use super::{connection::serve_connection, shared_stream::Connections};
use crate::config::Settings;
use axum::Router;
use socket2::SockRef;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many connections, and how long each may be silent.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// The most connections; further clients wait to be taken.
    pub most: usize,
    /// How long a request's headers may take, from their first byte; for the first request, from the start.
    pub headers: Duration,
    /// How long a connection may be silent between requests, and how long a client may not read its answer.
    pub idle: Duration,
    /// The slowest that a client may take its answer, in bytes a second; 0 is any.
    pub min_answer_rate: u64,
}

/// What of an answer the system holds for a client that hasn't read it (it counts as twice as much, with its own needs):
/// enough for a far client at a good rate, and little enough for thousands that don't read.
const SEND_BUFFER: usize = 128 << 10;

impl ConnectionLimits {
    /// So many connections, with the time-outs of the settings.
    #[must_use]
    pub fn from_settings(most: usize, settings: &Settings) -> Self {
        Self {
            most,
            headers: settings.duration("PFP_HEADER_TIMEOUT"),
            idle: settings.duration("PFP_IDLE_TIMEOUT"),
            min_answer_rate: settings.number("PFP_MIN_ANSWER_RATE"),
        }
    }
}

/// Listens, with an error that names the setting.
///
/// # Errors
/// The address can't be listened on.
pub async fn listen(setting: &str, address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(error.kind(), format!("{setting}={address} can't be listened on: {error}"))
    })
}

/// Accepts connections until told to stop, each served in a task of its own until `closing`.
pub async fn accept(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    connections: &TaskTracker,
    closing: &CancellationToken,
    stop: &CancellationToken,
) {
    let among = Connections::default();
    let room = Arc::new(Semaphore::new(limits.most.min(Semaphore::MAX_PERMITS)));
    loop {
        let next = async {
            // Room first: a client that can't be served yet waits in the system's queue.
            let place = Arc::clone(&room).acquire_owned().await;
            (place, next_connection(&listener).await)
        };
        let (place, stream) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            next = next => next,
        };
        let (router, among, closing) = (router.clone(), among.clone(), closing.clone());
        connections.spawn(async move {
            serve_connection(stream, router, limits, among, closing).await;
            drop(place);
        });
    }
}

async fn next_connection(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An answer is written at once; waiting for more to send only delays it.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER);
                return stream;
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // No descriptors left, most likely: others have to close first.
                tracing::error!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether a client went away before it was accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
