//! The id that every answer carries.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// The header, of requests and answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id of a client's isn't used.
const LONGEST: usize = 128;

/// A request's id: the client's if it sent a sane one, so that it can be found in its logs and in ours.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The id of a request with these headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers
            .get(X_REQUEST_ID)
            .filter(|value| is_sane(value.as_bytes()))
            .cloned()
            .map_or_else(Self::fresh, Self)
    }

    fn fresh() -> Self {
        let id = uuid::Uuid::new_v4().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none")))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// For the answer.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &[u8]) -> String {
        let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap())]);
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn a_sane_id_of_the_client_is_kept() {
        assert_eq!(of(b"Web-1.2_3"), "Web-1.2_3");
        assert_eq!(of(&[b'a'; 128]).len(), 128);
    }

    #[test]
    fn any_other_id_is_replaced_by_a_fresh_one() {
        for bad in [&b""[..], &[b'a'; 129], b"a b", b"a\"b", "é".as_bytes(), b"\xff", b"a;b"] {
            let id = of(bad);
            assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()).as_str(), RequestId::of(&HeaderMap::new()).as_str());
    }
}
