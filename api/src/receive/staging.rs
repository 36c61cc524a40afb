//! Where the file's bytes go while they flow.

use super::Segments;
use bytes::Bytes;
use pfp_shared::storage::{PART_SIZE, PartUpload, Storage, StorageError};

#[expect(clippy::cast_possible_truncation, reason = "5 MiB")]
const PART: usize = PART_SIZE as usize;

/// What may become of a put that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Nothing was sent to the store: no object is there.
    NotBegun,
    /// An object may be there; none comes later.
    Settled,
    /// The store hasn't said that it has the object: one that was frozen may still take it when it thaws, and it then be
    /// there though it wasn't yet when it was to be deleted.
    Unanswered,
}

/// The most bytes of one body that are held at once: a larger one is staged part by part, while the next part comes.
pub const MOST_HELD_OF_A_BODY: u64 = 2 * PART_SIZE;

/// Where the bytes go.
pub enum Destination {
    /// Into the staging prefix.
    Staged(Box<Staging>),
    /// Nowhere: a repeated request is only compared.
    Nowhere,
}

impl Destination {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// The store failed.
    pub async fn push(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        match self {
            Self::Staged(staging) => staging.push(bytes).await,
            Self::Nowhere => Ok(()),
        }
    }

    /// Makes the object out of all bytes.
    ///
    /// # Errors
    /// The store failed.
    pub async fn finish(&mut self) -> Result<(), StorageError> {
        match self {
            Self::Staged(staging) => staging.finish().await,
            Self::Nowhere => Ok(()),
        }
    }
}

/// A staged object while it is received: what fits one part is put at once from the pieces that it came in; what
/// doesn't is put part by part, one on its way while the next is filled.
pub struct Staging {
    storage: Storage,
    key: String,
    segments: Segments,
    parts: Option<PartUpload>,
    put: Put,
}

impl Staging {
    /// Will put the object of this key, of at most so many bytes.
    #[must_use]
    pub fn new(storage: Storage, key: String, most: u64) -> Self {
        Self { storage, key, segments: Segments::of(most), parts: None, put: Put::NotBegun }
    }

    /// What may become of the put.
    #[must_use]
    pub const fn put(&self) -> Put {
        self.put
    }

    async fn push(&mut self, mut bytes: Bytes) -> Result<(), StorageError> {
        // A full part waits until it is known not to be the last: the last may be short, or the only one.
        while self.segments.len() + bytes.len() > PART {
            self.segments.push(&bytes.split_to(PART - self.segments.len()));
            self.put_part().await?;
        }
        self.segments.push(&bytes);
        Ok(())
    }

    async fn put_part(&mut self) -> Result<(), StorageError> {
        self.put = Put::Settled;
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => self.parts.insert(self.storage.put_staged_in_parts(&self.key).await?),
        };
        parts.put(self.segments.take()).await
    }

    async fn finish(&mut self) -> Result<(), StorageError> {
        if self.parts.is_some() {
            self.put_part().await?;
        }
        self.put = Put::Unanswered;
        match &mut self.parts {
            None => self.storage.put_staged(&self.key, self.segments.take()).await?,
            // Kept until this has succeeded, to be taken back otherwise.
            Some(parts) => parts.complete().await?,
        }
        self.parts = None;
        self.put = Put::Settled;
        Ok(())
    }

    /// Gives up: takes back the parts that were put.
    pub async fn abort(self) {
        let Self { parts, key, segments, .. } = self;
        // Nobody accounts for them any more.
        drop(segments);
        if let Some(parts) = parts
            && let Err(error) = parts.abort().await
        {
            tracing::warn!(%error, key, "parts couldn't be taken back; the store clears them in a day");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::config::{Connections, Settings, UsedBy};

    fn storage(folder: &std::path::Path) -> Storage {
        let values = [
            ("PFP_DATABASE_URL", "postgres://127.0.0.1/db".to_owned()),
            ("PFP_AMQP_URL", "amqp://127.0.0.1".to_owned()),
            ("PFP_STORAGE_URL", format!("file://{}", folder.display())),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::from_values(values, UsedBy::Api).unwrap();
        Storage::new(&Connections::from_settings(&settings).unwrap()).unwrap()
    }

    async fn staged(size: usize, piece: usize) -> bool {
        let folder = std::env::temp_dir().join(format!("pfp-staging-{}", uuid::Uuid::new_v4()));
        let bytes: Vec<u8> = (0..249).cycle().take(size).collect();
        let mut staging = Staging::new(storage(&folder), "staging/x".to_owned(), 0);
        for piece in bytes.chunks(piece) {
            staging.push(Bytes::copy_from_slice(piece)).await.unwrap();
            assert!(staging.segments.len() <= PART);
        }
        let in_parts = staging.parts.is_some();
        staging.finish().await.unwrap();
        assert_eq!(std::fs::read(folder.join("staging/x")).unwrap(), bytes, "{size} by {piece}");
        std::fs::remove_dir_all(folder).unwrap();
        in_parts
    }

    #[tokio::test]
    async fn what_fits_a_part_is_put_at_once_and_more_part_by_part() {
        assert!(!staged(1, 1).await);
        assert!(!staged(PART, 100_000).await);
        assert!(staged(PART + 1, 100_000).await);
        assert!(staged(2 * PART, 64 << 10).await);
        assert!(staged(3 * PART + 17, PART + 5).await);
        assert!(staged(2 * PART + 5, 3 * PART).await, "one piece of several parts");
    }

    #[tokio::test]
    async fn nothing_is_begun_before_it_has_to_be() {
        let folder = std::env::temp_dir().join(format!("pfp-staging-{}", uuid::Uuid::new_v4()));
        let mut staging = Staging::new(storage(&folder), "staging/x".to_owned(), 0);
        staging.push(Bytes::from(vec![0; PART])).await.unwrap();
        assert_eq!(staging.put(), Put::NotBegun);
        staging.push(Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(staging.put(), Put::Settled);
        staging.abort().await;
        assert!(!folder.join("staging/x").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
