//! How much memory an upload holds, and when: its length at once, unless too many slow uploads have theirs already.
//!
//! An upload that drips holds its memory for minutes, and a few dozen of them would hold all that there is. So what is
//! reserved for bytes of which nobody knows how soon they come has [a share](SLOW_SHARE) of the budget, and an upload has
//! a *place* in that share as long as it has reserved more than it has [shown](GROWTH) that it can fill soon. One that
//! finds no place begins with a few kilobytes and grows as it comes. One that comes slowly needs a place, or it isn't
//! taken.
//!
//! Those that grow could wait for each other: so what they hold together has [a share](BEGUN_SHARE) too, and where that is
//! taken an upload waits in line for all the rest of its length at once. Whoever has that waits for nothing, and at least
//! half of the budget is for them, so the line always moves.

use super::{BodyFault, window::Window};
use crate::{
    error::ApiError,
    memory::{BodyMemory, overloaded},
};
use futures_util::{FutureExt, future::BoxFuture};
use pfp_shared::memory::{MemoryBudget, ReservedMemory};
use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

/// The share of the slow ones: one part in so many.
const SLOW_SHARE: u64 = 2;

/// The share of those that have begun and not all of their length.
const BEGUN_SHARE: u64 = 4;

/// What has come fast may be followed by so many times as much.
const GROWTH: u64 = 8;

/// What an upload without a place begins with, at least and at most.
const FIRST_BYTES: (u64, u64) = (8 << 10, 64 << 10);

/// After this much waiting for its bytes it is looked at whether an upload is slow.
const WATCHED_OVER: Duration = Duration::from_secs(2);

/// The memory of all uploads of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadMemory {
    all: BodyMemory,
    slow: MemoryBudget,
    begun: MemoryBudget,
    slow_rate: u64,
    first_bytes: u64,
}

impl UploadMemory {
    /// A budget, in which uploads below `slow_rate` (bytes a second; 0: none is slow) have a share. If every one of so
    /// many connections has its first bytes in memory, most of the budget is left.
    #[must_use]
    pub fn new(all: BodyMemory, slow_rate: u64, connections: usize) -> Self {
        let first_bytes = (all.total() / 8 / connections.max(1) as u64).clamp(FIRST_BYTES.0, FIRST_BYTES.1);
        let share = |parts| MemoryBudget::new(all.total() / parts);
        let (slow, begun) = (share(SLOW_SHARE), share(BEGUN_SHARE));
        Self { all, slow, begun, slow_rate, first_bytes }
    }

    /// Sets the gauge of this name.
    pub fn show(&self, name: &'static str) {
        self.all.show(name);
    }

    /// Lets a body of at most so many bytes in, before any of it is read.
    ///
    /// # Errors
    /// `overloaded` when there was no memory in time.
    pub async fn admit(&self, bytes: u64) -> Result<Admission, ApiError> {
        let bytes = bytes.min(self.all.total());
        let place = match self.slow_rate {
            0 => None,
            // Too large for the line that always moves: it has its turn among its like.
            _ if bytes > self.slow.total() => Some(self.place(bytes).await?),
            _ => self.slow.try_reserve(bytes),
        };
        let has_all = self.slow_rate == 0 || place.is_some();
        let granted = if has_all { bytes } else { bytes.min(self.first_bytes) };
        let held = vec![self.all.reserve(granted).await?];
        let (memory, window) = (self.clone(), Window::of(WATCHED_OVER));
        Ok(Admission {
            memory,
            bytes,
            granted,
            held,
            place,
            begun: None,
            growing: None,
            was_slow: false,
            window,
        })
    }

    async fn place(&self, bytes: u64) -> Result<ReservedMemory, ApiError> {
        let place = self.all.wait_for(&self.slow, bytes).await;
        place.ok_or_else(|| overloaded(self.all.seconds_to_wait(bytes)))
    }
}

/// A body that was let in, with its memory, which is given back when this is dropped.
pub struct Admission {
    memory: UploadMemory,
    bytes: u64,
    granted: u64,
    held: Vec<ReservedMemory>,
    place: Option<ReservedMemory>,
    begun: Option<ReservedMemory>,
    growing: Option<BoxFuture<'static, Option<Grown>>>,
    was_slow: bool,
    /// How fast it comes.
    pub(super) window: Window,
}

/// What an upload has got in addition.
struct Grown {
    place: Option<ReservedMemory>,
    begun: Option<ReservedMemory>,
    memory: ReservedMemory,
    granted: u64,
}

impl Admission {
    /// Looks at how an upload of which so many bytes have come has come.
    ///
    /// # Errors
    /// It is slow and there is no place for it.
    pub(super) fn look(&mut self, received: u64) -> Result<(), BodyFault> {
        let limit = self.memory.slow_rate;
        if let Some(actual) = self.window.take_rate() {
            self.was_slow = actual < limit;
            // Its first bytes it may hold for as long as they may take.
            if self.was_slow && self.place.is_none() && self.granted > self.memory.first_bytes {
                self.place = self.memory.slow.try_reserve(self.bytes);
                if self.place.is_none() {
                    let retry_after = self.memory.all.seconds_to_wait(self.bytes);
                    return Err(BodyFault::Crowded { limit, actual, retry_after });
                }
            }
        }
        if received.saturating_mul(GROWTH) >= self.bytes && !self.is_slow() {
            self.place = None;
        }
        Ok(())
    }

    fn is_slow(&self) -> bool {
        self.was_slow || self.window.rate() < self.memory.slow_rate
    }

    /// Waits until an upload of which so many bytes have come has memory for more.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>, received: u64) -> Poll<Result<(), BodyFault>> {
        while received >= self.granted && self.granted < self.bytes {
            let growing = match &mut self.growing {
                Some(growing) => growing,
                None => {
                    let growing = grow(self.memory.clone(), self.granted, self.bytes, self.is_slow()).boxed();
                    self.growing.insert(growing)
                }
            };
            let grown = ready!(growing.as_mut().poll(cx));
            self.growing = None;
            let Some(Grown { place, begun, memory, granted }) = grown else {
                let retry_after = self.memory.all.seconds_to_wait(self.bytes);
                return Poll::Ready(Err(BodyFault::NoRoom { retry_after }));
            };
            self.held.push(memory);
            (self.place, self.begun, self.granted) = (place, begun, granted);
        }
        Poll::Ready(Ok(()))
    }
}

/// The next step of an upload without a place. A slow one needs a place for all the rest.
async fn grow(memory: UploadMemory, granted: u64, bytes: u64, is_slow: bool) -> Option<Grown> {
    let place = if is_slow { Some(memory.all.wait_for(&memory.slow, bytes).await?) } else { None };
    let step = granted * GROWTH;
    let begun = if is_slow || step >= bytes { None } else { memory.begun.try_reserve(step) };
    let next = if begun.is_some() { step } else { bytes };
    Some(Grown { place, begun, memory: memory.all.wait_for_more(next - granted).await?, granted: next })
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
