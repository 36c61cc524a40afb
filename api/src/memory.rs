//! The budgets of bytes that this process may hold at once: of uploads that come in, of pictures that go out.

use crate::{error::ApiError, turns::Turns};
use pfp_shared::{
    failure::{Failure, FailureCode},
    memory::{MemoryBudget, ReservedMemory},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// A budget, and how long a request may wait for its share.
#[derive(Debug, Clone)]
pub struct BodyMemory {
    budget: MemoryBudget,
    wait: Duration,
    turns: Arc<Turns>,
}

impl BodyMemory {
    /// A budget in bytes, and the longest wait for a share of it.
    #[must_use]
    pub fn new(budget: u64, wait: Duration) -> Self {
        let budget = MemoryBudget::new(budget);
        let turns = Arc::new(Turns::at(budget.total()));
        Self { budget, wait, turns }
    }

    /// Reserves this many bytes, or the whole budget if that is less: one request alone always fits. They are
    /// given back when what is returned is dropped.
    ///
    /// # Errors
    /// `overloaded` when there was no memory in time.
    pub async fn reserve(&self, bytes: u64) -> Result<ReservedMemory, ApiError> {
        let reserved = self.wait_for_more(bytes).await;
        reserved.ok_or_else(|| overloaded(self.seconds_to_wait(bytes)))
    }

    /// The same for who knows what to do without it.
    pub async fn wait_for_more(&self, bytes: u64) -> Option<ReservedMemory> {
        self.wait_for(&self.budget, bytes).await
    }

    /// Waits as long for a part of another budget.
    pub async fn wait_for(&self, budget: &MemoryBudget, bytes: u64) -> Option<ReservedMemory> {
        timeout(self.wait, budget.reserve(bytes)).await.ok()
    }

    /// When somebody who found no room for so many bytes should come back.
    #[must_use]
    pub fn seconds_to_wait(&self, bytes: u64) -> u64 {
        self.turns.seconds_to_wait(bytes, self.budget.given_back())
    }

    /// Bytes that are reserved now.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.budget.reserved()
    }

    /// The whole budget, in bytes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.budget.total()
    }

    /// Sets the gauge of this name.
    pub fn show(&self, name: &'static str) {
        metrics::gauge!(name, "kind" => "budget").set(self.budget.total() as f64);
        metrics::gauge!(name, "kind" => "reserved").set(self.budget.reserved() as f64);
    }
}

/// There was no room; there may be in so many seconds.
pub(crate) fn overloaded(seconds: u64) -> ApiError {
    ApiError::from(no_memory(seconds)).retry_after(seconds)
}

/// What the client is told of that.
pub(crate) fn no_memory(seconds: u64) -> Failure {
    let detail = format!("As many bodies as memory allows are on their way. Try again in {seconds} s.");
    Failure::new(FailureCode::Overloaded, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_finds_no_memory_in_time_is_told_to_come_back() {
        let memory = BodyMemory::new(8 * MIB, Duration::from_secs(1));
        let first = memory.reserve(5 * MIB).await.unwrap();
        let error = memory.reserve(5 * MIB).await.unwrap_err();
        assert_eq!(error.failure.code, FailureCode::Overloaded);
        assert!(memory.reserve(3 * MIB).await.is_ok());
        drop(first);
        assert!(memory.reserve(5 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_alone_always_fits() {
        assert!(BodyMemory::new(MIB, Duration::from_secs(1)).reserve(60 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_memory_that_is_given_back_in_time() {
        let memory = BodyMemory::new(6 * MIB, Duration::from_secs(1));
        let first = memory.reserve(5 * MIB).await.unwrap();
        let waiting = tokio::spawn({
            let memory = memory.clone();
            async move { memory.reserve(5 * MIB).await.is_ok() }
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
