//! Memory as a budget: bytes are reserved before they are allocated.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The grain of the budget: a semaphore's permits are counted by 32 bits.
const GRAIN: u64 = 1 << 10;

/// A budget of bytes.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    permits: Arc<Semaphore>,
    total: u64,
    reserved: Arc<Mutex<u64>>,
}

/// Reserved bytes, given back when dropped.
#[derive(Debug)]
pub struct ReservedMemory {
    permit: OwnedSemaphorePermit,
    bytes: u64,
    reserved: Arc<Mutex<u64>>,
}

impl MemoryBudget {
    /// A budget of this many bytes.
    #[must_use]
    pub fn new(total: u64) -> Self {
        let grains = u32::try_from(total / GRAIN).unwrap_or(u32::MAX).max(1);
        Self {
            permits: Arc::new(Semaphore::new(grains as usize)),
            total: u64::from(grains) * GRAIN,
            reserved: Arc::default(),
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
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for this many bytes, in the order of asking. More than the whole budget counts as the whole.
    pub async fn reserve(&self, bytes: u64) -> ReservedMemory {
        let bytes = bytes.clamp(GRAIN, self.total).next_multiple_of(GRAIN);
        let grains = u32::try_from(bytes / GRAIN).unwrap_or(u32::MAX);
        // The semaphore lives as long as the budget and is never closed: the loop runs once.
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.permits).acquire_many_owned(grains).await {
                break permit;
            }
        };
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
        ReservedMemory { permit, bytes, reserved: Arc::clone(&self.reserved) }
    }
}

impl ReservedMemory {
    /// Gives back what is more than this many bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let kept = bytes.max(1).next_multiple_of(GRAIN).min(self.bytes);
        let given_back = usize::try_from((self.bytes - kept) / GRAIN).unwrap_or_default();
        drop(self.permit.split(given_back));
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes - kept;
        self.bytes = kept;
    }
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        *self.reserved.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
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
        assert_eq!(budget.reserved(), 0);
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
