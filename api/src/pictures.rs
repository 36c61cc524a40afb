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
use futures_util::{StreamExt, stream};
use pfp_shared::{
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    memory::ReservedMemory,
    storage::{PictureKey, StorageError},
};
use std::future::ready;

/// Bytes that are read from the store at once: all of an ordinary picture, and no more than this is held of a large
/// one for a client that reads slowly.
const PIECE: u64 = 128 << 10;

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

/// The picture's size and its bytes.
async fn bytes_of(state: &AppState, key: &PictureKey) -> Result<(u64, Body), ApiError> {
    let memory = state.picture_memory.reserve(PIECE).await?;
    let (bytes, size) = found(state.services.storage.read_piece(key.as_str(), 0, PIECE).await)?;
    let next = bytes.len() as u64;
    let first = Bytes::from_owner(HeldPiece::new(bytes, memory));
    if next >= size {
        return Ok((size, Body::from(first)));
    }
    let rest = Rest { state: state.clone(), key: key.clone(), next, size };
    let first = stream::once(ready(Ok(first)));
    Ok((size, Body::from_stream(first.chain(stream::try_unfold(rest, Rest::read)))))
}

/// What is still to be read of a picture.
struct Rest {
    state: AppState,
    key: PictureKey,
    next: u64,
    size: u64,
}

impl Rest {
    /// The next piece, which is asked for when the client has taken those before it. An error cuts the answer off,
    /// which the client tells by its length.
    async fn read(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        if self.next >= self.size {
            return Ok(None);
        }
        let memory = self.state.picture_memory.reserve(PIECE).await;
        let memory = memory.map_err(|_| std::io::Error::other("no memory in time"))?;
        let read = self.state.services.storage.read_piece(self.key.as_str(), self.next, PIECE).await;
        let (bytes, _) = read.map_err(std::io::Error::other)?;
        self.next += bytes.len() as u64;
        Ok(Some((Bytes::from_owner(HeldPiece::new(bytes, memory)), self)))
    }
}

fn found<T>(answer: Result<T, StorageError>) -> Result<T, ApiError> {
    match answer {
        Err(StorageError::NotFound(_)) => Err(not_found()),
        other => Ok(other?),
    }
}

/// A piece on its way to a client: its memory is given back when the last of its bytes was handed over.
struct HeldPiece {
    bytes: Bytes,
    _memory: ReservedMemory,
}

impl HeldPiece {
    fn new(bytes: Bytes, mut memory: ReservedMemory) -> Self {
        memory.shrink_to(bytes.len() as u64);
        Self { bytes, _memory: memory }
    }
}

impl AsRef<[u8]> for HeldPiece {
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
