//! Finished pictures, for everyone.

use crate::{error::ApiError, etag, state::AppState};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    memory::ReservedMemory,
    storage::{LARGEST_PICTURE, PictureKey, StorageError},
};

/// A finished picture. Its key names its bytes for ever, so it may be cached for as long as one likes.
#[utoipa::path(get, path = "/pictures/{key}", tag = "pictures",
    params(
        ("key" = String, Path, description = "32 hexadecimal digits and an extension.", example = "0123456789abcdef0123456789abcdef.jpg"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what the client has."),
    ),
    responses(crate::openapi::PictureAnswers))]
pub async fn picture(
    State(state): State<AppState>,
    method: Method,
    key: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key = key.ok().and_then(|Path(key)| file_name(&key)).ok_or_else(not_found)?;
    state.require(&[Dependency::Storage])?;
    let tag = tag_of(&key);
    // The store is asked also before a 304: a picture that was erased must not live on in caches that ask.
    let mut response = if etag::matches(&headers, &tag) {
        found(state.services.storage.size_of(key.as_str()).await)?;
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (size, body) = if method == Method::HEAD {
            (found(state.services.storage.size_of(key.as_str()).await)?, Body::empty())
        } else {
            bytes_of(&state, &key).await?
        };
        let media_type = HeaderValue::from_static(key.format().media_type());
        ([(CONTENT_TYPE, media_type), (CONTENT_LENGTH, HeaderValue::from(size))], body).into_response()
    };
    response.headers_mut().extend(caching(&state, &tag));
    Ok(response)
}

/// The picture's size and its bytes, within the budget for pictures.
async fn bytes_of(state: &AppState, key: &PictureKey) -> Result<(u64, Body), ApiError> {
    let object = found(state.services.storage.open(key.as_str(), LARGEST_PICTURE).await)?;
    let size = object.size();
    let memory = state.picture_memory.reserve(size).await?;
    let held = HeldPicture { bytes: object.read().await?, _memory: memory };
    Ok((size, Body::from(Bytes::from_owner(held))))
}

fn found<T>(answer: Result<T, StorageError>) -> Result<T, ApiError> {
    match answer {
        Err(StorageError::NotFound(_)) => Err(not_found()),
        other => Ok(other?),
    }
}

/// A picture on its way to a client: its memory is given back when the last of its bytes was handed over.
struct HeldPicture {
    bytes: Bytes,
    _memory: ReservedMemory,
}

impl AsRef<[u8]> for HeldPicture {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn caching(state: &AppState, tag: &str) -> [(HeaderName, HeaderValue); 4] {
    let max_age = state.config.picture_max_age.as_secs();
    let cache = format!("public, max-age={max_age}, immutable");
    let text = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
    [
        (ETAG, text(tag)),
        (CACHE_CONTROL, text(&cache)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin")),
    ]
}

/// Only a key's last part is an address: `pictures%2F…` isn't one.
fn file_name(text: &str) -> Option<PictureKey> {
    PictureKey::parse(text).filter(|_| !text.contains('/'))
}

/// The key's digits: they name the bytes, which never change.
fn tag_of(key: &PictureKey) -> String {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    format!("\"{}\"", name.split('.').next().unwrap_or_default())
}

fn not_found() -> ApiError {
    Failure::new(FailureCode::PictureNotFound, "There is no picture at this address.").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_named_by_its_file_name_alone_and_tagged_by_its_digits() {
        let name = "0123456789abcdef0123456789abcdef.jpg";
        assert_eq!(tag_of(&file_name(name).unwrap()), "\"0123456789abcdef0123456789abcdef\"");
        assert!(file_name(&format!("pictures/{name}")).is_none());
        assert!(file_name("../staging/x").is_none());
    }
}
