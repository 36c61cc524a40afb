//! The picture of any user, at an address that stays: what a chat or an identity provider points to.

use crate::{error::ApiError, query, state::AppState, token::is_user_id};
use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries,
    storage::PictureKey,
};

/// What is shown of a user who shows nothing: a shape, the same for all.
const NEUTRAL: &[u8] = include_bytes!("neutral.png");

/// For a minute: a new picture shows soon, and a busy page asks seldom.
const CACHING: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// Pages that isolate themselves (`Cross-Origin-Embedder-Policy`) load nothing without it, redirects included.
const ANY_SITE: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));

/// A user's picture. Only served under `PFP_PUBLIC_USER_PICTURES=true`. Whether there is such a user isn't told.
#[utoipa::path(get, path = "/users/{id}/picture", tag = "pictures",
    params(
        ("id" = String, Path, description = "The user's id, percent-encoded.", min_length = 1, max_length = 255),
        ("default" = Option<String>, Query, description = "`404`: no neutral picture where there is none.", pattern = "^404$"),
    ),
    responses(crate::openapi::UserPictureAnswers))]
pub async fn user_picture(
    State(state): State<AppState>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let wants_404 = query::choice(query.as_deref(), "default", &["404"])?.is_some();
    state.require(&[Dependency::Database])?;
    let Some(Path(id)) = id.ok().filter(|Path(id)| is_user_id(id)) else {
        return Err(none("No user has such an id: it has 1 to 255 characters."));
    };
    let user = queries::user(&state.services.database, &id).await?;
    let key = user.and_then(|user| user.picture_key).and_then(|key| PictureKey::parse(&key));
    match key {
        Some(key) => Ok(redirect(&key.url(&state.public_url))),
        None if wants_404 => Err(none("This user shows no picture.")),
        None => Ok(neutral()),
    }
}

fn redirect(url: &str) -> Response {
    let mut headers = HeaderMap::from_iter([(CACHE_CONTROL, CACHING), ANY_SITE]);
    if let Ok(url) = HeaderValue::from_str(url) {
        headers.insert(LOCATION, url);
    }
    (StatusCode::FOUND, headers).into_response()
}

fn neutral() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (CACHE_CONTROL, CACHING),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        ANY_SITE,
    ];
    (headers, NEUTRAL).into_response()
}

fn none(detail: &str) -> ApiError {
    Failure::new(FailureCode::PictureNotFound, detail).into()
}
