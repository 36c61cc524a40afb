//! The server: who is served what, and how it ends.

use crate::{routes, state::AppState};
use axum::Router;
use pfp_shared::server::{ConnectionLimits, OPERATORS_CONNECTIONS, accept};
use std::time::Duration;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long open connections are answered `shutting_down` at least: a client that sends its next request just
/// then gets an answer instead of a reset.
const LAST_WORD: Duration = Duration::from_millis(250);

/// Serves until told to stop, then lets what runs end within the grace. The caller owns the socket and the end.
pub async fn serve(listener: TcpListener, state: AppState, shutdown: CancellationToken) {
    let limits = state.config.connection_limits;
    let (connections, closing) = (TaskTracker::new(), CancellationToken::new());
    let router = routes::public(state.clone());
    accept(listener, router, limits, &connections, &closing, &shutdown).await;
    state.stopping.cancel();
    let deadline = Instant::now() + state.config.connections.shutdown_grace;
    state.work.close();
    let work_ended = async {
        sleep(LAST_WORD).await;
        state.work.wait().await;
    };
    if timeout_at(deadline, work_ended).await.is_err() {
        tracing::warn!(requests = state.work.len(), "running requests are cut off: the grace is over");
    }
    closing.cancel();
    connections.close();
    // What was answered is still being written; a client that reads nothing is not waited for.
    let _ = timeout_at(deadline.max(Instant::now() + LAST_WORD), connections.wait()).await;
}

/// Serves metrics and health on a listener of their own, until told to stop.
pub async fn serve_metrics(listener: TcpListener, state: AppState, shutdown: CancellationToken) {
    let limits = ConnectionLimits { most: OPERATORS_CONNECTIONS, ..state.config.connection_limits };
    let router: Router = routes::metrics_only(state);
    accept(listener, router, limits, &TaskTracker::new(), &shutdown.clone(), &shutdown).await;
}
