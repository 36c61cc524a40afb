//! The user as shown to themselves.

use crate::{auth::AuthenticatedUser, error::ApiError, shown::User, state::AppState};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries,
};

/// Me.
#[utoipa::path(get, path = "/user/me", tag = "user", security(("token" = [])), responses(crate::openapi::UserAnswers))]
pub async fn me(State(state): State<AppState>, user: AuthenticatedUser) -> Result<Response, ApiError> {
    state.require(&[Dependency::Database])?;
    let row = queries::user(&state.services.database, &user.id).await?;
    if row.is_none() && !state.config.limits.create_users {
        return Err(Failure::new(FailureCode::UserNotFound, "The token's user isn't known here.").into());
    }
    let shown = User::new(user.id, row.as_ref(), &state.public_url);
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(shown)).into_response())
}
