//! Memory as a budget: bytes are reserved before they are allocated.

use crate::lock::lock;
use std::sync::{Arc, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The grain of the budget: a semaphore's permits are counted by 32 bits.
const GRAIN: u64 = 1 << 10;

/// A budget of bytes.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    permits: Arc<Semaphore>,
    total: u64,
    books: Arc<Mutex<Books>>,
}

/// What is reserved now, and what was ever given back, in bytes.
#[derive(Debug, Default)]
struct Books {
    reserved: u64,
    given_back: u64,
}

/// Reserved bytes, given back when dropped.
#[derive(Debug)]
pub struct ReservedMemory {
    permit: OwnedSemaphorePermit,
    bytes: u64,
    books: Arc<Mutex<Books>>,
}

impl MemoryBudget {
    /// A budget of this many bytes.
    #[must_use]
    pub fn new(total: u64) -> Self {
        let grains = u32::try_from(total / GRAIN).unwrap_or(u32::MAX).max(1);
        Self {
            permits: Arc::new(Semaphore::new(grains as usize)),
            total: u64::from(grains) * GRAIN,
            books: Arc::default(),
        }
    }

    /// The whole budget, in bytes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        lock(&self.books).reserved
    }

    /// Bytes that were given back since the start: how this grows is how fast room is made.
    #[must_use]
    pub fn given_back(&self) -> u64 {
        lock(&self.books).given_back
    }

    /// Waits for this many bytes, in the order of asking. More than the whole budget counts as the whole.
    pub async fn reserve(&self, bytes: u64) -> ReservedMemory {
        let (bytes, grains) = self.grains(bytes);
        // The semaphore lives as long as the budget and is never closed: the loop runs once.
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.permits).acquire_many_owned(grains).await {
                break permit;
            }
        };
        self.note(permit, bytes)
    }

    /// This many bytes, or the whole budget if that is less, if they are there and nobody waits for them.
    #[must_use]
    pub fn try_reserve(&self, bytes: u64) -> Option<ReservedMemory> {
        let (bytes, grains) = self.grains(bytes);
        let permit = Arc::clone(&self.permits).try_acquire_many_owned(grains).ok()?;
        Some(self.note(permit, bytes))
    }

    fn grains(&self, bytes: u64) -> (u64, u32) {
        let bytes = bytes.clamp(GRAIN, self.total).next_multiple_of(GRAIN);
        (bytes, u32::try_from(bytes / GRAIN).unwrap_or(u32::MAX))
    }

    fn note(&self, permit: OwnedSemaphorePermit, bytes: u64) -> ReservedMemory {
        lock(&self.books).reserved += bytes;
        ReservedMemory { permit, bytes, books: Arc::clone(&self.books) }
    }
}

impl ReservedMemory {
    /// Gives back what is more than this many bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let kept = bytes.max(1).next_multiple_of(GRAIN).min(self.bytes);
        let given_back = usize::try_from((self.bytes - kept) / GRAIN).unwrap_or_default();
        drop(self.permit.split(given_back));
        self.give_back(self.bytes - kept);
        self.bytes = kept;
    }

    fn give_back(&self, bytes: u64) {
        let mut books = lock(&self.books);
        books.reserved -= bytes;
        books.given_back += bytes;
    }
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn what_does_not_fit_waits_until_something_is_given_back() {
        let budget = MemoryBudget::new(10 << 20);
        let first = budget.reserve(8 << 20).await;
        assert_eq!(budget.reserved(), 8 << 20);
        assert!(budget.reserve(4 << 20).now_or_never().is_none());
        drop(first);
        let second = budget.reserve(4 << 20).now_or_never();
        assert!(second.is_some());
        assert_eq!(budget.reserved(), 4 << 20);
    }

    #[tokio::test]
    async fn what_turns_out_to_be_too_much_is_given_back() {
        let budget = MemoryBudget::new(10 << 10);
        let mut first = budget.reserve(8 << 10).await;
        first.shrink_to(1500);
        assert_eq!(budget.reserved(), 2 << 10);
        let second = budget.reserve(8 << 10).now_or_never();
        assert!(second.is_some());
        first.shrink_to(1 << 20);
        drop((first, second));
        assert_eq!((budget.reserved(), budget.given_back()), (0, 16 << 10));
    }

    #[tokio::test]
    async fn who_does_not_want_to_wait_takes_what_is_there_and_not_what_others_wait_for() {
        let budget = MemoryBudget::new(10 << 10);
        let first = budget.try_reserve(8 << 10).unwrap();
        assert!(budget.try_reserve(4 << 10).is_none());
        let mut waiting = Box::pin(budget.reserve(4 << 10));
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(budget.try_reserve(1 << 10).is_none(), "others were first");
        drop(first);
        assert!(waiting.now_or_never().is_some());
    }

    #[tokio::test]
    async fn more_than_the_whole_budget_is_the_whole_budget() {
        let budget = MemoryBudget::new(1 << 20);
        let all = budget.reserve(1 << 30).await;
        assert_eq!(budget.reserved(), budget.total());
        drop(all);
        assert_eq!(budget.reserved(), 0);
    }
}
