//! The budget of bytes that all uploads of this process may hold at once.

use crate::error::ApiError;
use pfp_shared::{
    failure::{Failure, FailureCode},
    storage::PART_SIZE,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// What the semaphore counts in: its numbers stay small whatever the budget.
const UNIT: u64 = 1 << 10;

/// The budget. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadMemory {
    units: Arc<Semaphore>,
    budget: u32,
    wait: Duration,
}

impl UploadMemory {
    /// A budget in bytes, and how long an upload may wait for its share.
    #[must_use]
    pub fn new(budget: u64, wait: Duration) -> Self {
        let units = u32::try_from(budget / UNIT).unwrap_or(u32::MAX);
        gauge("budget").set(f64::from(units) * UNIT as f64);
        gauge("reserved").set(0.0);
        Self { units: Arc::new(Semaphore::new(units as usize)), budget: units, wait }
    }

    /// Reserves what a body of at most `largest_body` bytes makes an upload hold: all of it, or two parts of a
    /// larger one. It is given back when what is returned is dropped.
    ///
    /// # Errors
    /// `overloaded` when there was no memory in time.
    pub async fn reserve(&self, largest_body: u64) -> Result<ReservedMemory, ApiError> {
        let units = largest_body.min(2 * PART_SIZE).div_ceil(UNIT);
        // One upload alone always fits.
        let units = u32::try_from(units).unwrap_or(u32::MAX).clamp(1, self.budget.max(1));
        let waiting = Arc::clone(&self.units).acquire_many_owned(units);
        match timeout(self.wait, waiting).await {
            Ok(Ok(permit)) => Ok(ReservedMemory::new(permit)),
            _ => Err(overloaded()),
        }
    }
}

fn overloaded() -> ApiError {
    let detail = "As many uploads as memory allows are being received. Try again in a second.";
    ApiError::from(Failure::new(FailureCode::Overloaded, detail)).retry_after(1)
}

/// Memory of one upload, until dropped.
#[derive(Debug)]
pub struct ReservedMemory {
    _permit: OwnedSemaphorePermit,
    bytes: f64,
}

impl ReservedMemory {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        let bytes = permit.num_permits() as f64 * UNIT as f64;
        gauge("reserved").increment(bytes);
        Self { _permit: permit, bytes }
    }
}

impl Drop for ReservedMemory {
    fn drop(&mut self) {
        gauge("reserved").decrement(self.bytes);
    }
}

fn gauge(kind: &'static str) -> metrics::Gauge {
    metrics::gauge!("pfp_upload_memory_bytes", "kind" => kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_finds_no_memory_in_time_is_told_to_come_back() {
        let memory = UploadMemory::new(8 * MIB, Duration::from_secs(1));
        let first = memory.reserve(5 * MIB).await.unwrap();
        let error = memory.reserve(5 * MIB).await.unwrap_err();
        assert_eq!(error.failure.code, FailureCode::Overloaded);
        assert!(memory.reserve(3 * MIB).await.is_ok());
        drop(first);
        assert!(memory.reserve(5 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_upload_holds_two_parts_and_one_alone_always_fits() {
        let memory = UploadMemory::new(16 * MIB, Duration::from_secs(1));
        let large = memory.reserve(60 * MIB).await.unwrap();
        assert!(memory.reserve(6 * MIB).await.is_ok());
        assert!(memory.reserve(7 * MIB).await.is_err());
        drop(large);
        assert!(UploadMemory::new(MIB, Duration::ZERO).reserve(60 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_upload_waits_behind_a_large_one_no_longer_than_the_limit() {
        let memory = UploadMemory::new(6 * MIB, Duration::from_secs(1));
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
