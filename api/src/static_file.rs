//! A file that is part of the program: made once, and its bytes are shared by all answers.

use crate::etag;
use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A file, with the tag that names its bytes.
pub(crate) struct StaticFile {
    pub(crate) name: &'static str,
    pub(crate) bytes: Bytes,
    media_type: HeaderValue,
    /// Who may keep it, and for how long.
    caching: HeaderValue,
    tag: String,
}

impl StaticFile {
    pub(crate) fn new(
        name: &'static str,
        bytes: impl Into<Bytes>,
        media_type: HeaderValue,
        caching: &'static str,
    ) -> Self {
        let bytes = bytes.into();
        let digest = Sha256::digest(&bytes);
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let caching = HeaderValue::from_static(caching);
        Self { name, bytes, media_type, caching, tag: format!("\"{digits}\"") }
    }

    /// A file of text, whose type its extension tells. Caches ask each time, so that page and API never are of two
    /// versions.
    pub(crate) fn of_page(name: &'static str, text: &'static str) -> Self {
        let media_type = match name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        };
        Self::new(name, text, HeaderValue::from_static(media_type), "no-cache")
    }

    /// The file, or 304 to who has it.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if etag::matches(request, &self.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, self.media_type.clone())], self.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, self.caching.clone());
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::IF_NONE_MATCH;

    #[test]
    fn a_file_is_answered_with_its_type_and_its_tag_and_304_to_who_has_it() {
        let file = StaticFile::of_page("a.js", "1");
        let response = file.answer(&HeaderMap::new());
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        let tag = response.headers()[ETAG].clone();
        assert_ne!(tag, StaticFile::of_page("a.js", "2").tag.as_str());
        let response = file.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())]));
        assert_eq!(response.status(), 304);
        assert_eq!(response.headers()[ETAG], tag);
    }
}
