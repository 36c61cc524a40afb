//! Why a body ended early.

use super::{paced_body::WINDOW, reservation::gone};
use crate::{error::ApiError, memory::no_memory};
use pfp_shared::failure::{Failure, FailureCode};
use std::{fmt, time::Duration};

/// Why no more of a body comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFault {
    /// The connection ended within it.
    Broken,
    /// Nothing could be accepted any more.
    Pointless,
    /// No byte came for this long.
    Stalled(Duration),
    /// It came more slowly than it may, in bytes a second.
    Slow {
        /// The least that it may come at.
        limit: u64,
        /// What it came at.
        actual: u64,
    },
    /// There was no memory for more of it in time.
    NoRoom {
        /// When to come back, in seconds.
        retry_after: u64,
    },
    /// It comes slowly, and as many slow ones as have a place are on their way.
    Crowded {
        /// What isn't slow.
        limit: u64,
        /// What it came at.
        actual: u64,
        /// When to come back, in seconds.
        retry_after: u64,
    },
}

impl BodyFault {
    /// What the client is told.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self {
            Self::Broken => {
                let detail = "The connection ended before the whole body arrived. Send it again.";
                Failure::new(FailureCode::UploadIncomplete, detail)
            }
            Self::Pointless => gone(),
            Self::Stalled(idle) => {
                let seconds = idle.as_secs_f64();
                let detail = format!("No byte of the body came for {seconds} s. Send it again.");
                Failure::new(FailureCode::RequestTimeout, detail).limit(seconds).actual(seconds)
            }
            Self::Slow { limit, actual } => {
                let detail = format!(
                    "The body came at {actual} bytes/s over {} s; the least is {limit} bytes/s. Send it again.",
                    WINDOW.as_secs()
                );
                Failure::new(FailureCode::RequestTimeout, detail).limit(limit).actual(actual)
            }
            Self::NoRoom { retry_after } => no_memory(retry_after),
            Self::Crowded { limit, actual, .. } => {
                let detail = format!(
                    "The body came at {actual} bytes/s, and as many below {limit} bytes/s as there is memory for are \
                     on their way. Send it again."
                );
                Failure::new(FailureCode::Overloaded, detail).limit(limit).actual(actual)
            }
        }
    }
}

impl From<BodyFault> for ApiError {
    fn from(fault: BodyFault) -> Self {
        let error = Self::from(fault.failure());
        match fault {
            BodyFault::NoRoom { retry_after } | BodyFault::Crowded { retry_after, .. } => {
                error.retry_after(retry_after)
            }
            _ => error,
        }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.failure())
    }
}

impl std::error::Error for BodyFault {}
