//! Database and bucket know each other: a process that is pointed at another bucket refuses to start, before
//! a sweep takes somebody else's pictures for garbage.

use super::{
    Storage, StorageError, in_time,
    keys::{MARKER_KEY, object_path},
};
use object_store::{PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the bucket's marker object says, and what the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The database that the bucket belongs to.
    pub database_id: Uuid,
    /// The bucket that the database belongs to.
    pub bucket_id: Uuid,
}

/// Database and bucket don't belong together.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipConflict {
    /// The bucket has a marker of another database.
    #[error(
        "{place} belongs to another database ({found}, ours is {ours}): check PFP_STORAGE_URL and PFP_DATABASE_URL"
    )]
    OtherDatabase {
        /// Which bucket, where.
        place: String,
        /// The database that it belongs to.
        found: Uuid,
        /// The database that we use.
        ours: Uuid,
    },
    /// The database belongs to another bucket.
    #[error(
        "the database belongs to another bucket than {place}: check PFP_STORAGE_URL and PFP_DATABASE_URL"
    )]
    OtherBucket {
        /// Which bucket, where.
        place: String,
    },
}

impl Storage {
    /// Makes sure that the bucket belongs to a database, marking a bucket that has no marker yet when the
    /// database has no bucket yet. Returns the bucket's id, for the database to keep.
    ///
    /// # Errors
    /// The store failed. The inner result says that they don't belong together.
    pub async fn claim_bucket(
        &self,
        database_id: Uuid,
        bucket_id: Option<Uuid>,
    ) -> Result<Result<Uuid, OwnershipConflict>, StorageError> {
        let found = match (self.marker().await?, bucket_id) {
            (Some(marker), _) => marker,
            (None, Some(_)) => return Ok(Err(OwnershipConflict::OtherBucket { place: self.describe() })),
            (None, None) => self.mark(Installation { database_id, bucket_id: Uuid::new_v4() }).await?,
        };
        let place = self.describe();
        Ok(if found.database_id != database_id {
            Err(OwnershipConflict::OtherDatabase { place, found: found.database_id, ours: database_id })
        } else if bucket_id.is_some_and(|ours| ours != found.bucket_id) {
            Err(OwnershipConflict::OtherBucket { place })
        } else {
            Ok(found.bucket_id)
        })
    }

    /// Whether the store answers, and with the bucket that we began with.
    ///
    /// # Errors
    /// The store failed, or it is another bucket now.
    pub async fn check_read(&self, ours: Installation) -> Result<(), StorageError> {
        match self.marker().await? {
            Some(found) if found == ours => Ok(()),
            Some(_) => {
                Err(StorageError::Unavailable("another bucket answers under our bucket's name".to_owned()))
            }
            None => Err(StorageError::NotFound(MARKER_KEY.to_owned())),
        }
    }

    async fn marker(&self) -> Result<Option<Installation>, StorageError> {
        match self.get(MARKER_KEY, 4096).await {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| StorageError::Other(format!("{MARKER_KEY} can't be read: {error}"))),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the marker unless another process was first; returns what holds.
    async fn mark(&self, installation: Installation) -> Result<Installation, StorageError> {
        let json =
            serde_json::to_vec(&installation).map_err(|error| StorageError::Other(error.to_string()))?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let path = object_path(MARKER_KEY);
        in_time(self.limit, async {
            match self.store.put_opts(&path, json.into(), options).await {
                Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await?;
        self.marker().await?.ok_or_else(|| StorageError::NotFound(MARKER_KEY.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStore;
    use std::{sync::Arc, time::Duration};

    fn storage() -> Storage {
        let store: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
        Storage {
            store,
            s3: None,
            location: crate::config::StorageLocation::Folder("/nowhere".into()),
            client_options: object_store::ClientOptions::new(),
            limit: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn a_fresh_bucket_is_claimed_once_and_recognised_afterwards() {
        let (storage, database) = (storage(), Uuid::new_v4());
        let bucket = storage.claim_bucket(database, None).await.unwrap().unwrap();
        assert_eq!(storage.claim_bucket(database, None).await.unwrap().unwrap(), bucket);
        assert_eq!(storage.claim_bucket(database, Some(bucket)).await.unwrap().unwrap(), bucket);
    }

    #[tokio::test]
    async fn the_bucket_of_another_database_is_refused() {
        let (storage, ours) = (storage(), Uuid::new_v4());
        storage.claim_bucket(Uuid::new_v4(), None).await.unwrap().unwrap();
        let conflict = storage.claim_bucket(ours, None).await.unwrap().unwrap_err();
        assert!(matches!(conflict, OwnershipConflict::OtherDatabase { .. }), "{conflict}");
    }

    #[tokio::test]
    async fn an_empty_bucket_is_refused_once_the_database_has_another() {
        let conflict =
            storage().claim_bucket(Uuid::new_v4(), Some(Uuid::new_v4())).await.unwrap().unwrap_err();
        assert!(matches!(conflict, OwnershipConflict::OtherBucket { .. }), "{conflict}");
    }
}
