//! How fast bytes come, over a time that was spent waiting for them.

use std::time::Duration;
use tokio::time::Instant;

/// What came, and for how long it was waited for, since the rate was last looked at.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    bytes: u64,
    waited: Duration,
    /// What of the present silence isn't in `waited` yet.
    counted_until: Instant,
}

impl Window {
    /// A window of this length.
    pub(super) fn of(length: Duration) -> Self {
        Self { length, bytes: 0, waited: Duration::ZERO, counted_until: Instant::now() }
    }

    /// When it is over if nothing more comes.
    pub(super) fn end(&self) -> Instant {
        self.counted_until + self.length.saturating_sub(self.waited)
    }

    /// Waiting begins.
    pub(super) const fn wait_from(&mut self, now: Instant) {
        self.counted_until = now;
    }

    /// It was waited until then.
    pub(super) fn waited(&mut self, until: Instant) {
        self.waited += until.saturating_duration_since(self.counted_until);
        self.counted_until = until;
    }

    /// So many bytes came.
    pub(super) const fn came(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Bytes for each second that was waited.
    pub(super) fn rate(&self) -> u64 {
        let rate = (u128::from(self.bytes) * 1000).checked_div(self.waited.as_millis());
        rate.map_or(u64::MAX, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// The rate once a window's worth of waiting is over; a new window begins.
    pub(super) fn take_rate(&mut self) -> Option<u64> {
        if self.waited < self.length {
            return None;
        }
        let rate = self.rate();
        (self.bytes, self.waited) = (0, Duration::ZERO);
        Some(rate)
    }
}
