//! The bucket's own rule for staged bytes, set once after the start.

use crate::worker::Worker;
use pfp_shared::{backoff::Backoff, dependencies::Dependency, storage::StorageError};
use std::{sync::Arc, time::Duration};

/// Sets it as soon as the store lets us. Where it doesn't, whoever runs the store can set it; everything works without.
pub async fn keep(worker: Arc<Worker>) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    loop {
        tokio::select! {
            () = worker.services.dependencies.wait_for(&[Dependency::Storage]) => {}
            () = worker.stop.cancelled() => return,
        }
        match worker.services.storage.keep_staging_rule(worker.config.retention).await {
            Ok(true) => {
                return tracing::info!("the bucket deletes staged bytes that everything else has missed");
            }
            Ok(false) => return,
            Err(StorageError::Unavailable(_)) => {}
            Err(error) => {
                return tracing::warn!(%error, "the bucket has no rule of ours for staged bytes: set one, or allow it");
            }
        }
        tokio::select! {
            () = backoff.wait() => {}
            () = worker.stop.cancelled() => return,
        }
    }
}
