//! The bucket in the order of its keys, to be laid beside rows in the same order.

use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Peekable};
use pfp_shared::storage::{Storage, StorageError, StoredObject};
use std::pin::Pin;

/// The objects of a prefix that are still to be compared.
pub(super) struct Objects(Peekable<BoxStream<'static, Result<StoredObject, StorageError>>>);

impl Objects {
    /// From the beginning.
    pub(super) async fn of(storage: &Storage, prefix: &str) -> Result<Self, StorageError> {
        Ok(Self(storage.objects(prefix).await?.peekable()))
    }

    /// The next ones up to a key, the last of a page of rows (`None`: there are no more rows), at most `most` of them:
    /// asked until there are none, it keeps memory flat however many lie between two rows.
    pub(super) async fn up_to(
        &mut self,
        last: Option<&str>,
        most: usize,
    ) -> Result<Vec<StoredObject>, StorageError> {
        let mut objects = Vec::new();
        while objects.len() < most {
            let is_next = |object: &Result<StoredObject, StorageError>| match (object, last) {
                (Ok(object), Some(last)) => object.key.as_str() <= last,
                _ => true,
            };
            match Pin::new(&mut self.0).next_if(is_next).await {
                Some(object) => objects.push(object?),
                None => break,
            }
        }
        Ok(objects)
    }
}
