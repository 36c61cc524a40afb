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
    lock::lock,
    memory::{MemoryBudget, ReservedMemory},
};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
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
    running: Running,
}

/// When the threads that work on a picture began, whether anybody waits for them or not.
#[derive(Debug, Clone, Default)]
struct Running(Arc<Mutex<Vec<Instant>>>);

impl Running {
    /// Counts a thread until dropped.
    fn begin(&self) -> Counted {
        let began = Instant::now();
        lock(&self.0).push(began);
        Counted { running: self.clone(), began }
    }

    fn longer_than(&self, limit: Duration) -> usize {
        lock(&self.0).iter().filter(|began| began.elapsed() > limit).count()
    }
}

struct Counted {
    running: Running,
    began: Instant,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut running = lock(&self.running.0);
        if let Some(place) = running.iter().position(|began| *began == self.began) {
            running.swap_remove(place);
        }
    }
}

impl Kitchen {
    /// A kitchen that makes this many pictures at once, within this many bytes.
    #[must_use]
    pub fn new(options: PictureOptions, concurrency: usize, memory: MemoryBudget) -> Self {
        Self {
            options: Arc::new(options),
            threads: Arc::new(Semaphore::new(concurrency)),
            memory,
            running: Running::default(),
        }
    }

    /// Threads that are stuck in a picture: each is lost until it comes back or the process is started anew.
    #[must_use]
    pub fn stuck_threads(&self) -> usize {
        self.running.longer_than(self.stuck_after())
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

    /// Runs work on a thread of its own, where a panic ends nothing else, and gives it up when it is stuck.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<Result<T, Failure>, JobError> {
        let running = self.running.clone();
        let thread = tokio::task::spawn_blocking(move || {
            let _counted = running.begin();
            work()
        });
        match tokio::time::timeout(self.stuck_after(), thread).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => {
                metrics::counter!("pfp_panics_total").increment(1);
                Err(JobError::Retry("making the picture panicked".to_owned()))
            }
            Err(_) => Err(JobError::Retry("making the picture got stuck".to_owned())),
        }
    }

    fn stuck_after(&self) -> Duration {
        (self.options.limits.decode_timeout * STUCK_AFTER).max(LEAST_STUCK_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_stuck_thread_counts_until_it_comes_back_also_when_nobody_waits_for_it_any_more() {
        let mut options = PictureOptions::default();
        options.limits.decode_timeout = Duration::from_millis(400);
        let kitchen = Kitchen::new(options, 1, MemoryBudget::new(1 << 20));
        let (come_back, told) = mpsc::channel::<()>();
        let job = kitchen.run(move || {
            let _ = told.recv();
            Ok(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(50), job).await.is_err(), "it isn't waited for");
        assert_eq!(kitchen.stuck_threads(), 0, "it isn't stuck yet");
        wait_for(|| kitchen.stuck_threads() == 1).await;
        come_back.send(()).unwrap();
        wait_for(|| kitchen.stuck_threads() == 0).await;
    }

    #[tokio::test]
    async fn a_panic_of_ours_counts_as_an_attempt_and_not_against_the_picture() {
        let kitchen = Kitchen::new(PictureOptions::default(), 1, MemoryBudget::new(1 << 20));
        let made = kitchen.run::<()>(|| panic!("on purpose")).await;
        assert!(matches!(made, Err(JobError::Retry(_))), "{made:?}");
    }

    async fn wait_for(holds: impl Fn() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain");
    }
}
