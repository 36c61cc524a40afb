//! What surrounds every request: its id, its span, its log line and metrics, a net under panics, the answer's
//! error as a document, and the rest of a body that was answered early.

use crate::{
    body::{DrainLimits, SharedBody},
    error::ApiError,
    receive::FORM_OVERHEAD,
    request_id::{RequestId, X_REQUEST_ID},
    state::AppState,
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{CONNECTION, CONTENT_LENGTH, EXPECT, X_CONTENT_TYPE_OPTIONS},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use pfp_shared::{
    failure::{Failure, FailureCode},
    trace::TraceParent,
};
use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Instant};
use tracing::{Instrument, Span, info_span};

/// Routes that are asked every few seconds and whose lines would only hide the others; they are also the ones
/// that are answered until the very end.
const OPERATORS_ROUTES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// The layer around every route.
pub async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    // Held until the answer is made: the process doesn't end in between.
    let _running = state.work.token();
    let request_id = RequestId::of(request.headers());
    let mut answering = Answering::to(&request);
    let trace = trace_of(request.headers());
    let span = info_span!(
        "request",
        method = %request.method(),
        route = %answering.route,
        request_id = %request_id,
        trace_id = trace.trace_id(),
    );
    trace.adopt(&span);
    answering.span = span.clone();
    request.extensions_mut().insert(trace.within(&span));
    let waits_to_be_asked = expects_continue(request.headers());
    let mut shared = None;
    let request = request.map(|body| shared.insert(SharedBody::new(body)).handle());

    let response = next.run(request).instrument(span.clone()).await;
    if let Some(body) = shared {
        let largest = state.config.connections.max_file_size + FORM_OVERHEAD;
        body.drain(DrainLimits::new(largest, state.config.connection_limits.idle), waits_to_be_asked);
    }
    let response = span.in_scope(|| answering.finish(response, &request_id));
    with_common_headers(response, &request_id, state.stopping.is_cancelled())
}

/// The layer right around the handlers: none is begun when the process is being stopped, and none takes it down.
pub async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if state.stopping.is_cancelled() && !OPERATORS_ROUTES.contains(&route_of(&request)) {
        return going_down().into_response();
    }
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    handled.unwrap_or_else(|panic| ApiError::panicked(text_of(&*panic)).into_response())
}

fn route_of(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str)
}

fn trace_of(headers: &HeaderMap) -> TraceParent {
    let given = headers.get("traceparent").and_then(|value| value.to_str().ok());
    given.and_then(TraceParent::parse).unwrap_or_else(TraceParent::generate)
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn going_down() -> ApiError {
    Failure::new(
        FailureCode::ShuttingDown,
        "This server is being stopped. Try again; another one will answer.",
    )
    .into()
}

/// What a panic said.
pub fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_else(|| "of an unknown kind".to_owned()))
}

fn with_common_headers(mut response: Response, request_id: &RequestId, stopping: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id.header());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if stopping {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A request until it is answered; dropped before, its client has hung up.
struct Answering {
    method: Method,
    route: Arc<str>,
    started: Instant,
    answered: bool,
    span: Span,
}

impl Answering {
    fn to(request: &Request) -> Self {
        Self {
            method: known(request.method()),
            route: route_of(request).into(),
            started: Instant::now(),
            answered: false,
            span: Span::none(),
        }
    }

    fn is_for_operators(&self) -> bool {
        OPERATORS_ROUTES.contains(&&*self.route)
    }

    /// Makes the error's document if there is one, counts the answer and writes its line.
    fn finish(&mut self, response: Response, request_id: &RequestId) -> Response {
        self.answered = true;
        let error = response.extensions().get::<Arc<ApiError>>().cloned();
        let response = match &error {
            Some(error) => with_headers_of(&response, error.answer(request_id.as_str())),
            None => response,
        };
        let status = response.status().as_u16();
        let elapsed = self.started.elapsed();
        if let Some(cause) = error.as_ref().and_then(|error| error.cause()) {
            tracing::error!(code = error.as_ref().map(|error| error.failure.code.as_str()), cause, "failed");
        }
        let labels = [
            ("route", self.route.to_string()),
            ("method", self.method.to_string()),
            ("status", status.to_string()),
        ];
        metrics::counter!("pfp_http_requests_total", &labels).increment(1);
        metrics::histogram!("pfp_http_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
        let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let code = error.as_ref().map(|error| error.failure.code.as_str());
        if self.is_for_operators() {
            tracing::debug!(status, duration_ms, code, "answered");
        } else {
            tracing::info!(status, duration_ms, code, "answered");
        }
        response
    }
}

/// The error's document with what layers have added to its place-holder.
fn with_headers_of(placeholder: &Response, mut answer: Response) -> Response {
    for (name, value) in placeholder.headers() {
        if !answer.headers().contains_key(name) && name != CONTENT_LENGTH {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    answer
}

/// Methods that nobody has heard of would make a metric's series without bound.
fn known(method: &Method) -> Method {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.clone(),
        _ => Method::from_bytes(b"OTHER").unwrap_or_default(),
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.answered {
            let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.span.in_scope(|| tracing::info!(duration_ms, "the client hung up before the answer"));
        }
    }
}
