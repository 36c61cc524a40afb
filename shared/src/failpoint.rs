//! Where a test can make a process die: at every boundary between two steps of an upload, of a job, of a sweep.
//!
//! There is nothing of it in a release: without the feature `failpoints` the calls are empty, and with it a release
//! doesn't compile. The tests name points in the variable `FAILPOINTS`, in the syntax of the crate `fail`:
//! `job-put=1*off->return` dies the second time that a job gets there; `job-made=sleep(60000)` is stuck there.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("the feature `failpoints` is for tests, never for a release");

/// A boundary between two steps, named by the step that has just been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// The row `receiving` is there.
    UploadReserved,
    /// The staged object is put.
    UploadStaged,
    /// The upload is accepted.
    UploadAccepted,
    /// The broker has confirmed its message.
    UploadPublished,
    /// The row says that it is published; the client has no answer yet.
    UploadMarked,
    /// A message has come.
    JobReceived,
    /// The job is claimed.
    JobClaimed,
    /// The staged bytes are read.
    JobFetched,
    /// The picture is made; on the thread that made it.
    JobMade,
    /// The picture is put.
    JobPut,
    /// The user points at it.
    JobPromoted,
    /// What that has listed is deleted from the bucket, and still listed.
    JobDeleted,
    /// All is done but the acknowledgement.
    JobSettled,
    /// Rows are marked as published whose messages a sweeper is about to send.
    SweepTaken,
    /// What a listing has found so far is held, and where it is.
    ListingSaved,
}

impl Failpoint {
    /// Those of an upload, in order.
    pub const OF_AN_UPLOAD: [Self; 5] = [
        Self::UploadReserved,
        Self::UploadStaged,
        Self::UploadAccepted,
        Self::UploadPublished,
        Self::UploadMarked,
    ];

    /// Those of a job, in order.
    pub const OF_A_JOB: [Self; 8] = [
        Self::JobReceived,
        Self::JobClaimed,
        Self::JobFetched,
        Self::JobMade,
        Self::JobPut,
        Self::JobPromoted,
        Self::JobDeleted,
        Self::JobSettled,
    ];

    /// Its name in `FAILPOINTS`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UploadReserved => "upload-reserved",
            Self::UploadStaged => "upload-staged",
            Self::UploadAccepted => "upload-accepted",
            Self::UploadPublished => "upload-published",
            Self::UploadMarked => "upload-marked",
            Self::JobReceived => "job-received",
            Self::JobClaimed => "job-claimed",
            Self::JobFetched => "job-fetched",
            Self::JobMade => "job-made",
            Self::JobPut => "job-put",
            Self::JobPromoted => "job-promoted",
            Self::JobDeleted => "job-deleted",
            Self::JobSettled => "job-settled",
            Self::SweepTaken => "sweep-taken",
            Self::ListingSaved => "listing-saved",
        }
    }

    /// The process got here: it goes on, unless a test says otherwise.
    #[cfg(not(feature = "failpoints"))]
    pub const fn reached(self) {}

    /// The process got here: it goes on, unless a test says otherwise.
    #[cfg(feature = "failpoints")]
    pub fn reached(self) {
        fail_parallel::fail_point!(armed::registry(), self.as_str(), |_| armed::die());
    }
}

/// What a test has asked for.
#[cfg(feature = "failpoints")]
mod armed {
    use fail_parallel::{FailPointRegistry, FailScenario};
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::{Arc, OnceLock};

    pub(super) fn registry() -> Arc<FailPointRegistry> {
        static SCENARIO: OnceLock<(Arc<FailPointRegistry>, FailScenario)> = OnceLock::new();
        let (registry, _) = SCENARIO.get_or_init(|| {
            let registry = Arc::new(FailPointRegistry::new());
            (Arc::clone(&registry), FailScenario::setup(registry))
        });
        Arc::clone(registry)
    }

    /// As `kill -9` does: nothing is flushed, closed or told.
    pub(super) fn die() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}
