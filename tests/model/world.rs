//! A state of the whole: the rows, the bucket, and how far every process has come.

use crate::{
    keys::{Key, Keys, UPLOADS},
    protocol::Bounds,
};
use pfp_shared::upload::UploadState;

/// Workers.
pub(crate) const WORKERS: usize = 2;

/// What an API process does for an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    NotYet,
    /// The row is there: the put may begin.
    Reserved,
    /// All bytes are put.
    Staged,
    /// Accept was sent, and its answer lost: it looks for what became of it.
    Unsure,
    /// The reservation is to be taken back, and nothing was put.
    Forgetting,
    /// The same, and a put was begun.
    ForgettingStaged,
    /// The row was gone before it could be accepted, or it can't be told whether it was: the staged key is listed unless a
    /// row needs it.
    Relisting,
    /// 202.
    Answered,
    /// Refused, given up or dead.
    Over,
}

impl Request {
    /// Whether the process lives, and renews its lease.
    pub(crate) const fn is_alive(self) -> bool {
        !matches!(self, Self::NotYet | Self::Answered | Self::Over)
    }
}

/// The row of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) state: UploadState,
    pub(crate) picture: Option<Key>,
}

/// An upload: its row, and what outlives the row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upload {
    pub(crate) request: Request,
    /// An accept whose answer was lost may still be carried out.
    pub(crate) accept_under_way: bool,
    pub(crate) row: Option<Row>,
    /// So many claims; the last one's number is its token.
    pub(crate) claims: u8,
    /// 0: it wasn't accepted.
    pub(crate) generation: u8,
    /// Its row was removed by erasing the user or by the retention.
    pub(crate) removed_rightly: bool,
}

/// The user's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) exists: bool,
    pub(crate) picture: Option<Key>,
    pub(crate) picture_generation: u8,
}

/// An upload and the claim that a worker has, or had, on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Job {
    pub(crate) upload: u8,
    pub(crate) claim: u8,
}

/// How far a worker is with its job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Worker {
    Idle,
    /// It claimed, and the answer was lost.
    Unanswered(Job),
    /// The staged bytes are read: the picture may be put.
    Working(Job),
    /// The picture is put.
    Made(Job),
    /// Only with the order turned round: the old picture is deleted.
    OldDeleted(Job),
    /// The put failed, or it isn't known what became of the promotion: the job is to be given back.
    GivingUp(Job),
    /// The claim was found gone.
    ClaimGone(Job),
}

impl Worker {
    pub(crate) const fn job(self) -> Option<Job> {
        match self {
            Self::Idle => None,
            Self::Unanswered(job)
            | Self::Working(job)
            | Self::Made(job)
            | Self::OldDeleted(job)
            | Self::GivingUp(job)
            | Self::ClaimGone(job) => Some(job),
        }
    }
}

/// What the user has done last that counts: noted beside the rows, as what they are held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    /// The highest generation that succeeded, of a deleted picture, or before an erasure.
    pub(crate) generation: u8,
    /// Whether that one succeeded, so that its picture is to be shown.
    pub(crate) shows: bool,
    /// An upload went a way that isn't in the table of states.
    pub(crate) off_table: bool,
}

/// Everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) uploads: [Upload; UPLOADS as usize],
    pub(crate) user: User,
    pub(crate) workers: [Worker; WORKERS],
    /// What is in the bucket.
    pub(crate) objects: Keys,
    /// Puts that are still on their way, from whoever gave up or died.
    pub(crate) late: Keys,
    /// `object_deletions`.
    pub(crate) listed: Keys,
    /// Of those, what was deleted since it was listed and isn't struck off yet.
    pub(crate) deleted: Keys,
    /// What the listing has seen in the bucket and asks about next.
    pub(crate) listing: Option<Key>,
    /// The last number that `picture_generations` gave.
    pub(crate) sequence: u8,
    pub(crate) history: History,
    pub(crate) faults_left: u8,
    pub(crate) wishes_left: u8,
}

impl World {
    /// Nobody has done anything.
    pub(crate) const fn new(bounds: Bounds) -> Self {
        let upload = Upload {
            request: Request::NotYet,
            accept_under_way: false,
            row: None,
            claims: 0,
            generation: 0,
            removed_rightly: false,
        };
        Self {
            uploads: [upload; UPLOADS as usize],
            user: User { exists: false, picture: None, picture_generation: 0 },
            workers: [Worker::Idle; WORKERS],
            objects: Keys::NONE,
            late: Keys::NONE,
            listed: Keys::NONE,
            deleted: Keys::NONE,
            listing: None,
            sequence: 0,
            history: History { generation: 0, shows: false, off_table: false },
            faults_left: bounds.faults,
            wishes_left: bounds.wishes,
        }
    }

    pub(crate) fn upload(&self, upload: u8) -> &Upload {
        &self.uploads[usize::from(upload)]
    }

    pub(crate) fn upload_mut(&mut self, upload: u8) -> &mut Upload {
        &mut self.uploads[usize::from(upload)]
    }

    pub(crate) fn state(&self, upload: u8) -> Option<UploadState> {
        self.upload(upload).row.map(|row| row.state)
    }

    /// Whether a row needs the staged bytes.
    pub(crate) fn needs_staged(&self, upload: u8) -> bool {
        matches!(
            self.state(upload),
            Some(
                UploadState::Receiving | UploadState::Queued | UploadState::Processing | UploadState::Failed
            )
        )
    }

    /// Whether a row names the object.
    pub(crate) fn names(&self, key: Key) -> bool {
        if key.is_staged() {
            return self.needs_staged(key.upload());
        }
        self.user.picture == Some(key)
            || self.uploads.iter().any(|upload| upload.row.is_some_and(|row| row.picture == Some(key)))
    }
}
