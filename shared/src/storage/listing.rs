//! What is in the bucket, for whoever compares it with the rows.

use super::{PICTURES_PREFIX, STAGING_PREFIX, Storage, StorageError, in_time, keys::MARKER_KEY};
use futures_util::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{ObjectMeta, path::Path};
use std::time::{Duration, SystemTime};

/// An object, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was put, by the store's clock.
    pub put_at: SystemTime,
}

impl From<ObjectMeta> for StoredObject {
    fn from(object: ObjectMeta) -> Self {
        let seconds = u64::try_from(object.last_modified.timestamp()).unwrap_or_default();
        Self {
            key: object.location.to_string(),
            size: object.size,
            put_at: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        }
    }
}

impl Storage {
    /// All objects under a prefix in the order of their keys. A bucket's come as they are listed; those of a folder,
    /// which knows no order, are read first.
    pub async fn objects(
        &self,
        prefix: &str,
    ) -> Result<BoxStream<'static, Result<StoredObject, StorageError>>, StorageError> {
        let listed = self.store.list(Some(&Path::from(prefix)));
        let listed = listed.map_ok(StoredObject::from).map_err(StorageError::from);
        if self.lists_in_order() {
            return Ok(listed.boxed());
        }
        let mut objects: Vec<_> = listed.try_collect().await?;
        objects.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(stream::iter(objects).map(Ok).boxed())
    }

    /// What lies beside our own prefixes: the first part of each key, ending in a slash where there is more of it.
    ///
    /// # Errors
    /// The store failed or didn't answer in time.
    pub async fn elsewhere(&self) -> Result<Vec<String>, StorageError> {
        let top = in_time(self.limit, self.store.list_with_delimiter(None)).await?;
        let ours = MARKER_KEY.split('/').next().unwrap_or_default();
        let folders = top.common_prefixes.iter().map(ToString::to_string);
        let folders =
            folders.filter(|folder| ![PICTURES_PREFIX, STAGING_PREFIX, ours].contains(&folder.as_str()));
        let objects = top.objects.iter().map(|object| object.location.to_string());
        Ok(folders.map(|folder| format!("{folder}/")).chain(objects).collect())
    }
}
