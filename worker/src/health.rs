//! Health and metrics: the only HTTP that a worker serves.

use crate::worker::Worker;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use pfp_shared::{
    dependencies::Dependency,
    server::{accept, listen},
};
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, sync::Arc};
use tokio_util::task::TaskTracker;

type Shared = State<(Arc<Worker>, PrometheusHandle)>;

/// Serves until the worker ends.
///
/// # Errors
/// The address can't be listened on.
pub async fn serve(
    worker: Arc<Worker>,
    metrics: PrometheusHandle,
    address: SocketAddr,
) -> anyhow::Result<()> {
    let listener = listen("PFP_METRICS_LISTEN", address).await?;
    let routes = Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state((Arc::clone(&worker), metrics));
    let (limits, end) = (worker.config.connection_limits, &worker.must_end);
    accept(listener, routes, limits, &TaskTracker::new(), end, end).await;
    Ok(())
}

/// Red when a thread is stuck in a picture: only a restart brings it back.
async fn alive(State((worker, _)): Shared) -> impl IntoResponse {
    match worker.kitchen.stuck_threads() {
        0 => (StatusCode::OK, "ok\n".to_owned()),
        count => (StatusCode::INTERNAL_SERVER_ERROR, format!("{count} threads are stuck in a picture\n")),
    }
}

async fn ready(State((worker, _)): Shared) -> impl IntoResponse {
    let mut body = Map::new();
    for dependency in Dependency::ALL {
        let trouble = worker.services.dependencies.trouble(dependency);
        body.insert(dependency.as_str().to_owned(), trouble.map_or(json!("up"), |why| Value::from(&*why)));
    }
    let is_ready = body.values().all(|state| state == "up") && worker.kitchen.stuck_threads() == 0;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    body.insert("status".to_owned(), json!(if is_ready { "ready" } else { "not ready" }));
    (status, Json(Value::Object(body)))
}

async fn render(State((worker, metrics)): Shared) -> impl IntoResponse {
    worker.show_memory();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}
