//! The life of an upload up to its 202. A worker's `process_picture` goes on from there.

use crate::{
    auth::AuthenticatedUser,
    error::ApiError,
    observe::text_of,
    openapi::{PictureBytes, UploadAnswers, UploadForm, UploadParameters},
    prefer,
    receive::{
        Declared, Destination, FileRules, MOST_HELD_OF_A_BODY, Pace, PacedBody, Put, Received, Reservation,
        Reserved, Staging, gone, receive,
    },
    state::AppState,
    upload_answer::{Taken, answer},
};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http_body::Body as _;
use pfp_shared::{
    dependencies::Dependency,
    failpoint::Failpoint,
    failure::{Failure, FailureCode},
    job::Job,
    queries::{self, Accepted, EarlierUpload, UploadRow},
    server::ClientLeft,
    storage::staged_key,
    trace::TraceParent,
    upload::{UploadId, UploadState},
};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// How often an accept of unknown outcome is looked up, for as long as the database may take to answer, and for so long
/// at least.
const LEAST_LOOKING_UP: Duration = Duration::from_secs(1);
const BETWEEN_LOOK_UPS: Duration = Duration::from_millis(250);

/// An upload as it comes in.
struct Incoming {
    state: AppState,
    user: AuthenticatedUser,
    declared: Declared,
    trace: TraceParent,
    body: Body,
}

/// Takes an upload.
#[utoipa::path(post, path = "/user/upload-profile-picture", tag = "user", security(("token" = [])),
    params(UploadParameters),
    request_body(description = "A form, or the picture's bytes.", content(
        (UploadForm = "multipart/form-data"), (PictureBytes = "image/jpeg"), (PictureBytes = "image/png"),
        (PictureBytes = "image/gif"), (PictureBytes = "application/octet-stream"))),
    responses(UploadAnswers))]
pub async fn upload_picture(
    State(state): State<AppState>,
    user: Result<AuthenticatedUser, ApiError>,
    Extension(trace): Extension<TraceParent>,
    client: ClientLeft,
    request: Request,
) -> Result<Response, ApiError> {
    let wait = prefer::wait(request.headers());
    let incoming =
        user.and_then(|user| admit(state.clone(), user, trace, request)).inspect_err(count_refusal)?;
    let user = incoming.user.clone();
    // A task of its own: when the client hangs up this handler is dropped, and an upload whose bytes have all
    // come is accepted all the same. One that breaks off is told so by its body.
    let taking = async { take(incoming).await.inspect_err(count_refusal) };
    let taken = state.work.spawn(taking.instrument(Span::current())).await;
    let taken = taken.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => Err(ApiError::panicked(text_of(&*panic))),
        Err(error) => Err(ApiError::internal(FailureCode::UnexpectedError, error.to_string())),
    })?;
    answer(&state, user, taken, wait, &client).await
}

fn count_refusal(error: &ApiError) {
    metrics::counter!("pfp_uploads_refused_total", "code" => error.failure.code.as_str()).increment(1);
}

/// Step 1: what can be refused before anything is read or recorded.
fn admit(
    state: AppState,
    user: AuthenticatedUser,
    trace: TraceParent,
    request: Request,
) -> Result<Incoming, ApiError> {
    let connections = &state.config.connections;
    let declared = Declared::check(
        request.headers(),
        request.uri().query(),
        request.body().size_hint().exact(),
        &connections.allowed_types,
        connections.max_file_size,
    )?;
    state.require(&[Dependency::Database, Dependency::Storage])?;
    Ok(Incoming { state, user, declared, trace, body: request.into_body() })
}

/// Steps 2 to 5, in the order that loses and leaks nothing: the row names the object before the object is put,
/// and the upload is accepted only when all its bytes are safe.
async fn take(incoming: Incoming) -> Result<Taken, ApiError> {
    let Incoming { state, user, declared, trace, body } = incoming;

    // 2. Reserve.
    let reservation = match Reservation::make(&state, &user, &declared, &trace).await? {
        Reserved::New(reservation) => reservation,
        Reserved::Replay(earlier) => return replay(&state, &user, &declared, body, &earlier).await,
    };
    let id = reservation.id;
    Failpoint::UploadReserved.reached();

    // 3. Receive and stage.
    let received = match stage(&state, &declared, body, &reservation).await {
        Ok(received) => received,
        Err(NotStaged { error, put }) => {
            reservation.forget(put).await;
            return Err(error);
        }
    };

    Failpoint::UploadStaged.reached();

    // 4. Accept: from here on the upload can't be lost.
    let row = accept(&state, &user, reservation, &received).await?;
    Failpoint::UploadAccepted.reached();
    metrics::counter!("pfp_uploads_accepted_total").increment(1);
    metrics::histogram!("pfp_upload_bytes").record(received.file.size as f64);
    tracing::info!(upload_id = %id, size = received.file.size, format = %received.file.format, "accepted");

    // 5. Publish. Whatever comes of it, the upload is accepted.
    publish(&state, id, &trace).await;
    Failpoint::UploadMarked.reached();
    Ok(Taken { row, replayed: false })
}

/// Why nothing usable is staged, and what was put all the same.
struct NotStaged {
    error: ApiError,
    put: Put,
}

async fn stage(
    state: &AppState,
    declared: &Declared,
    body: Body,
    reservation: &Reservation,
) -> Result<Received, NotStaged> {
    let largest = declared.largest_body(state.config.connections.max_file_size);
    let admission = state.upload_memory.admit(largest.min(MOST_HELD_OF_A_BODY)).await;
    let admission = admission.map_err(|error| NotStaged { error, put: Put::NotBegun })?;
    let body = PacedBody::new(body, pace(state), reservation.lost()).admitted(admission);
    let staging = Staging::new(state.services.storage.clone(), staged_key(reservation.id), largest);
    let mut destination = Destination::Staged(Box::new(staging));
    let received = receive(declared, body, &file_rules(state, declared), &mut destination).await;
    match (received, destination) {
        (Ok(received), _) => Ok(received),
        (Err(error), Destination::Staged(staging)) => {
            let put = staging.put();
            // The store may be read and not written: it counts as out until a write goes through.
            if matches!(
                error.failure.code,
                FailureCode::StorageUnavailable | FailureCode::StoragePermissionDenied
            ) {
                state.services.dependencies.health(Dependency::Storage).down("an upload couldn't be put");
            }
            // The key is listed for deletion; a store that doesn't answer needn't keep the client waiting once more.
            state.work.spawn(staging.abort().instrument(Span::current()));
            Err(NotStaged { error, put })
        }
        (Err(error), Destination::Nowhere) => Err(NotStaged { error, put: Put::NotBegun }),
    }
}

fn pace(state: &AppState) -> Pace {
    Pace { idle: state.config.connection_limits.idle, min_rate: state.config.min_upload_rate }
}

fn file_rules(state: &AppState, declared: &Declared) -> FileRules {
    let connections = &state.config.connections;
    FileRules {
        allowed: connections.allowed_types.clone(),
        max_size: connections.max_file_size,
        declared_length: declared.length,
    }
}

/// Accepts the upload. Nothing is cleaned up on a guess: where the outcome stays unknown, the row decides, or that there is
/// none; its lease and a sweeper see to the rest.
async fn accept(
    state: &AppState,
    user: &AuthenticatedUser,
    reservation: Reservation,
    received: &Received,
) -> Result<UploadRow, ApiError> {
    let id = reservation.id;
    let crop = received.crop.and_then(|crop| serde_json::to_value(crop).ok());
    let accepted = Accepted {
        id,
        user_id: &user.id,
        size_bytes: received.file.size,
        content_type: received.file.format.media_type(),
        content_sha256: &received.file.sha256,
        crop: crop.as_ref(),
    };
    let database = &state.database_of(user);
    let row = match queries::accept(database, &accepted).await {
        Ok(row) => row,
        Err(error) if error.is_outcome_unknown() => {
            tracing::warn!(%error, upload_id = %id, "it isn't known whether the upload was accepted");
            let Some(row) = look_up(state, user, id).await else {
                // The client has waited for long enough.
                tokio::spawn(reservation.forget_bytes());
                return Err(error.into());
            };
            row
        }
        // The server's word that nothing was done.
        Err(error) => {
            reservation.forget(Put::Settled).await;
            return Err(error.into());
        }
    };
    if let Some(row) = row {
        return Ok(row);
    }
    // The row went before, and its key may have been deleted before the object was put; or its user has another name now.
    reservation.forget(Put::Settled).await;
    Err(gone().into())
}

/// What became of an accept whose answer was lost: the row if it was accepted, no row if that is gone, nothing if
/// it can't be told in time.
async fn look_up(state: &AppState, user: &AuthenticatedUser, id: UploadId) -> Option<Option<UploadRow>> {
    let database = &state.services.database;
    let looking = async {
        loop {
            sleep(BETWEEN_LOOK_UPS).await;
            match queries::upload_state(database, id).await {
                Ok(None) => return None,
                // The commit may still be on its way.
                Ok(Some(UploadState::Receiving)) | Err(_) => {}
                Ok(Some(_)) => {
                    if let Ok(Some(row)) = queries::upload_of_user(database, &user.id, id).await {
                        return Some(row);
                    }
                }
            }
        }
    };
    timeout(state.config.connections.database_timeout.max(LEAST_LOOKING_UP), looking).await.ok()
}

/// Tells the workers. What isn't published is found by its row.
async fn publish(state: &AppState, id: UploadId, trace: &TraceParent) {
    let published = state.services.publisher.publish(&Job::new(id), Some(&trace.header())).await;
    if let Err(error) = published {
        tracing::warn!(%error, upload_id = %id, "not published; a sweeper will");
        return;
    }
    Failpoint::UploadPublished.reached();
    if let Err(error) = queries::mark_published(&state.services.database, id, 0).await {
        tracing::warn!(%error, upload_id = %id, "not marked as published; it may be published twice");
    }
}

/// A repeated request: the same checks, nothing stored. With the same bytes and crop it is answered with the
/// first one's upload as it is now.
async fn replay(
    state: &AppState,
    user: &AuthenticatedUser,
    declared: &Declared,
    body: Body,
    earlier: &EarlierUpload,
) -> Result<Taken, ApiError> {
    let body = PacedBody::new(body, pace(state), CancellationToken::new());
    let rules = file_rules(state, declared);
    let received = receive(declared, body, &rules, &mut Destination::Nowhere).await?;
    let crop = received.crop.and_then(|crop| serde_json::to_value(crop).ok());
    if received.file.sha256[..] != earlier.content_sha256[..] || crop != earlier.crop {
        let detail =
            "This Idempotency-Key belongs to an earlier upload of yours with other bytes or another crop.";
        return Err(Failure::new(FailureCode::IdempotencyKeyReused, detail).into());
    }
    let row = queries::upload_of_user(&state.database_of(user), &user.id, earlier.id).await?;
    // Removed in between, with its key: the request is a first one now.
    let row = row.ok_or_else(|| {
        let detail =
            "The upload of this Idempotency-Key was removed while you sent it again. Send it once more.";
        ApiError::from(Failure::new(FailureCode::IdempotencyKeyInUse, detail)).retry_after(1)
    })?;
    Ok(Taken { row, replayed: true })
}
