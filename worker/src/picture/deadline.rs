//! A limit on the processor time of one picture.
//!
//! Processor time of the thread, not time on the wall: a picture isn't at fault when the machine is busy.

use super::refusal;
use pfp_shared::failure::Failure;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Processor time that this thread has used since it started.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Started with a picture, asked in every loop that a picture can make long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    start: Duration,
    limit: Duration,
}

impl Deadline {
    pub(super) fn start(limit: Duration) -> Self {
        Self { start: thread_cpu_time(), limit }
    }

    /// `picture_too_complex` once the time is used up; a system call, so it belongs into loops over rows, not
    /// over pixels.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let spent = thread_cpu_time().saturating_sub(self.start);
        if spent > self.limit { Err(refusal::too_much_time(spent, self.limit)) } else { Ok(()) }
    }
}
