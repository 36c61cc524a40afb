//! Whether the client of a request may still read the answer.

use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use tokio_util::sync::CancellationToken;

/// Cancelled when the client has closed its side of the connection: either it has gone, or it has said that it sends
/// nothing more. Which of both can't be told, so whoever makes it wait answers it now.
#[derive(Debug, Clone, Default)]
pub struct ClientLeft(CancellationToken);

impl ClientLeft {
    /// Notes that it has.
    pub(super) fn note(&self) {
        self.0.cancel();
    }

    /// Waits until it has.
    pub async fn noticed(&self) {
        self.0.cancelled().await;
    }
}

impl<S: Sync> FromRequestParts<S> for ClientLeft {
    type Rejection = Infallible;

    /// Of a request that came by no connection: never.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
