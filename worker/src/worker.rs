//! What the parts of a worker share.

use crate::{config::WorkerConfig, kitchen::Kitchen};
use pfp_shared::{memory::MemoryBudget, services::Services};
use std::sync::Mutex;
use time::OffsetDateTime;
use tokio::sync::RwLock;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A worker.
pub struct Worker {
    /// How it works.
    pub config: WorkerConfig,
    /// What it works with.
    pub services: Services,
    /// Where pictures are made.
    pub kitchen: Kitchen,
    /// For staged files.
    pub file_memory: MemoryBudget,
    /// For decoded pictures.
    pub picture_memory: MemoryBudget,
    /// Jobs hold it for reading; one that has to run alone, for writing.
    pub together: RwLock<()>,
    /// When the jobs queue was seen to be empty, by the database's clock, until what must be lost by that is sent again.
    pub queue_was_empty: Mutex<Option<OffsetDateTime>>,
    /// Jobs that run.
    pub jobs: TaskTracker,
    /// No new work.
    pub stop: CancellationToken,
    /// Jobs that still run are released.
    pub must_release: CancellationToken,
    /// Whatever isn't done is left to the leases.
    pub must_end: CancellationToken,
}

/// Counts a job as in progress until dropped.
#[derive(Debug)]
pub struct InProgress(());

impl Worker {
    /// A worker that has not begun.
    #[must_use]
    pub fn new(config: WorkerConfig, services: Services, stop: CancellationToken) -> Self {
        let picture_memory = MemoryBudget::new(config.picture_memory);
        Self {
            kitchen: Kitchen::new(config.picture.clone(), config.concurrency, picture_memory.clone()),
            file_memory: MemoryBudget::new(config.file_memory),
            picture_memory,
            together: RwLock::new(()),
            queue_was_empty: Mutex::default(),
            jobs: TaskTracker::new(),
            stop,
            must_release: CancellationToken::new(),
            must_end: CancellationToken::new(),
            config,
            services,
        }
    }

    /// Counts a job as in progress.
    #[must_use]
    pub fn count_in_progress(&self) -> InProgress {
        metrics::gauge!("pfp_jobs_in_progress").increment(1.0);
        InProgress(())
    }

    /// Sets the gauges of memory.
    pub fn show_memory(&self) {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        let set =
            |kind, bytes: u64| metrics::gauge!("pfp_worker_memory_bytes", "kind" => kind).set(bytes as f64);
        set("budget", self.file_memory.total() + self.picture_memory.total());
        set("reserved", self.file_memory.reserved() + self.picture_memory.reserved());
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        metrics::gauge!("pfp_jobs_in_progress").decrement(1.0);
    }
}
