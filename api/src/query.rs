//! Query parameters: those that a route knows are checked, all others ignored.

use pfp_shared::failure::{Failure, FailureCode};
use std::{borrow::Cow, ops::RangeInclusive};

/// The value of a parameter, if the query has it.
///
/// # Errors
/// `query_invalid` when it is there more than once.
pub fn value<'a>(query: Option<&'a str>, name: &str) -> Result<Option<Cow<'a, str>>, Failure> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value);
    let first = values.next();
    match values.next() {
        Some(_) => Err(invalid(format!("The query parameter {name} is there more than once."))),
        None => Ok(first),
    }
}

/// A whole number within a range, if the query has it.
///
/// # Errors
/// `query_invalid` when it is anything else.
pub fn number(query: Option<&str>, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Failure> {
    let Some(text) = value(query, name)? else { return Ok(None) };
    let (low, high) = (*range.start(), *range.end());
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|number| digits && range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let (actual, allowed) = (shortened(&text), format!("{low} to {high}"));
            let detail =
                format!("The query parameter {name} is `{actual}`; it takes a whole number from {allowed}.");
            Err(invalid(detail).limit(high).actual(actual).allowed(allowed))
        }
    }
}

/// Where a page begins, if the query says so: the `next_cursor` of the page before.
///
/// # Errors
/// `query_invalid` when it is anything else.
pub fn cursor(query: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = value(query, "cursor")? else { return Ok(None) };
    let is_one = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse().ok().filter(|_| is_one) {
        Some(generation) => Ok(Some(generation)),
        None => {
            let detail =
                "The query parameter cursor has to be the next_cursor of an earlier page.".to_owned();
            Err(invalid(detail).actual(shortened(&text)))
        }
    }
}

/// One of these words, if the query has the parameter.
///
/// # Errors
/// `query_invalid` when it is anything else.
pub fn choice<'a>(
    query: Option<&'a str>,
    name: &str,
    words: &[&str],
) -> Result<Option<Cow<'a, str>>, Failure> {
    let Some(text) = value(query, name)? else { return Ok(None) };
    if words.contains(&&*text) {
        return Ok(Some(text));
    }
    let (actual, allowed) = (shortened(&text), words.join(" or "));
    let detail = format!("The query parameter {name} is `{actual}`; it takes {allowed}.");
    Err(invalid(detail).actual(actual).allowed(words.to_vec()))
}

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

fn invalid(detail: String) -> Failure {
    Failure::new(FailureCode::QueryInvalid, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_and_unknown_parameters_are_ignored() {
        assert_eq!(number(Some("x=1&wait=30&y"), "wait", 0..=30).unwrap(), Some(30));
        assert_eq!(number(Some("x=1"), "wait", 0..=30).unwrap(), None);
        assert_eq!(number(None, "wait", 0..=30).unwrap(), None);
    }

    #[test]
    fn anything_but_a_number_within_the_range_is_refused() {
        for query in [
            "wait=31",
            "wait=-1",
            "wait=%2B1",
            "wait=",
            "wait=a",
            "wait=1.5",
            "wait=%00",
            "wait=1&wait=2",
            "wait=%FF",
        ] {
            let failure = number(Some(query), "wait", 0..=30).unwrap_err();
            assert_eq!(failure.code, FailureCode::QueryInvalid, "{query}");
        }
    }

    #[test]
    fn a_cursor_is_what_an_earlier_page_gave() {
        assert_eq!(cursor(Some("limit=1")).unwrap(), None);
        assert_eq!(cursor(Some("cursor=42")).unwrap(), Some(42));
        for query in ["cursor=", "cursor=-1", "cursor=a", "cursor=1e3", "cursor=9999999999999999999"] {
            assert_eq!(cursor(Some(query)).unwrap_err().code, FailureCode::QueryInvalid, "{query}");
        }
    }

    #[test]
    fn values_are_decoded() {
        assert_eq!(value(Some("crop=1%2C2"), "crop").unwrap().unwrap(), "1,2");
    }
}
