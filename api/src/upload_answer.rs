//! What a client that has uploaded is answered: 202 at once, or the result if it prefers to wait and it comes in
//! time.

use crate::{
    auth::AuthenticatedUser,
    error::ApiError,
    prefer,
    shown::{Upload, upload_location},
    state::AppState,
    upload_status::{headers_of, wait_until_final},
    user,
};
use axum::{
    Json,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use pfp_shared::{
    failure::{Failure, FailureCode},
    queries::UploadRow,
    server::ClientLeft,
    upload::UploadState,
};
use std::time::Duration;

/// What a request came to.
pub(crate) struct Taken {
    /// The upload.
    pub(crate) row: UploadRow,
    /// Whether an earlier request had brought it.
    pub(crate) replayed: bool,
}

/// The answer. `wait` is how many seconds the client would rather wait.
pub(crate) async fn answer(
    state: &AppState,
    user: AuthenticatedUser,
    taken: Taken,
    wait: Option<u64>,
    client: &ClientLeft,
) -> Result<Response, ApiError> {
    let Some(seconds) = wait else { return Ok(accepted(state, &taken)) };
    let wait = Duration::from_secs(seconds);
    let id = taken.row.id;
    let result = match wait_until_final(state, &user.id, id, wait, client).await {
        Ok(Some(row)) if row.state.is_final() => result(&row),
        Ok(Some(row)) => return Ok(accepted(state, &Taken { row, ..taken })),
        Ok(None) => Err(Failure::new(FailureCode::UploadCancelled, "The upload went: its user was erased.")),
        // It is accepted: that it can't be waited for is no failure of it.
        Err(error) => return Ok(not_waited(state, &taken, &error)),
    };
    let mut response = match result {
        Ok(()) => match user::shown(state, user).await {
            Err(error) if error.failure.code.status() >= 500 => return Ok(not_waited(state, &taken, &error)),
            shown => shown?,
        },
        Err(failure) => ApiError::from(failure).into_response(),
    };
    let (name, value) = prefer::applied(seconds);
    response.headers_mut().insert(name, value);
    mark_replayed(&mut response, &taken);
    Ok(response)
}

/// What the client asks next tells it the rest.
fn not_waited(state: &AppState, taken: &Taken, error: &ApiError) -> Response {
    tracing::warn!(upload_id = %taken.row.id, code = %error.failure.code, "an accepted upload couldn't be waited for");
    accepted(state, taken)
}

fn accepted(state: &AppState, taken: &Taken) -> Response {
    let upload = Upload::new(&taken.row, &state.public_url);
    let mut response = (StatusCode::ACCEPTED, Json(upload)).into_response();
    let headers = response.headers_mut();
    headers.extend(headers_of(&taken.row));
    headers.insert(LOCATION, upload_location(&taken.row));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    mark_replayed(&mut response, taken);
    response
}

fn mark_replayed(response: &mut Response, taken: &Taken) {
    if taken.replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
}

/// Whether a final upload is a success for a client that waited for it; one that was superseded is.
fn result(row: &UploadRow) -> Result<(), Failure> {
    match row.state {
        UploadState::Rejected | UploadState::Failed => Err(row.failure.clone().unwrap_or_else(|| {
            Failure::new(FailureCode::AttemptsExhausted, "The upload could not be worked on.")
        })),
        UploadState::Cancelled => {
            Err(Failure::new(FailureCode::UploadCancelled, "The upload was cancelled."))
        }
        _ => Ok(()),
    }
}
