//! What a request says about its body before any of it is read.

use super::{
    FORM_OVERHEAD,
    declared_type::{check_declared_type, essence},
};
use crate::query;
use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use pfp_shared::{
    crop::Crop,
    failure::{Failure, FailureCode},
    picture_format::PictureFormat,
};

/// How the file lies in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// As a part of a form.
    Multipart {
        /// What separates the parts.
        boundary: String,
    },
    /// As the whole body.
    Raw,
}

/// What is declared, checked.
#[derive(Debug, Clone)]
pub struct Declared {
    /// How the file lies in the body.
    pub form: Form,
    /// The body's length in bytes, unless it comes in chunks.
    pub length: Option<u64>,
    /// The crop of the query string; a form's own part goes before it.
    pub crop: Option<Crop>,
    /// The request's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
}

/// RFC 2046 allows 70 characters.
const LONGEST_BOUNDARY: usize = 70;

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;

impl Declared {
    /// Checks what is declared.
    ///
    /// # Errors
    /// The first thing that is wrong: the type, the length, the idempotency key or the crop.
    pub fn check(
        headers: &HeaderMap,
        query: Option<&str>,
        length: Option<u64>,
        allowed: &[PictureFormat],
        max_file_size: u64,
    ) -> Result<Self, Failure> {
        let form = form(content_type(headers)?, allowed)?;
        let most = if form == Form::Raw { max_file_size } else { max_file_size + FORM_OVERHEAD };
        match length {
            Some(length) if length > most => return Err(too_large(max_file_size, length)),
            Some(0) if form == Form::Raw => return Err(empty()),
            _ => {}
        }
        let idempotency_key = idempotency_key(headers)?;
        let crop = query::value(query, "crop")?.map(|crop| Crop::parse_query(&crop)).transpose()?;
        Ok(Self { form, length, crop, idempotency_key })
    }

    /// The most bytes that the body can have.
    #[must_use]
    pub fn largest_body(&self, max_file_size: u64) -> u64 {
        let most = max_file_size + FORM_OVERHEAD;
        self.length.map_or(most, |length| length.min(most))
    }
}

/// `file_too_large`.
pub(super) fn too_large(limit: u64, actual: u64) -> Failure {
    let detail = format!("The file has {actual} bytes; at most {limit} are taken.");
    Failure::new(FailureCode::FileTooLarge, detail).limit(limit).actual(actual)
}

/// `file_empty`.
pub(super) fn empty() -> Failure {
    Failure::new(FailureCode::FileEmpty, "The file has no bytes.")
}

fn content_type(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Failure> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let first = values.next();
    match 1 + values.count() {
        1 => Ok(first),
        count => {
            let detail = format!("The request has {count} headers Content-Type; it may have 1.");
            Err(Failure::new(FailureCode::UnsupportedMediaType, detail).limit(1).actual(count))
        }
    }
}

fn form(content_type: Option<&HeaderValue>, allowed: &[PictureFormat]) -> Result<Form, Failure> {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence(text);
    match essence.as_str() {
        "multipart/form-data" => boundary(text).map(|boundary| Form::Multipart { boundary }),
        "application/octet-stream" => Ok(Form::Raw),
        _ if essence.starts_with("image/") => {
            check_declared_type(text, allowed)?;
            Ok(Form::Raw)
        }
        _ => Err(unsupported(&essence, allowed)),
    }
}

fn unsupported(essence: &str, allowed: &[PictureFormat]) -> Failure {
    let mut types = vec!["multipart/form-data"];
    types.extend(allowed.iter().map(|format| format.media_type()));
    types.push("application/octet-stream");
    let shown: String = essence.chars().take(100).collect();
    let what = if shown.is_empty() {
        "The request has no readable Content-Type".to_owned()
    } else {
        format!("The Content-Type {shown} isn't taken")
    };
    let detail = format!("{what}; allowed are {}.", types.join(", "));
    let failure = Failure::new(FailureCode::UnsupportedMediaType, detail).allowed(types);
    if shown.is_empty() { failure } else { failure.actual(shown) }
}

fn boundary(content_type: &str) -> Result<String, Failure> {
    let malformed = |detail: &str| Failure::new(FailureCode::MultipartMalformed, detail);
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| malformed("The Content-Type has no readable boundary."))?;
    if boundary.is_empty() || boundary.len() > LONGEST_BOUNDARY {
        return Err(malformed("The boundary has to have 1 to 70 characters."));
    }
    Ok(boundary)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = |detail: String| Failure::new(FailureCode::IdempotencyKeyInvalid, detail);
    let headers = 1 + values.count();
    if headers > 1 {
        let detail = format!("The request has {headers} headers Idempotency-Key; at most 1 is taken.");
        return Err(invalid(detail).limit(1).actual(headers));
    }
    let length = value.len();
    if !(1..=LONGEST_KEY).contains(&length) || !value.as_bytes().iter().all(u8::is_ascii_graphic) {
        let detail = format!(
            "The Idempotency-Key has {length} bytes; it takes 1 to {LONGEST_KEY} visible ASCII characters."
        );
        return Err(invalid(detail).limit(LONGEST_KEY).actual(length));
    }
    Ok(value.to_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 1000;

    fn check(
        headers: &[(&'static str, &[u8])],
        query: Option<&str>,
        length: Option<u64>,
    ) -> Result<Declared, Failure> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Declared::check(&map, query, length, &PictureFormat::ALL, MAX)
    }

    fn code_for_type(content_type: &str) -> Result<Form, FailureCode> {
        check(&[("content-type", content_type.as_bytes())], None, None)
            .map(|declared| declared.form)
            .map_err(|failure| failure.code)
    }

    #[test]
    fn forms_pictures_and_octet_streams_are_taken() {
        let boundary = "x-1".to_owned();
        assert_eq!(code_for_type("Multipart/Form-Data; boundary=x-1"), Ok(Form::Multipart { boundary }));
        for raw in ["image/jpeg", "image/jpg", "IMAGE/PNG; a=b", "image/gif", "application/octet-stream"] {
            assert_eq!(code_for_type(raw), Ok(Form::Raw), "{raw}");
        }
    }

    #[test]
    fn a_body_of_another_kind_or_none_is_unsupported() {
        for other in ["application/json", "text/plain", "multipart/mixed; boundary=x", "", "x", "\u{1}"] {
            if let Ok(value) = HeaderValue::from_str(other) {
                let headers = HeaderMap::from_iter([(CONTENT_TYPE, value)]);
                let failure = Declared::check(&headers, None, None, &PictureFormat::ALL, MAX).unwrap_err();
                assert_eq!(failure.code, FailureCode::UnsupportedMediaType, "{other}");
                assert!(failure.allowed.is_some());
            }
        }
        assert_eq!(check(&[], None, None).unwrap_err().code, FailureCode::UnsupportedMediaType);
        assert_eq!(
            check(&[("content-type", b"\xff")], None, None).unwrap_err().code,
            FailureCode::UnsupportedMediaType
        );
    }

    #[test]
    fn a_form_needs_a_boundary_of_a_length_that_the_standard_allows() {
        let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
        for bad in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"",
            &long,
        ] {
            assert_eq!(code_for_type(bad), Err(FailureCode::MultipartMalformed), "{bad}");
        }
    }

    #[test]
    fn a_declared_length_beyond_the_limit_is_refused_with_both_numbers() {
        let raw = |length| check(&[("content-type", b"image/png")], None, Some(length));
        assert!(raw(MAX).is_ok());
        let failure = raw(MAX + 1).unwrap_err();
        assert_eq!(failure.code, FailureCode::FileTooLarge);
        assert_eq!((failure.limit, failure.actual), (Some(1000.into()), Some(1001.into())));
        assert_eq!(raw(0).unwrap_err().code, FailureCode::FileEmpty);
        let form =
            |length| check(&[("content-type", b"multipart/form-data; boundary=x")], None, Some(length));
        assert!(form(MAX + FORM_OVERHEAD).is_ok());
        assert_eq!(form(MAX + FORM_OVERHEAD + 1).unwrap_err().code, FailureCode::FileTooLarge);
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_1_to_255_characters() {
        let key = |keys: &[&[u8]]| {
            let mut headers = vec![("content-type", &b"image/png"[..])];
            headers.extend(keys.iter().map(|key| ("idempotency-key", *key)));
            check(&headers, None, None)
                .map(|declared| declared.idempotency_key)
                .map_err(|failure| failure.code)
        };
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&[b"a-1"]), Ok(Some("a-1".to_owned())));
        assert!(key(&[&[b'~'; 255]]).is_ok());
        for bad in [&[b'a'; 256][..], b"", b"a b", b"\xC3\xA9"] {
            assert_eq!(key(&[bad]), Err(FailureCode::IdempotencyKeyInvalid), "{bad:?}");
        }
        assert_eq!(key(&[b"a", b"b"]), Err(FailureCode::IdempotencyKeyInvalid));
    }

    #[test]
    fn the_crop_of_the_query_is_read_and_other_parameters_are_ignored() {
        let crop =
            |query| check(&[("content-type", b"image/png")], Some(query), None).map(|declared| declared.crop);
        assert_eq!(crop("a=b&crop=1,2,3,4").unwrap(), Some(Crop { x: 1, y: 2, width: 3, height: 4 }));
        assert_eq!(crop("a=b").unwrap(), None);
        assert_eq!(crop("crop=1,2,3").unwrap_err().code, FailureCode::CropInvalid);
    }

    #[test]
    fn a_body_without_a_length_may_be_as_large_as_the_limit() {
        let declared = check(&[("content-type", b"image/png")], None, None).unwrap();
        assert_eq!(declared.largest_body(MAX), MAX + FORM_OVERHEAD);
        let declared = check(&[("content-type", b"image/png")], None, Some(10)).unwrap();
        assert_eq!(declared.largest_body(MAX), 10);
    }
}
