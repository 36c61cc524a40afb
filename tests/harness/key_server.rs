//! The server of an issuer's key set, which answers as it is told.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::net::TcpListener;

use crate::signing::Signer;

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, as JSON.
    Body(String),
    /// This status and nothing else.
    Status(u16),
    /// That the set is at another address.
    Redirect(String),
    /// Nothing, ever.
    Silence,
}

/// The server. It ends with the test.
#[derive(Debug)]
pub struct KeyServer {
    /// Where the set is.
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    reply: Mutex<Reply>,
    asked: AtomicUsize,
}

impl KeyServer {
    /// Serves the keys of these signers.
    ///
    /// # Panics
    /// It can't listen.
    pub async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { reply: Mutex::new(Reply::Silence), asked: AtomicUsize::new(0) });
        let router =
            Router::new().route("/.well-known/jwks.json", get(answer)).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = Self { url, shared };
        server.serve(signers);
        server
    }

    /// Serves the keys of these signers from now on.
    pub fn serve(&self, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        self.reply(Reply::Body(json!({ "keys": keys }).to_string()));
    }

    /// Answers so from now on.
    pub fn reply(&self, reply: Reply) {
        *self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

async fn answer(State(shared): State<Arc<Shared>>) -> Response {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let reply = shared.reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match reply {
        Reply::Body(body) => ([("content-type", "application/json")], body).into_response(),
        Reply::Status(status) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        Reply::Redirect(url) => {
            let location = url.parse().map(|value| HeaderMap::from_iter([(LOCATION, value)]));
            (StatusCode::FOUND, location.unwrap_or_default()).into_response()
        }
        Reply::Silence => std::future::pending().await,
    }
}
