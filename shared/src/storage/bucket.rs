//! The bucket: created at start if it may be, and a clear word about what is wrong with it.

use super::{Storage, StorageError, keys::WRITE_CHECK_KEY, signed::code_in};
use crate::config::StorageLocation;
use http::{Method, StatusCode};
use object_store::Attributes;

/// Why the bucket can't be used; its text says what to look at.
#[derive(Debug, thiserror::Error)]
#[error("{place} can't be used: {reason}")]
pub struct BucketProblem {
    /// Which bucket, where.
    pub place: String,
    /// What is wrong.
    pub reason: String,
    /// Whether it is a matter of credentials or rights, as opposed to a server that doesn't answer.
    pub is_permission: bool,
}

impl Storage {
    /// Creates the bucket if it isn't there (and `PFP_S3_CREATE_BUCKET` allows it), and sees whether objects can
    /// be written. Safe to run by any number of processes at once.
    ///
    /// # Errors
    /// What is wrong with the bucket, its server or our credentials.
    pub async fn open_bucket(&self) -> Result<(), BucketProblem> {
        if let StorageLocation::S3 { create_bucket: true, .. } = self.location {
            self.create_bucket().await.map_err(|error| self.problem(&error))?;
        }
        self.check_write().await
    }

    /// Sees whether objects can be written.
    ///
    /// # Errors
    /// What is wrong with the bucket, its server or our credentials.
    pub async fn check_write(&self) -> Result<(), BucketProblem> {
        let written =
            self.put(WRITE_CHECK_KEY, bytes::Bytes::from_static(b"ok").into(), Attributes::new()).await;
        written.map_err(|error| self.problem(&error))
    }

    /// One `PUT /bucket`. Asking first whether it exists would only
    /// open a race between processes that start together.
    async fn create_bucket(&self) -> Result<(), StorageError> {
        let StorageLocation::S3 { region, .. } = &self.location else { return Ok(()) };
        let body = if region == "us-east-1" {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
            )
        };
        let (status, text) = self.ask_about_bucket(Method::PUT, "", body).await?;
        created(status, &text)
    }

    fn problem(&self, error: &StorageError) -> BucketProblem {
        let place = self.describe();
        let text = error.to_string();
        let is_permission = matches!(error, StorageError::PermissionDenied(_));
        let reason = if text.contains("InvalidAccessKeyId") {
            "the access key isn't known there: check PFP_S3_ACCESS_KEY".to_owned()
        } else if text.contains("SignatureDoesNotMatch") {
            "the secret key is wrong: check PFP_S3_SECRET_KEY".to_owned()
        } else if text.contains("NoSuchBucket") {
            "there is no such bucket, and PFP_S3_CREATE_BUCKET is false or was refused".to_owned()
        } else if is_permission {
            format!(
                "the access key (PFP_S3_ACCESS_KEY) hasn't the rights that are needed (put, get, delete, list in this bucket): {text}"
            )
        } else if matches!(error, StorageError::Unavailable(_) | StorageError::NotFound(_)) {
            // Only what isn't an S3 server says of a put that there is no such thing.
            format!("nothing usable answers there: check PFP_S3_ENDPOINT: {text}")
        } else {
            text
        };
        BucketProblem { place, reason, is_permission }
    }
}

/// What the answer to `PUT /bucket` means.
fn created(status: StatusCode, text: &str) -> Result<(), StorageError> {
    match (status.as_u16(), code_in(text)) {
        (200..=299, _) | (409, Some("BucketAlreadyOwnedByYou" | "OperationAborted")) => Ok(()),
        (409, Some("BucketAlreadyExists")) => {
            Err(StorageError::PermissionDenied("the bucket's name belongs to someone else".to_owned()))
        }
        // Not allowed to create buckets: it may be there all the same, which the first write shows.
        (403, Some("AccessDenied")) => Ok(()),
        (401 | 403, code) => Err(StorageError::PermissionDenied(code.unwrap_or("refused").to_owned())),
        (500..=599, code) => Err(StorageError::Unavailable(format!("{status} {}", code.unwrap_or_default()))),
        (_, Some(code)) => Err(StorageError::Other(format!("{status} {code}"))),
        (_, None) => Err(StorageError::Unavailable(format!("what answers isn't an S3 server ({status})"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Result<(), StorageError> {
        created(StatusCode::from_u16(status).unwrap(), &format!("<Error><Code>{code}</Code></Error>"))
    }

    #[test]
    fn a_bucket_that_is_ours_already_is_as_good_as_created() {
        assert!(created(StatusCode::OK, "").is_ok());
        assert!(answer(409, "BucketAlreadyOwnedByYou").is_ok());
        assert!(matches!(answer(409, "BucketAlreadyExists"), Err(StorageError::PermissionDenied(_))));
    }

    #[test]
    fn wrong_keys_and_wrong_servers_are_told_apart() {
        assert!(matches!(answer(403, "InvalidAccessKeyId"), Err(StorageError::PermissionDenied(_))));
        assert!(matches!(answer(503, "SlowDown"), Err(StorageError::Unavailable(_))));
        let html = created(StatusCode::NOT_FOUND, "<html>not here</html>").unwrap_err();
        assert!(html.to_string().contains("isn't an S3 server"));
    }
}
