//! A file that is part of the program.

use crate::etag;
use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, ETAG},
    },
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

/// A file of text, with the tag that names its bytes.
pub(super) struct File {
    /// With its extension, which tells the type.
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    tag: String,
}

impl File {
    pub(super) fn new(name: &'static str, text: &'static str) -> Self {
        let digest = Sha256::digest(text);
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { name, text, tag: format!("\"{digits}\"") }
    }

    /// The file, or 304 to who has it. Caches ask each time, so that page and API never are of two versions.
    pub(super) fn answer(&self, request: &HeaderMap) -> Response {
        let mut response = if etag::matches(request, &self.tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, HeaderValue::from_static(self.media_type()))], self.text).into_response()
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
        response
    }

    fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::IF_NONE_MATCH;

    #[test]
    fn a_file_is_answered_with_its_type_and_its_tag_and_304_to_who_has_it() {
        let file = File::new("a.js", "1");
        let response = file.answer(&HeaderMap::new());
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        let tag = response.headers()[ETAG].clone();
        assert_ne!(tag, File::new("a.js", "2").tag.as_str());
        let response = file.answer(&HeaderMap::from_iter([(IF_NONE_MATCH, tag.clone())]));
        assert_eq!(response.status(), 304);
        assert_eq!(response.headers()[ETAG], tag);
    }
}
