//! An upload that is larger than one part: put part by part while it is received.

use super::{StorageError, in_time};
use bytes::Bytes;
use object_store::{MultipartUpload, UploadPart};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A multipart upload with at most one part on its way: together with the part that is being filled, an
/// upload holds two parts of memory.
#[derive(Debug)]
pub struct PartUpload {
    upload: Box<dyn MultipartUpload>,
    on_its_way: Option<JoinHandle<object_store::Result<()>>>,
    limit: Duration,
}

impl PartUpload {
    pub(super) fn new(upload: Box<dyn MultipartUpload>, limit: Duration) -> Self {
        Self { upload, on_its_way: None, limit }
    }

    /// Sends a part, after the one before has arrived. All but the last have at least 5 MiB and the same size.
    ///
    /// # Errors
    /// The part before failed or took too long.
    pub async fn put(&mut self, segments: Vec<Bytes>) -> Result<(), StorageError> {
        self.arrived().await?;
        let part: UploadPart = self.upload.put_part(segments.into_iter().collect());
        self.on_its_way = Some(tokio::spawn(part));
        Ok(())
    }

    async fn arrived(&mut self) -> Result<(), StorageError> {
        let Some(mut part) = self.on_its_way.take() else { return Ok(()) };
        let arrived = in_time(self.limit, async { (&mut part).await? }).await;
        part.abort();
        arrived
    }

    /// Makes the object out of its parts.
    ///
    /// # Errors
    /// A part or the completion failed or took too long.
    pub async fn complete(&mut self) -> Result<(), StorageError> {
        self.arrived().await?;
        in_time(self.limit, self.upload.complete()).await?;
        Ok(())
    }

    /// Takes all parts back. What a store keeps of parts after a failed abort it clears by itself within a day.
    ///
    /// # Errors
    /// The store failed or didn't answer in time.
    pub async fn abort(mut self) -> Result<(), StorageError> {
        if let Some(part) = self.on_its_way.take() {
            part.abort();
        }
        in_time(self.limit, self.upload.abort()).await
    }
}
