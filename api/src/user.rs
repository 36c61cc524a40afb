//! The user as shown to themselves, and what they take back.

use crate::{auth::AuthenticatedUser, error::ApiError, shown::User, state::AppState};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries::{self, UserRow, WithoutPicture},
};
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer may wait for the store to delete a picture.
const FOR_THE_PICTURE: Duration = Duration::from_secs(1);

/// Me.
#[utoipa::path(get, path = "/user/me", tag = "user", security(("token" = [])), responses(crate::openapi::UserAnswers))]
pub async fn me(State(state): State<AppState>, user: AuthenticatedUser) -> Result<Response, ApiError> {
    state.require(&[Dependency::Database])?;
    shown(&state, user).await
}

/// Deletes my picture. No upload that was accepted before can bring one back.
#[utoipa::path(delete, path = "/user/profile-picture", tag = "user", security(("token" = [])), responses(crate::openapi::UserAnswers))]
pub async fn delete_picture(
    State(state): State<AppState>,
    user: AuthenticatedUser,
) -> Result<Response, ApiError> {
    state.require(&[Dependency::Database])?;
    let deleted = queries::delete_picture(&state.database_of(&user), &user.id).await?;
    let Some(WithoutPicture { user: row, upload, picture }) = deleted else {
        return answer(&state, user, None);
    };
    stop_serving(&state, picture).await;
    if let Some(upload_id) = upload {
        tracing::info!(%upload_id, "the picture was deleted");
        state.services.tell_changed(&[upload_id]).await;
    }
    answer(&state, user, Some(&row))
}

/// Erases everything that is held of me: uploads, pictures, the user.
#[utoipa::path(delete, path = "/user/me", tag = "user", security(("token" = [])), responses(crate::openapi::ErasedAnswers))]
pub async fn erase(State(state): State<AppState>, user: AuthenticatedUser) -> Result<Response, ApiError> {
    state.require(&[Dependency::Database])?;
    let keep_user = !state.config.limits.create_users;
    let erased = queries::erase_user(&state.database_of(&user), &user.id, keep_user).await?;
    tracing::info!("a user was erased");
    stop_serving(&state, erased.picture).await;
    state.services.tell_changed(&erased.unfinished).await;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response())
}

/// Deletes a picture that nobody shows any more, so that it is served no longer than the answer takes. It is listed for
/// deletion: what doesn't succeed in this time, a sweeper does.
async fn stop_serving(state: &AppState, picture: Option<String>) {
    let Some(key) = picture else { return };
    if state.services.dependencies.trouble(Dependency::Storage).is_some() {
        return;
    }
    let failed = timeout(FOR_THE_PICTURE, state.services.storage.delete(&[key])).await;
    if !failed.as_ref().is_ok_and(Vec::is_empty) {
        tracing::warn!(?failed, "a deleted picture is served until a sweeper deletes it");
    }
}

/// The user as they are now.
pub(crate) async fn shown(state: &AppState, user: AuthenticatedUser) -> Result<Response, ApiError> {
    let row = queries::user(&state.database_of(&user), &user.id).await?;
    answer(state, user, row.as_ref())
}

fn answer(state: &AppState, user: AuthenticatedUser, row: Option<&UserRow>) -> Result<Response, ApiError> {
    if row.is_none() && !state.config.limits.create_users {
        return Err(Failure::new(FailureCode::UserNotFound, "The token's user isn't known here.").into());
    }
    let shown = User::new(user.id, row, &state.public_url);
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(shown)).into_response())
}
