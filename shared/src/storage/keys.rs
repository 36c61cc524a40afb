//! The names of objects. Only this file forms them.

use crate::{picture_format::PictureFormat, upload::UploadId};
use object_store::path::Path;
use serde_json::{Value, json};
use std::fmt;

/// Where raw uploads are, until they are final.
pub const STAGING_PREFIX: &str = "staging";
/// Where finished pictures are.
pub const PICTURES_PREFIX: &str = "pictures";
/// Names the database that the bucket belongs to.
pub(super) const MARKER_KEY: &str = ".pfp/installation.json";
/// Written at start to see whether we may write.
pub(super) const WRITE_CHECK_KEY: &str = ".pfp/write-check";

/// A key in the store's own form. One that was listed is in that form already: encoding it once more would name
/// another object.
pub(super) fn object_path(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}

/// The key of an upload's raw bytes, `staging/{upload_id}`.
#[must_use]
pub fn staged_key(upload: UploadId) -> String {
    format!("{STAGING_PREFIX}/{upload}")
}

/// The key of a finished picture, `pictures/{32 hex digits}.{ext}`: 128 random bits that nobody can guess and
/// that are never used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureKey(String);

impl PictureKey {
    /// Reads an object key or a file name such as `0123456789abcdef0123456789abcdef.jpg`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("pictures/").unwrap_or(text);
        let (digits, extension) = name.split_once('.')?;
        let is_hex = digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        (is_hex && PictureFormat::from_extension(extension).is_some())
            .then(|| Self(format!("{PICTURES_PREFIX}/{name}")))
    }

    /// Fresh keys for one claim, one for each type that the upload's content may have: an object
    /// `{"image/jpeg": "pictures/….jpg", …}` from which the claim's statement takes the right one.
    #[must_use]
    pub fn candidates() -> Value {
        let digits = format!("{:032x}", rand::random::<u128>());
        let key = |format: PictureFormat| format!("{PICTURES_PREFIX}/{digits}.{}", format.extension());
        PictureFormat::ALL
            .into_iter()
            .map(|format| (format.media_type().to_owned(), json!(key(format))))
            .collect()
    }

    /// The whole object key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The picture's format, by the key's extension.
    #[must_use]
    pub fn format(&self) -> PictureFormat {
        let extension = self.0.rsplit('.').next().unwrap_or_default();
        PictureFormat::from_extension(extension).unwrap_or(PictureFormat::Jpeg)
    }

    /// The picture's address under a public base URL.
    #[must_use]
    pub fn url(&self, public_url: &str) -> String {
        format!("{}/{}", public_url.trim_end_matches('/'), self.0)
    }
}

impl fmt::Display for PictureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_our_own_form_are_read() {
        let name = "0123456789abcdef0123456789abcdef.jpg";
        assert_eq!(PictureKey::parse(name).unwrap().as_str(), format!("pictures/{name}"));
        assert_eq!(PictureKey::parse(&format!("pictures/{name}")).unwrap().format(), PictureFormat::Jpeg);
        for bad in [
            "",
            "../staging/x.jpg",
            "0123.jpg",
            "0123456789ABCDEF0123456789abcdef.jpg",
            "0123456789abcdef0123456789abcdef.svg",
            "0123456789abcdef0123456789abcdef.jpg.exe",
            "0123456789abcdef0123456789abcdef",
        ] {
            assert!(PictureKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_was_listed_names_the_object_that_it_was_listed_for() {
        for listed in ["staging/100%25.jpg", "staging/a%20b", "pictures/x%7Ey"] {
            assert_eq!(object_path(listed).as_ref(), listed);
        }
    }

    #[test]
    fn candidates_have_a_key_of_each_type_and_are_fresh_every_time() {
        let (one, other) = (PictureKey::candidates(), PictureKey::candidates());
        assert_ne!(one, other);
        for format in PictureFormat::ALL {
            let key = PictureKey::parse(one[format.media_type()].as_str().unwrap()).unwrap();
            assert_eq!(key.format(), format);
        }
    }

    #[test]
    fn an_address_keeps_the_path_prefix_of_its_base() {
        let key = PictureKey::parse("0123456789abcdef0123456789abcdef.png").unwrap();
        assert_eq!(key.url("https://a.example/img/"), format!("https://a.example/img/{key}"));
    }
}
