//! The object store: an S3 bucket or a folder, behind the same few operations.

mod bucket;
mod deletion;
mod error;
mod folder;
mod keys;
mod lifecycle;
mod listing;
mod ownership;
mod part_upload;
mod signed;

pub use bucket::BucketProblem;
pub use error::StorageError;
use keys::object_path;
pub use keys::{PICTURES_PREFIX, PictureKey, STAGING_PREFIX, staged_key};
pub use listing::StoredObject;
pub use ownership::{Installation, OwnershipConflict};
pub use part_upload::PartUpload;

use crate::{
    config::{Connections, StorageLocation},
    tls,
};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use object_store::{
    Attribute, Attributes, BackoffConfig, Certificate, ClientOptions, GetOptions, ObjectStore,
    ObjectStoreExt, PutOptions, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
};
use std::{sync::Arc, time::Duration};

/// Bytes of one part of a multipart upload: the least that S3 takes.
pub const PART_SIZE: u64 = 5 << 20;

/// Bytes of the largest finished picture: a worker makes none that is larger. Ordinary ones have a few to some hundred
/// kilobytes.
pub const LARGEST_PICTURE: u64 = 8 << 20;

/// Where objects are put, got and deleted.
#[derive(Debug, Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    s3: Option<Arc<AmazonS3>>,
    location: StorageLocation,
    client_options: ClientOptions,
    /// The longest that one operation may take, retries included.
    limit: Duration,
}

/// Storage settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageConfigError {
    /// The certificate authorities can't be read.
    #[error(transparent)]
    Tls(#[from] tls::TlsConfigError),
    /// The store's builder refuses them.
    #[error("the storage settings can't be used: {0}")]
    Store(#[from] object_store::Error),
    /// The folder can't be made.
    #[error("the storage folder {path} can't be made: {error}")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

impl Storage {
    /// A store; nothing is asked of it yet.
    ///
    /// # Errors
    /// The settings can't be used.
    pub fn new(connections: &Connections) -> Result<Self, StorageConfigError> {
        let limit = connections.storage_timeout * 2;
        let location = connections.storage.clone();
        let (store, s3): (Arc<dyn ObjectStore>, _) = match &location {
            StorageLocation::S3 { .. } => {
                let s3 = Arc::new(s3_store(connections)?);
                (Arc::clone(&s3) as Arc<dyn ObjectStore>, Some(s3))
            }
            StorageLocation::Folder(path) => {
                std::fs::create_dir_all(path).map_err(|error| StorageConfigError::Folder {
                    path: path.display().to_string(),
                    error,
                })?;
                // A picture that was answered for must be there after a power cut.
                (Arc::new(LocalFileSystem::new_with_prefix(path)?.with_fsync(true)), None)
            }
        };
        Ok(Self { store, s3, location, client_options: client_options(connections)?, limit })
    }

    /// Puts the raw bytes of an upload, as the segments that they were received in.
    ///
    /// # Errors
    /// The store failed or didn't answer in time.
    pub async fn put_staged(&self, key: &str, segments: Vec<Bytes>) -> Result<(), StorageError> {
        self.put(key, segments.into_iter().collect(), Attributes::new()).await
    }

    /// Begins to put a large upload part by part.
    ///
    /// # Errors
    /// The store failed or didn't answer in time.
    pub async fn put_staged_in_parts(&self, key: &str) -> Result<PartUpload, StorageError> {
        let path = object_path(key);
        let upload = in_time(self.limit, self.store.put_multipart(&path)).await?;
        Ok(PartUpload::new(upload, self.limit))
    }

    /// Puts a finished picture, with what a browser or a CDN that reads it from the bucket wants to know.
    ///
    /// # Errors
    /// The store failed or didn't answer in time.
    pub async fn put_picture(&self, key: &PictureKey, bytes: Vec<u8>) -> Result<(), StorageError> {
        let attributes = Attributes::from_iter([
            (Attribute::ContentType, key.format().media_type()),
            (Attribute::CacheControl, "public, max-age=31536000, immutable"),
            (Attribute::ContentDisposition, "inline"),
        ]);
        self.put(key.as_str(), bytes.into(), attributes).await
    }

    async fn put(&self, key: &str, payload: PutPayload, attributes: Attributes) -> Result<(), StorageError> {
        // A folder has no attributes: there the content type follows from the key's extension.
        let attributes = if self.s3.is_some() { attributes } else { Attributes::new() };
        let options = PutOptions { attributes, ..PutOptions::default() };
        in_time(self.limit, self.store.put_opts(&object_path(key), payload, options)).await?;
        Ok(())
    }

    /// Reads a whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// There is none, it is larger, or the store failed or didn't answer in time.
    pub async fn get(&self, key: &str, limit: u64) -> Result<Bytes, StorageError> {
        let object = in_time(self.limit, self.store.get(&object_path(key))).await?;
        let actual = object.meta.size;
        if actual > limit {
            return Err(StorageError::TooLarge { actual, limit });
        }
        in_time(self.limit, object.bytes()).await
    }

    /// The size of an object in bytes.
    ///
    /// # Errors
    /// There is none, or the store failed or didn't answer in time.
    pub async fn size_of(&self, key: &str) -> Result<u64, StorageError> {
        Ok(in_time(self.limit, self.store.head(&object_path(key))).await?.size)
    }

    /// Reads a piece of an object: so many bytes from a place on, or what there is of them. Returns the size of the
    /// whole object with it.
    ///
    /// # Errors
    /// There is no such object or nothing of it at this place, or the store failed or didn't answer in time.
    pub async fn read_piece(&self, key: &str, from: u64, bytes: u64) -> Result<(Bytes, u64), StorageError> {
        let options = GetOptions { range: Some((from..from + bytes).into()), ..GetOptions::default() };
        let path = object_path(key);
        let work = async {
            let piece = self.store.get_opts(&path, options).await?;
            let size = piece.meta.size;
            Ok((piece.bytes().await?, size))
        };
        in_time(self.limit, work).await
    }

    /// The keys of all objects under a prefix that come after `after`, in the store's order.
    pub fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Stream<Item = Result<String, StorageError>> + Send + use<> {
        let prefix = Path::from(prefix);
        let objects = match after {
            Some(key) => self.store.list_with_offset(Some(&prefix), &object_path(key)),
            None => self.store.list(Some(&prefix)),
        };
        objects.map_ok(|object| object.location.to_string()).map_err(StorageError::from)
    }

    /// Whether a listing comes in the order of the keys, so that it can go on after one of them.
    #[must_use]
    pub const fn lists_in_order(&self) -> bool {
        self.s3.is_some()
    }

    /// Where the objects are, for a person; never with a key in it.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.location {
            StorageLocation::S3 { bucket, endpoint, .. } => {
                format!("bucket {bucket} at {}", endpoint.as_deref().unwrap_or("AWS"))
            }
            StorageLocation::Folder(path) => format!("folder {}", path.display()),
        }
    }
}

/// Waits for the store no longer than the limit.
async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = object_store::Result<T>>,
) -> Result<T, StorageError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StorageError::Unavailable(format!("no answer within {} ms", limit.as_millis()))),
    }
}

fn s3_store(connections: &Connections) -> Result<AmazonS3, StorageConfigError> {
    let StorageLocation::S3 { bucket, endpoint, region, access_key, secret_key, .. } = &connections.storage
    else {
        unreachable!("called for S3 only")
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        // We hash every upload ourselves, and TLS or a trusted network protects it on its way.
        .with_unsigned_payload(true)
        .with_client_options(client_options(connections)?)
        .with_retry(RetryConfig {
            // The library's own defaults hide a store that hangs for three minutes.
            max_retries: connections.storage_retries,
            retry_timeout: connections.storage_timeout,
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(1),
                base: 2.0,
            },
        });
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let (Some(access_key), Some(secret_key)) = (access_key, secret_key) {
        builder = builder.with_access_key_id(access_key.expose()).with_secret_access_key(secret_key.expose());
    }
    Ok(builder.build()?)
}

fn client_options(connections: &Connections) -> Result<ClientOptions, StorageConfigError> {
    let mut options = ClientOptions::new()
        .with_connect_timeout((connections.storage_timeout / 4).max(Duration::from_millis(250)))
        .with_timeout(connections.storage_timeout)
        .with_http1_only()
        .with_pool_max_idle_per_host(64);
    if let Some(pem) = tls::ca_pem(connections)? {
        for certificate in Certificate::from_pem_bundle(&pem)? {
            options = options.with_root_certificate(certificate);
        }
    }
    let allows_http = matches!(&connections.storage,
        StorageLocation::S3 { endpoint: Some(endpoint), .. } if endpoint.starts_with("http://"));
    Ok(options.with_allow_http(allows_http))
}
