//! Who asks: a Bearer token, whose claim `sub` is the user's id.

use crate::{error::ApiError, state::AppState};
use axum::{extract::FromRequestParts, http::request::Parts};

/// The user that the request's token names; taking it refuses requests without a valid token.
#[derive(Debug, Clone)]
pub struct AuthenticatedUser {
    /// The claim `sub`.
    pub id: String,
}

impl FromRequestParts<AppState> for AuthenticatedUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        Ok(Self { id: state.tokens.user(&parts.headers).await? })
    }
}
