//! Where pictures are made: off the asynchronous threads, a bounded number at once, within the memory budget,
//! with panics caught.

use crate::{
    job_error::{JobError, OrReject},
    picture::{Picture, PictureOptions, inspect, make_picture},
};
use bytes::Bytes;
use pfp_shared::{
    crop::Crop,
    failpoint::Failpoint,
    failure::Failure,
    memory::{MemoryBudget, ReservedMemory},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// The wall time after which a thread counts as stuck, in multiples of the processor time that a picture may
/// take: on a busy machine a thread waits for its turn.
const STUCK_AFTER: u32 = 6;

/// No thread counts as stuck before, however little time a picture may take: a thread that only waits for its turn
/// would.
const LEAST_STUCK_AFTER: Duration = Duration::from_secs(1);

/// How long every thread has to be stuck before the worker is of no use any more: after a freeze of the whole process
/// they come back at once.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Makes pictures.
#[derive(Debug, Clone)]
pub struct Kitchen {
    options: Arc<PictureOptions>,
    threads: Arc<Semaphore>,
    memory: MemoryBudget,
    concurrency: usize,
    stuck: Arc<AtomicUsize>,
}

impl Kitchen {
    /// A kitchen that makes this many pictures at once, within this many bytes.
    #[must_use]
    pub fn new(options: PictureOptions, concurrency: usize, memory: MemoryBudget) -> Self {
        Self {
            options: Arc::new(options),
            threads: Arc::new(Semaphore::new(concurrency)),
            memory,
            concurrency,
            stuck: Arc::default(),
        }
    }

    /// Threads that are stuck in a picture: each is lost until it comes back or the process is started anew.
    #[must_use]
    pub fn stuck_threads(&self) -> usize {
        self.stuck.load(Ordering::SeqCst)
    }

    /// Resolves when every thread is stuck: no picture will ever be made here again.
    pub async fn is_stuck(&self) {
        let mut looks = 0;
        while looks < 2 {
            tokio::time::sleep(LOOK_AGAIN).await;
            looks = if self.stuck_threads() >= self.concurrency { looks + 1 } else { 0 };
        }
    }

    /// Makes a picture of a file, whose memory is held for as long as a thread works on it.
    ///
    /// # Errors
    /// The image is at fault; or making it panicked or got stuck, which counts as an attempt.
    pub async fn make(
        &self,
        file: Bytes,
        file_memory: ReservedMemory,
        crop: Option<Crop>,
    ) -> Result<Picture, JobError> {
        let Ok(thread) = Arc::clone(&self.threads).acquire_owned().await else {
            return Err(JobError::Stopping);
        };
        // What is held goes along with the work: it lives as long as the thread works, also when nobody waits for it any
        // more.
        let held = (thread, file_memory);
        let (options, header) = (Arc::clone(&self.options), file.clone());
        let looked_at =
            self.run(move || inspect(&header, &options).map(|inspected| (inspected, held))).await?;
        let (inspected, held) = looked_at.or_reject()?;
        let reserved = self.memory.reserve(inspected.memory).await;
        let options = Arc::clone(&self.options);
        let work = move || {
            let _held = (held, reserved);
            let made = make_picture(&file, &inspected, crop, &options);
            Failpoint::JobMade.reached();
            made
        };
        self.run(work).await?.or_reject()
    }

    /// Runs work on a thread of its own, catches its panic, and gives it up when it is stuck.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<Result<T, Failure>, JobError> {
        let given_up = Arc::new(AtomicBool::new(false));
        let (stuck, was_given_up) = (Arc::clone(&self.stuck), Arc::clone(&given_up));
        let thread = tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            if was_given_up.load(Ordering::SeqCst) {
                // It came back after all, as after a freeze of the whole process.
                stuck.fetch_sub(1, Ordering::SeqCst);
            }
            result
        });
        match tokio::time::timeout(self.stuck_after(), thread).await {
            Ok(Ok(Ok(result))) => Ok(result),
            Ok(Ok(Err(_))) | Ok(Err(_)) => {
                metrics::counter!("pfp_panics_total").increment(1);
                Err(JobError::Retry("making the picture panicked".to_owned()))
            }
            Err(_) => {
                self.stuck.fetch_add(1, Ordering::SeqCst);
                given_up.store(true, Ordering::SeqCst);
                Err(JobError::Retry("making the picture got stuck".to_owned()))
            }
        }
    }

    fn stuck_after(&self) -> Duration {
        (self.options.limits.decode_timeout * STUCK_AFTER).max(LEAST_STUCK_AFTER)
    }
}
