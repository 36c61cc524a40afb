//! What became of an upload.

use crate::{
    auth::AuthenticatedUser,
    error::ApiError,
    etag, query,
    shown::{Upload, upload_tag},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, ETAG, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries::{self, UploadRow},
    server::ClientLeft,
    upload::UploadId,
};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest that a client may wait, in seconds; the OpenAPI document below names it too.
pub const LONGEST_WAIT: u64 = 30;

/// The status of one of my uploads.
#[utoipa::path(get, path = "/user/uploads/{id}", tag = "user", security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The upload's id."),
        ("wait" = Option<u64>, Query, minimum = 0, maximum = 30, description = "Seconds to hold the answer until the upload is final."),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has."),
    ),
    responses(crate::openapi::StatusAnswers))]
pub async fn upload_status(
    State(state): State<AppState>,
    user: AuthenticatedUser,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    client: ClientLeft,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wait = query::number(query.as_deref(), "wait", 0..=LONGEST_WAIT)?.unwrap_or(0);
    let id = id_of(id)?;
    state.require(&[Dependency::Database])?;
    let row = wait_until_final(&state, &user.id, id, Duration::from_secs(wait), &client).await?;
    let row = row.ok_or_else(not_found)?;
    Ok(shown(&state, &row, &headers))
}

/// The answer with an upload; 304 if the client has it already.
pub(crate) fn shown(state: &AppState, row: &UploadRow, request: &HeaderMap) -> Response {
    let mut response = if etag::matches(request, &upload_tag(row)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Json(Upload::new(row, &state.public_url)).into_response()
    };
    response.headers_mut().extend(headers_of(row));
    response
}

/// What every answer with an upload carries.
pub(crate) fn headers_of(row: &UploadRow) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&upload_tag(row)) {
        headers.insert(ETAG, tag);
    }
    if !row.state.is_final() {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    headers
}

/// The row, as soon as it is final; or as it was last seen when the time is up, the process is being stopped or the
/// client may have gone.
pub(crate) async fn wait_until_final(
    state: &AppState,
    user_id: &str,
    id: UploadId,
    wait: Duration,
    client: &ClientLeft,
) -> Result<Option<UploadRow>, ApiError> {
    let deadline = Instant::now() + wait;
    // Before the row is read: what changes in between is not missed.
    let mut changes = (!wait.is_zero()).then(|| state.changes.subscribe(id));
    let row = queries::upload_of_user(&state.services.database.of_user(user_id), user_id, id).await?;
    let (Some(mut row), Some(changes)) = (row.clone(), &mut changes) else { return Ok(row) };
    while !row.state.is_final() {
        tokio::select! {
            newer = changes.newer_than(row.revision) => match newer {
                Some(newer) => row = UploadRow::clone(&newer),
                // Erased, with its user.
                None => return Ok(None),
            },
            () = sleep_until(deadline) => break,
            () = state.stopping.cancelled() => break,
            () = client.noticed() => break,
        }
    }
    Ok(Some(row))
}

/// The id in the address; what isn't one names no upload.
pub(crate) fn id_of(path: Result<Path<String>, PathRejection>) -> Result<UploadId, ApiError> {
    // As it is told, in lower case with dashes: what has one address can be kept by it.
    let id =
        path.ok().and_then(|Path(text)| text.parse().ok().filter(|id: &UploadId| id.to_string() == text));
    id.ok_or_else(not_found)
}

pub(crate) fn not_found() -> ApiError {
    Failure::new(FailureCode::UploadNotFound, "There is no upload of yours with this id.").into()
}
