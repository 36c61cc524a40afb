//! The API of pfp: takes uploads, tells their status, serves pictures. It never decodes an image.
//!
//! # Layout, in reading order
//!
//! - [`upload_picture`]: the life of an upload up to its 202, step by step; [`receive`]: what the steps are made
//!   of, from the declared length and type to the staged object.
//! - [`upload_answer`], [`upload_status`], [`upload_events`], [`uploads`], [`user`], [`pictures`], [`user_picture`]:
//!   what can be asked and taken back afterwards; [`shown`]: the JSON of it; [`changes`]: how waiting clients hear.
//! - [`page`]: the page for people, and the client for browsers that it uses; [`static_file`]: what it is made of.
//! - [`routes`]: every address; [`observe`]: what surrounds every request (its id, its span, its log line);
//!   [`well_formed`]: what isn't HTTP as it should be; [`auth`], [`cors`], [`query`], [`prefer`], [`etag`], [`error`]: what handlers share; [`body`]: bodies that are
//!   answered early.
//! - [`token`]: the check of a token; [`keys`]: what it is checked with, and where that comes from.
//! - [`server`]: who is served what, and how it ends; [`memory`], [`turns`]: what all bodies may hold, and when to come
//!   back; [`state`], [`config`], [`command`]: the process.
//! - [`health`], [`problems`], [`openapi`], [`docs`]: what operators and developers ask.

pub mod auth;
pub mod body;
pub mod changes;
pub mod command;
pub mod config;
pub mod cors;
pub mod docs;
pub mod error;
pub mod etag;
pub mod health;
pub mod keys;
pub mod memory;
pub mod observe;
pub mod openapi;
pub mod page;
pub mod pictures;
pub mod prefer;
pub mod problems;
pub mod query;
pub mod receive;
pub mod request_id;
pub mod routes;
pub mod server;
pub mod shown;
pub mod state;
mod static_file;
pub mod token;
pub mod turns;
pub mod upload_answer;
pub mod upload_events;
pub mod upload_picture;
pub mod upload_status;
pub mod uploads;
pub mod user;
pub mod user_picture;
pub mod well_formed;

pub use server::serve;

use crate::{
    changes::follow,
    config::ApiConfig,
    server::serve_metrics,
    state::{AppState, RenderMetrics},
    token::TokenVerifier,
};
use pfp_shared::{metrics, server::listen, services::Services};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The process's name towards database and broker.
const APPLICATION: &str = "pfp-api";

/// Runs the API until told to stop: opens what it stands on, listens, serves.
///
/// # Errors
/// A setting can't be used, an address can't be listened on, or database and bucket don't belong together.
pub async fn run(config: ApiConfig, stop: CancellationToken) -> anyhow::Result<()> {
    // Several libraries bring a TLS stack; this one is for those that don't choose.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Before whatever counts something.
    let render_metrics = recorder()?;
    let mut connections = config.connections.clone();
    // One of them hears of changes, outside the pool.
    connections.database_connections = connections.database_connections.saturating_sub(1).max(1);
    let services = Services::new(&connections, APPLICATION)?;
    let tokens = TokenVerifier::new(&config.tokens, &config.connections)?;
    let listener = listen("PFP_LISTEN", config.listen).await?;
    let metrics_listener = match config.metrics_listen {
        Some(address) => Some(listen("PFP_METRICS_LISTEN", address).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let state =
        AppState::new(config, services.clone(), tokens.clone(), format!("http://{address}"), render_metrics);
    tracing::info!(%address, public_url = state.public_url, storage = services.storage.describe(), "listening");
    // A mismatch ends the serving; the services end after the requests that use them.
    let (serving, end) = (stop.child_token(), CancellationToken::new());
    let watch = async {
        let watched = services.clone().watch(APPLICATION, end.clone()).await;
        serving.cancel();
        watched
    };
    let serve_all = async {
        let metrics = metrics_listener
            .map(|listener| tokio::spawn(serve_metrics(listener, state.clone(), end.clone())));
        let database = services.database.clone();
        let following =
            tokio::spawn(follow(state.changes.clone(), database, connections.reconnect_wait, end.clone()));
        serve(listener, state.clone(), serving.clone()).await;
        end.cancel();
        let _ = following.await;
        if let Some(metrics) = metrics {
            let _ = metrics.await;
        }
    };
    let (watched, (), ()) = tokio::join!(watch, serve_all, tokens.keys().keep(&end));
    services.database.close();
    tracing::info!("ended");
    Ok(watched?)
}

/// The recorder of this process.
fn recorder() -> anyhow::Result<RenderMetrics> {
    let handle = metrics::install()?;
    Ok(Arc::new(move || handle.render()))
}
