//! What HTTP asks of every request, and the HTTP library leaves to us.

use crate::error::ApiError;
use axum::{
    extract::Request,
    http::{
        HeaderMap, Version,
        header::{HOST, TRANSFER_ENCODING},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use pfp_shared::failure::{Failure, FailureCode};

/// The layer that refuses what isn't well-formed.
pub async fn well_formed(request: Request, next: Next) -> Response {
    match check(request.version(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => ApiError::from(failure).into_response(),
    }
}

fn check(version: Version, headers: &HeaderMap) -> Result<(), Failure> {
    let malformed = |detail: String| Failure::new(FailureCode::RequestMalformed, detail);
    // RFC 9112, 3.2: proxies before us may have gone by another Host than we would.
    let hosts = headers.get_all(HOST).iter().count();
    if hosts > 1 || (hosts == 0 && version >= Version::HTTP_11) {
        let detail = format!("The request has {hosts} headers Host; it has to have 1.");
        return Err(malformed(detail).limit(1).actual(hosts));
    }
    // RFC 9112, 6.1: what was compressed on the way would be taken for the picture's bytes.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    if !is_plain {
        let detail = "The request's Transfer-Encoding isn't taken; allowed is chunked.".to_owned();
        return Err(malformed(detail).allowed(vec!["chunked"]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn is_taken(version: Version, headers: &[(HeaderName, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        check(version, &map).is_ok()
    }

    #[test]
    fn a_request_has_one_host_unless_it_is_of_the_time_before_hosts() {
        assert!(is_taken(Version::HTTP_11, &[(HOST, "a")]));
        assert!(is_taken(Version::HTTP_10, &[]));
        assert!(!is_taken(Version::HTTP_11, &[]));
        assert!(!is_taken(Version::HTTP_11, &[(HOST, "a"), (HOST, "a")]));
        assert!(!is_taken(Version::HTTP_10, &[(HOST, "a"), (HOST, "b")]));
    }

    #[test]
    fn a_body_comes_in_chunks_or_as_it_is() {
        let coded =
            |coding: &'static str| is_taken(Version::HTTP_11, &[(HOST, "a"), (TRANSFER_ENCODING, coding)]);
        assert!(coded("chunked") && coded("Chunked"));
        for other in ["gzip, chunked", "chunked, chunked", "identity", ""] {
            assert!(!coded(other), "{other}");
        }
        let twice = [(HOST, "a"), (TRANSFER_ENCODING, "gzip"), (TRANSFER_ENCODING, "chunked")];
        assert!(!is_taken(Version::HTTP_11, &twice));
    }
}
