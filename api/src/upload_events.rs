//! What becomes of an upload, as server-sent events.

use crate::{
    auth::AuthenticatedUser,
    changes::Subscription,
    error::ApiError,
    shown::Upload,
    state::AppState,
    upload_status::{id_of, not_found},
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CACHE_CONTROL},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use pfp_shared::{
    dependencies::Dependency,
    queries::{self, UploadRow},
    server::ClientLeft,
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// How often a line is sent while nothing changes: whoever is in between may close silent connections.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The status of one of my uploads, as it changes.
#[utoipa::path(get, path = "/user/uploads/{id}/events", tag = "user", security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The upload's id."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that the client has seen: readers that come back by themselves send it."),
    ),
    responses(crate::openapi::EventsAnswers))]
pub async fn upload_events(
    State(state): State<AppState>,
    user: AuthenticatedUser,
    id: Result<Path<String>, PathRejection>,
    client: ClientLeft,
    request: HeaderMap,
) -> Result<Response, ApiError> {
    let id = id_of(id)?;
    state.require(&[Dependency::Database])?;
    // Before the row is read: what changes in between is not missed.
    let changes = state.changes.subscribe(id);
    let row = queries::upload_of_user(&state.database_of(&user), &user.id, id).await?;
    let row = Arc::new(row.ok_or_else(not_found)?);
    if has_seen_the_end(&request, &row) {
        return Ok(
            (StatusCode::NO_CONTENT, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))]).into_response()
        );
    }
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies are asked to pass each event on at once.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let events = Sse::new(events(state, changes, row, client));
    Ok((headers, events.keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response())
}

/// A reader that takes every end for an interruption comes back for ever; 204 is what makes it stop.
fn has_seen_the_end(request: &HeaderMap, row: &UploadRow) -> bool {
    let seen = request.get("last-event-id").and_then(|value| value.to_str().ok());
    row.state.is_final() && seen == Some(row.revision.to_string().as_str())
}

/// Where a stream of events is.
struct Following {
    state: AppState,
    changes: Subscription,
    client: ClientLeft,
    row: Arc<UploadRow>,
    is_told: bool,
    until: Instant,
}

/// The present state, then each further one, up to a final one. It ends before that when the row is gone, the
/// process is being stopped, the time is up or the client may have gone: whoever is there asks again.
fn events(
    state: AppState,
    changes: Subscription,
    row: Arc<UploadRow>,
    client: ClientLeft,
) -> impl Stream<Item = Result<Event, axum::Error>> {
    let until = Instant::now() + state.config.events_lifetime;
    let start = Following { state, changes, client, row, is_told: false, until };
    stream::unfold(start, |mut following| async move {
        if following.is_told {
            following.row = following.next().await?;
        }
        following.is_told = true;
        let event = event(&following.row, &following.state.public_url);
        Some((event, following))
    })
}

impl Following {
    async fn next(&mut self) -> Option<Arc<UploadRow>> {
        if self.row.state.is_final() {
            return None;
        }
        tokio::select! {
            newer = self.changes.newer_than(self.row.revision) => newer,
            () = sleep_until(self.until) => None,
            () = self.state.stopping.cancelled() => None,
            () = self.client.noticed() => None,
        }
    }
}

fn event(row: &UploadRow, public_url: &str) -> Result<Event, axum::Error> {
    Event::default().event("status").id(row.revision.to_string()).json_data(Upload::new(row, public_url))
}
