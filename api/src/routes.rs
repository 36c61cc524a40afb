//! Every address.

use crate::{
    cors::cors,
    docs,
    error::ApiError,
    health::{livez, metrics, readyz},
    observe::{guard, observe},
    openapi::document,
    page,
    pictures::picture,
    problems::problem,
    state::AppState,
    upload_events::upload_events,
    upload_picture::upload_picture,
    upload_status::upload_status,
    uploads::{cancel_upload, uploads},
    user::{delete_picture, erase, me},
    user_picture::user_picture,
    well_formed::well_formed,
};
use axum::{
    Router,
    http::{Method, Uri},
    middleware,
    routing::{delete, get, post},
};
use pfp_shared::failure::{Failure, FailureCode};

/// What clients are served.
pub fn public(state: AppState) -> Router {
    let mut router = Router::new()
        .route("/user/upload-profile-picture", post(upload_picture))
        .route("/user/uploads", get(uploads))
        .route("/user/uploads/{id}", get(upload_status).delete(cancel_upload))
        .route("/user/uploads/{id}/events", get(upload_events))
        .route("/user/me", get(me).delete(erase))
        .route("/user/profile-picture", delete(delete_picture))
        .route("/pictures/{key}", get(picture))
        .route("/problems/{code}", get(problem))
        .route("/", get(page::page))
        .route("/page/{name}", get(page::page_file))
        .route("/client.js", get(page::client))
        .route("/openapi.json", get(document))
        .route("/docs", get(docs::docs))
        .route("/docs/{name}", get(docs::docs_file))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz));
    if state.config.public_user_pictures {
        router = router.route("/users/{id}/picture", get(user_picture));
    }
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
        .layer(middleware::from_fn_with_state(state.clone(), guard))
        .layer(middleware::from_fn_with_state(state.clone(), cors))
        .layer(middleware::from_fn(well_formed))
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
