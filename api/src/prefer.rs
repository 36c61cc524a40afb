//! `Prefer: wait=N` (RFC 7240): a client that would rather have the result in the answer.

use crate::upload_status::LONGEST_WAIT;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The request's header.
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// The answer's.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How long the client would rather wait, in seconds; `None`: not at all. What can't be read is ignored, as a
/// preference may be.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Option<u64> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(preferences);
    // The first counts where one is there more than once.
    let wait = preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })?;
    let is_number = !wait.is_empty() && wait.bytes().all(|byte| byte.is_ascii_digit());
    // Who prefers more waits this long.
    let seconds = || wait.parse().unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    is_number.then(seconds).filter(|seconds| *seconds > 0)
}

/// The preferences of a header, which are separated by commas but for those within quotes.
fn preferences(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |letter| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match letter {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            _ => {}
        }
        letter == ',' && !is_quoted
    })
}

/// The header that says for how long it was waited at most.
#[must_use]
pub fn applied(seconds: u64) -> (HeaderName, HeaderValue) {
    let text = format!("wait={seconds}");
    (PREFERENCE_APPLIED, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("wait")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, value.parse().unwrap());
        }
        wait(&headers)
    }

    #[test]
    fn the_wait_is_found_among_other_preferences_and_is_30_seconds_at_most() {
        assert_eq!(ask(&["wait=10"]), Some(10));
        assert_eq!(ask(&["respond-async, Wait = \"5\"; x=y"]), Some(5));
        assert_eq!(ask(&["respond-async", "wait=7, wait=9"]), Some(7));
        assert_eq!(ask(&["wait=31"]), Some(30));
        assert_eq!(ask(&["wait=99999999999999999999"]), Some(30));
    }

    #[test]
    fn what_is_no_wait_is_ignored() {
        for value in [
            "",
            "wait",
            "wait=",
            "wait=-1",
            "wait=1.5",
            "wait=a",
            "wait=0",
            "awaits=3",
            "foo=\"a, wait=2\", bar",
            r#"foo="\", wait=2""#,
        ] {
            assert_eq!(ask(&[value]), None, "{value}");
        }
        assert_eq!(ask(&[]), None);
    }
}
