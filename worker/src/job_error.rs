//! The fates of a job that didn't end with a picture.

use pfp_shared::{
    database::DatabaseError,
    failure::{Failure, FailureCode},
    storage::StorageError,
};

/// Why a job ends without a picture, by what becomes of it.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The image is at fault: final.
    #[error("rejected: {0}")]
    Reject(Failure),
    /// A dependency is at fault: tried again later, and the attempt doesn't count.
    #[error("a dependency failed: {0}")]
    Dependency(String),
    /// Something else went wrong: tried again later, and the attempt counts.
    #[error("{0}")]
    Retry(String),
    /// The staged bytes are gone, or aren't what was staged: as [`JobError::Retry`], but nothing is kept that could be
    /// worked on later.
    #[error("{0}")]
    BytesGone(String),
    /// The worker is asked to stop: another one tries at once, and the attempt doesn't count.
    #[error("the worker stops")]
    Stopping,
    /// The lease has run out, or the claim is another worker's: nothing is ours to write any more.
    #[error("the claim is lost")]
    ClaimLost,
}

impl From<DatabaseError> for JobError {
    fn from(error: DatabaseError) -> Self {
        if error.is_about_a_row() {
            Self::Retry(error.to_string())
        } else {
            Self::Dependency(error.to_string())
        }
    }
}

impl From<StorageError> for JobError {
    fn from(error: StorageError) -> Self {
        if error.is_dependency_fault() {
            Self::Dependency(error.to_string())
        } else {
            Self::Retry(error.to_string())
        }
    }
}

/// States the fate of a step that a decoder or a check can refuse.
pub trait OrReject<T> {
    /// The image is at fault.
    ///
    /// # Errors
    /// [`JobError::Reject`] with the failure.
    fn or_reject(self) -> Result<T, JobError>;
}

impl<T> OrReject<T> for Result<T, Failure> {
    fn or_reject(self) -> Result<T, JobError> {
        self.map_err(|failure| match failure.code {
            // Ours to mend: the bytes are kept.
            FailureCode::UnexpectedError => JobError::Retry(failure.detail),
            _ => JobError::Reject(failure),
        })
    }
}
