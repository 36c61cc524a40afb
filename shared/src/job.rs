//! The message that tells a worker about an upload: a version and an id. The row has everything else.

use crate::upload::UploadId;
use serde::{Deserialize, Serialize};

/// What is published for an upload that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The version of this message's form.
    pub version: u32,
    /// The upload to work on.
    pub upload_id: UploadId,
}

/// The version that this build publishes.
pub const JOB_VERSION: u32 = 1;

/// A message whose upload id can't be read: nothing can be done with it but to set it aside.
#[derive(Debug, thiserror::Error)]
#[error("the message isn't a job: {0}")]
pub struct UndecodableJob(#[from] serde_json::Error);

impl Job {
    /// The job of an upload.
    #[must_use]
    pub const fn new(upload_id: UploadId) -> Self {
        Self { version: JOB_VERSION, upload_id }
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::json!({ "version": self.version, "upload_id": self.upload_id }).to_string().into_bytes()
    }

    /// Reads a message. Any version is taken as long as the id can be read: the row decides what is to be
    /// done, so a worker that is older than the publisher during an update loses nothing.
    ///
    /// # Errors
    /// The bytes aren't a JSON object with a version and a readable `upload_id`.
    pub fn decode(bytes: &[u8]) -> Result<Self, UndecodableJob> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_survives_the_wire() {
        let job = Job::new(UploadId::generate());
        assert_eq!(Job::decode(&job.encode()).unwrap(), job);
    }

    #[test]
    fn a_later_version_with_more_members_is_read_by_its_id() {
        let id = UploadId::generate();
        let message = format!(r#"{{"version": 9, "upload_id": "{id}", "priority": {{"a": 1}}}}"#);
        assert_eq!(Job::decode(message.as_bytes()).unwrap().upload_id, id);
    }

    #[test]
    fn what_has_no_readable_id_is_not_a_job() {
        for junk in [&b""[..], b"hello", b"{}", b"[1]", br#"{"version":1,"upload_id":"1"}"#, b"\xFF\xFE"] {
            assert!(Job::decode(junk).is_err(), "{junk:?}");
        }
    }
}
