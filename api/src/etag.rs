//! Conditional requests.

use axum::http::{HeaderMap, header::IF_NONE_MATCH};

/// Whether `If-None-Match` names this tag (given with its quotes), or any. Compared weakly, as RFC 9110 asks.
#[must_use]
pub fn matches(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_compared_weakly() {
        let matches = |header: &str| {
            matches(&HeaderMap::from_iter([(IF_NONE_MATCH, header.parse().unwrap())]), "\"2\"")
        };
        for header in ["\"2\"", "W/\"2\"", "\"1\", \"2\"", "*"] {
            assert!(matches(header), "{header}");
        }
        for header in ["\"1\"", "2", "", "\"22\"", "W/"] {
            assert!(!matches(header), "{header}");
        }
    }
}
