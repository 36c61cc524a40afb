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

/// How long threads have to be stuck before the worker ends for it: after a freeze of the whole process they come back
/// at once.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Makes pictures.
#[derive(Debug, Clone)]
pub struct Kitchen {
    options: Arc<PictureOptions>,
    threads: Arc<Semaphore>,
    memory: MemoryBudget,
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
            stuck: Arc::default(),
        }
    }

    /// Threads that are stuck in a picture: each is lost until it comes back or the process is started anew.
    #[must_use]
    pub fn stuck_threads(&self) -> usize {
        self.stuck.load(Ordering::SeqCst)
    }

    /// Resolves when a thread is stuck: what it holds of the memory others would wait for, without an end.
    pub async fn is_stuck(&self) {
        let mut looks = 0;
        while looks < 2 {
            tokio::time::sleep(LOOK_AGAIN).await;
            looks = if self.stuck_threads() > 0 { looks + 1 } else { 0 };
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
        // Set by whoever comes first: the thread when it is done, or who has waited long enough.
        let decided = Arc::new(AtomicBool::new(false));
        let (stuck, was_decided) = (Arc::clone(&self.stuck), Arc::clone(&decided));
        let mut thread = tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(work));
            if was_decided.swap(true, Ordering::SeqCst) {
                // It came back after all, as after a freeze of the whole process.
                stuck.fetch_sub(1, Ordering::SeqCst);
            }
            result
        });
        let ended = match tokio::time::timeout(self.stuck_after(), &mut thread).await {
            Ok(ended) => ended,
            Err(_) => {
                // Counted first, so that the thread never takes off what isn't there yet.
                self.stuck.fetch_add(1, Ordering::SeqCst);
                if !decided.swap(true, Ordering::SeqCst) {
                    return Err(JobError::Retry("making the picture got stuck".to_owned()));
                }
                self.stuck.fetch_sub(1, Ordering::SeqCst);
                thread.await
            }
        };
        if let Ok(Ok(result)) = ended {
            return Ok(result);
        }
        metrics::counter!("pfp_panics_total").increment(1);
        Err(JobError::Retry("making the picture panicked".to_owned()))
    }

    fn stuck_after(&self) -> Duration {
        (self.options.limits.decode_timeout * STUCK_AFTER).max(LEAST_STUCK_AFTER)
    }
}
