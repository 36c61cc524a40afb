//! How long to wait before trying again: longer each time, never above a limit, and not in step with others.

use std::time::Duration;

/// A wait that doubles from try to try.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
    tries: u32,
}

impl Backoff {
    /// A backoff that has not waited yet.
    #[must_use]
    pub const fn new(first: Duration, limit: Duration) -> Self {
        Self { first, limit, tries: 0 }
    }

    /// The waits before a connection that was lost is made anew: from 200 ms on, `longest` at most.
    #[must_use]
    pub const fn reconnecting(longest: Duration) -> Self {
        Self::new(Duration::from_millis(200), longest)
    }

    /// Starts over after a success.
    pub const fn reset(&mut self) {
        self.tries = 0;
    }

    /// The next wait: between half of it and all of it, so that many processes don't come at once.
    pub fn next_wait(&mut self) -> Duration {
        let wait = delay(self.first, self.limit, self.tries);
        self.tries = self.tries.saturating_add(1);
        wait
    }

    /// Waits.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next_wait()).await;
    }
}

/// The wait after this many tries, with jitter.
#[must_use]
pub fn delay(first: Duration, limit: Duration, tries: u32) -> Duration {
    let full = first.saturating_mul(1_u32.checked_shl(tries.min(16)).unwrap_or(u32::MAX)).min(limit);
    full.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_the_limit() {
        let (first, limit) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut backoff = Backoff::new(first, limit);
        for tries in 0..40 {
            let wait = backoff.next_wait();
            let full = first.saturating_mul(1 << tries.min(16)).min(limit);
            assert!(wait <= full && wait * 2 >= full, "{tries}: {wait:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
    }
}
