//! Every address.

use crate::{
    error::ApiError,
    health::{livez, metrics, readyz},
    observe::observe,
    openapi::document,
    page,
    pictures::picture,
    problems::problem,
    state::AppState,
    upload_picture::upload_picture,
    upload_status::upload_status,
    user::me,
};
use axum::{
    Router,
    http::{Method, Uri},
    middleware,
    routing::{get, post},
};
use pfp_shared::failure::{Failure, FailureCode};

/// What clients are served.
pub fn public(state: AppState) -> Router {
    let mut router = Router::new()
        .route("/user/upload-profile-picture", post(upload_picture))
        .route("/user/uploads/{id}", get(upload_status))
        .route("/user/me", get(me))
        .route("/pictures/{key}", get(picture))
        .route("/problems/{code}", get(problem))
        .route("/", get(page::page))
        .route("/client.js", get(page::client))
        .merge(page::files())
        .route("/openapi.json", get(document))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz));
    if state.config.metrics_listen.is_none() {
        router = router.route("/metrics", get(metrics));
    }
    observed(router, state)
}

/// What the metrics' own listener serves.
pub fn metrics_only(state: AppState) -> Router {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz));
    observed(router, state)
}

fn observed(router: Router<AppState>, state: AppState) -> Router {
    router
        .fallback(|| async { no_such_page() })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// There is nothing at an address.
pub fn no_such_page() -> ApiError {
    Failure::new(FailureCode::NotFound, "There is nothing at this address.").into()
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    let path: String = uri.path().chars().take(128).collect();
    let detail = format!("{path} doesn't take {}; the header Allow names what it takes.", shortened(&method));
    Failure::new(FailureCode::MethodNotAllowed, detail).into()
}

fn shortened(method: &Method) -> &str {
    method.as_str().get(..32).unwrap_or(method.as_str())
}
