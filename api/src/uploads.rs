//! A user's uploads: the list of them, and taking one back.

use crate::{
    auth::AuthenticatedUser,
    error::ApiError,
    query,
    shown::{Upload, Uploads},
    state::AppState,
    upload_status::{id_of, not_found, shown},
};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{HeaderMap, HeaderValue, header::CACHE_CONTROL},
    response::{IntoResponse, Response},
};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries,
    upload::UploadState,
};

/// Uploads of a page that doesn't say how many, and the most of a page.
const USUAL_PAGE: u64 = 20;
const LARGEST_PAGE: u64 = 100;

/// How often an upload is tried to be cancelled that workers take and give back meanwhile.
const TRIES: usize = 3;

/// My uploads, newest first.
#[utoipa::path(get, path = "/user/uploads", tag = "user", security(("token" = [])),
    params(
        ("limit" = Option<u64>, Query, minimum = 1, maximum = 100, description = "Uploads of a page; 20 when not given."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before.", pattern = "^[0-9]{1,18}$"),
    ),
    responses(crate::openapi::UploadsAnswers))]
pub async fn uploads(
    State(state): State<AppState>,
    user: AuthenticatedUser,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let limit = query::number(query.as_deref(), "limit", 1..=LARGEST_PAGE)?.unwrap_or(USUAL_PAGE);
    let before = query::cursor(query.as_deref())?;
    state.require(&[Dependency::Database])?;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = queries::uploads_of_user(&state.database_of(&user), &user.id, before, limit).await?;
    let shown = Uploads {
        uploads: page.uploads.iter().map(|row| Upload::new(row, &state.public_url)).collect(),
        next_cursor: page.next.map(|generation| generation.to_string()),
    };
    Ok(([(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))], Json(shown)).into_response())
}

/// Cancels an upload that no worker has begun with.
#[utoipa::path(delete, path = "/user/uploads/{id}", tag = "user", security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The upload's id.")),
    responses(crate::openapi::CancelAnswers))]
pub async fn cancel_upload(
    State(state): State<AppState>,
    user: AuthenticatedUser,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let id = id_of(id)?;
    state.require(&[Dependency::Database])?;
    let database = &state.database_of(&user);
    for _ in 0..TRIES {
        if let Some(row) = queries::cancel_upload(database, &user.id, id).await? {
            tracing::info!(upload_id = %id, "cancelled");
            state.services.tell_changed(&[id]).await;
            return Ok(shown(&state, &row, &HeaderMap::new()));
        }
        let row = queries::upload_of_user(database, &user.id, id).await?.ok_or_else(not_found)?;
        match row.state {
            // Cancelled before: by the same request, perhaps, whose answer was lost.
            UploadState::Cancelled => return Ok(shown(&state, &row, &HeaderMap::new())),
            // A worker had it when we tried, and has given it back.
            UploadState::Queued => {}
            other => return Err(not_cancellable(other).into()),
        }
    }
    Err(not_cancellable(UploadState::Processing).into())
}

fn not_cancellable(state: UploadState) -> Failure {
    let detail = format!("The upload is {state}; only a queued one can be cancelled.");
    Failure::new(FailureCode::UploadNotCancellable, detail).actual(state.as_str()).allowed(vec!["queued"])
}
