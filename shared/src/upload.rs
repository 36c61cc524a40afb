//! An upload: its id, its states and the ways between them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Names an upload, its row, its staged object and its job. A UUIDv7: ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub Uuid);

impl UploadId {
    /// A new id of the present moment.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::from_str(text).map(Self)
    }
}

/// Where an upload is in its life.
///
/// ```text
///             refused, aborted, expired
/// receiving ----------------------------> (row removed)
///     | accept
///     v      retry, lost lease
///   queued <------------------ processing ---> rejected
///     |  ^ \                       ^ |  \
///     |  |  '------- claim --------' |   '--> failed --+
///     |  '----------- replay --------|-----------------'
///     v cancel                       v promote
/// cancelled                   succeeded, superseded
/// ```
///
/// Every step is a compare-and-set in SQL; out of `processing` it also matches the claim token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UploadState {
    /// Reserved: bytes flow in. Leaves to `Queued` by accept, or the row is removed.
    Receiving,
    /// Accepted and durable. Leaves to `Processing` by a claim, or to `Cancelled` by the client.
    Queued,
    /// A worker holds it by a token and a lease. Leaves to any of the five below it in the diagram, or back to
    /// `Queued` by a retry or a lost lease.
    Processing,
    /// Final: its picture became the user's picture.
    Succeeded,
    /// Final: the image is at fault; the failure says how.
    Rejected,
    /// The system gave up; the staged bytes are kept. Leaves to `Queued` by a replay.
    Failed,
    /// Final: it was made, but the user already showed a later generation.
    Superseded,
    /// Final: the client took it back before a worker had it.
    Cancelled,
}

impl UploadState {
    /// Every state, in the order of an upload's life.
    pub const ALL: [Self; 8] = [
        Self::Receiving,
        Self::Queued,
        Self::Processing,
        Self::Succeeded,
        Self::Rejected,
        Self::Failed,
        Self::Superseded,
        Self::Cancelled,
    ];

    /// The name in SQL, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
        }
    }

    /// The states that one step can lead to. The tests hold every transition in the database against this table.
    #[must_use]
    pub const fn ways_out(self) -> &'static [Self] {
        match self {
            Self::Receiving => &[Self::Queued],
            Self::Queued => &[Self::Processing, Self::Cancelled],
            Self::Processing => {
                &[Self::Queued, Self::Succeeded, Self::Superseded, Self::Rejected, Self::Failed]
            }
            Self::Failed => &[Self::Queued],
            Self::Succeeded | Self::Rejected | Self::Superseded | Self::Cancelled => &[],
        }
    }

    /// Whether a client that waits for it has its answer. `Failed` counts: only an operator can move it on.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Receiving | Self::Queued | Self::Processing)
    }
}

impl fmt::Display for UploadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A state's name that isn't one.
#[derive(Debug, thiserror::Error)]
#[error("unknown upload state {0:?}")]
pub struct UnknownState(String);

impl FromStr for UploadState {
    type Err = UnknownState;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| UnknownState(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_final_when_only_an_operator_can_move_it_on() {
        for state in UploadState::ALL {
            let expected = state.ways_out().is_empty() || state == UploadState::Failed;
            assert_eq!(state.is_final(), expected, "{state}");
        }
    }

    #[test]
    fn every_state_is_found_by_its_name() {
        for state in UploadState::ALL {
            assert_eq!(state.as_str().parse::<UploadState>().unwrap(), state);
        }
        assert!("finished".parse::<UploadState>().is_err());
    }
}
