//! A file while it flows: its size, its hash and its format are taken as it passes.

use super::{
    Destination,
    declared::{empty, too_large},
    declared_type::invalid_format,
};
use crate::error::ApiError;
use bytes::Bytes;
use pfp_shared::picture_format::{PictureFormat, detected_name};
use sha2::{Digest, Sha256};

/// What a file may be.
#[derive(Debug, Clone)]
pub struct FileRules {
    /// The types that are taken.
    pub allowed: Vec<PictureFormat>,
    /// The most bytes.
    pub max_size: u64,
    /// The whole body's length where it was declared: what a file that is too large is told.
    pub declared_length: Option<u64>,
}

/// A file that came whole.
#[derive(Debug, Clone)]
pub struct File {
    /// Bytes.
    pub size: u64,
    /// What it is, by its first bytes.
    pub format: PictureFormat,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// A file that is being received.
pub struct IncomingFile<'a> {
    rules: &'a FileRules,
    destination: &'a mut Destination,
    first_bytes: Vec<u8>,
    format: Option<PictureFormat>,
    size: u64,
    hash: Sha256,
}

impl<'a> IncomingFile<'a> {
    /// A file of which nothing has come yet.
    pub fn new(rules: &'a FileRules, destination: &'a mut Destination) -> Self {
        Self {
            rules,
            destination,
            first_bytes: Vec::with_capacity(PictureFormat::MAGIC_BYTES),
            format: None,
            size: 0,
            hash: Sha256::new(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `file_too_large`, `invalid_format`, or the store failed.
    pub async fn take(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        self.size += bytes.len() as u64;
        if self.size > self.rules.max_size {
            let actual = self.rules.declared_length.unwrap_or(self.size);
            return Err(too_large(self.rules.max_size, actual).into());
        }
        self.look_at(&bytes)?;
        self.hash.update(&bytes);
        Ok(self.destination.push(bytes).await?)
    }

    fn look_at(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if self.format.is_none() {
            let missing = PictureFormat::MAGIC_BYTES - self.first_bytes.len();
            self.first_bytes.extend_from_slice(&bytes[..bytes.len().min(missing)]);
            if self.first_bytes.len() == PictureFormat::MAGIC_BYTES {
                self.format = Some(self.tell_format()?);
            }
        }
        Ok(())
    }

    fn tell_format(&self) -> Result<PictureFormat, ApiError> {
        let detected = PictureFormat::detect(&self.first_bytes);
        detected.filter(|format| self.rules.allowed.contains(format)).ok_or_else(|| {
            let name = detected_name(&self.first_bytes);
            let what = match name {
                "unknown" => "The file's content isn't a known picture type".to_owned(),
                name => format!("The file's content is {name}"),
            };
            invalid_format(&what, Some(name), &self.rules.allowed).into()
        })
    }

    /// The file has ended.
    ///
    /// # Errors
    /// `file_empty`, `invalid_format`, or the store failed.
    pub async fn finish(self) -> Result<File, ApiError> {
        if self.size == 0 {
            return Err(empty().into());
        }
        let format = match self.format {
            Some(format) => format,
            None => self.tell_format()?,
        };
        self.destination.finish().await?;
        Ok(File { size: self.size, format, sha256: self.hash.finalize().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::failure::{Failure, FailureCode};

    fn rules(max_size: u64) -> FileRules {
        FileRules { allowed: PictureFormat::ALL.to_vec(), max_size, declared_length: None }
    }

    async fn receive(pieces: &[&[u8]], rules: &FileRules) -> Result<File, Failure> {
        let mut destination = Destination::Nowhere;
        let mut file = IncomingFile::new(rules, &mut destination);
        for piece in pieces {
            file.take(Bytes::copy_from_slice(piece)).await.map_err(|error| error.failure)?;
        }
        file.finish().await.map_err(|error| error.failure)
    }

    #[tokio::test]
    async fn size_format_and_hash_are_taken_while_it_flows() {
        let file = receive(&[b"GIF", b"89a", b"rest"], &rules(10)).await.unwrap();
        assert_eq!((file.size, file.format), (10, PictureFormat::Gif));
        assert_eq!(file.sha256[..], Sha256::digest(b"GIF89arest")[..]);
    }

    #[tokio::test]
    async fn the_first_byte_too_many_is_refused_with_the_declared_length_if_there_is_one() {
        let failure = receive(&[b"GIF89a", b"12345"], &rules(10)).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::FileTooLarge);
        assert_eq!((failure.limit, failure.actual), (Some(10.into()), Some(11.into())));
        let declared = FileRules { declared_length: Some(500), ..rules(10) };
        let failure = receive(&[b"GIF89a", b"12345"], &declared).await.unwrap_err();
        assert_eq!(failure.actual, Some(500.into()));
    }

    #[tokio::test]
    async fn content_that_is_not_taken_is_named_as_soon_as_it_can_be_told() {
        let mut webp = b"RIFF\x10\0\0\0WEBPVP8 ".to_vec();
        let failure = receive(&[&webp], &rules(1000)).await.unwrap_err();
        assert_eq!((failure.code, failure.detected.as_deref()), (FailureCode::InvalidFormat, Some("webp")));
        webp.resize(300, 0);
        let mut destination = Destination::Nowhere;
        let rules = rules(1000);
        let mut file = IncomingFile::new(&rules, &mut destination);
        let error = file.take(webp.into()).await.unwrap_err();
        assert_eq!(error.failure.detected.as_deref(), Some("webp"), "before the end");
    }

    #[tokio::test]
    async fn a_format_that_is_switched_off_is_refused_by_its_content() {
        let only_png = FileRules { allowed: vec![PictureFormat::Png], ..rules(100) };
        let failure = receive(&[b"GIF89a"], &only_png).await.unwrap_err();
        assert_eq!(failure.detected.as_deref(), Some("gif"));
        assert_eq!(failure.allowed, Some(serde_json::json!(["image/png"])));
    }

    #[tokio::test]
    async fn a_file_without_bytes_is_empty() {
        assert_eq!(receive(&[], &rules(10)).await.unwrap_err().code, FailureCode::FileEmpty);
        assert_eq!(receive(&[b""], &rules(10)).await.unwrap_err().code, FailureCode::FileEmpty);
    }
}
