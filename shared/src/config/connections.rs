//! What both processes connect to, and how long they wait for it.

use super::{ConfigError, Secret, Settings};
use crate::picture_format::PictureFormat;
use std::{path::PathBuf, time::Duration};
use url::Url;

/// Where the objects are.
#[derive(Debug, Clone)]
pub enum StorageLocation {
    /// A bucket of an S3 server.
    S3 {
        /// The bucket's name.
        bucket: String,
        /// The server; none is AWS's own.
        endpoint: Option<String>,
        /// The region.
        region: String,
        /// The access key.
        access_key: Option<Secret>,
        /// The secret key.
        secret_key: Option<Secret>,
        /// Create the bucket if it isn't there.
        create_bucket: bool,
    },
    /// A folder of this machine.
    Folder(PathBuf),
}

/// The settings that both processes share.
#[derive(Debug, Clone)]
pub struct Connections {
    /// The database's URL.
    pub database_url: Secret,
    /// The most database connections.
    pub database_connections: usize,
    /// The most of them for one user at once.
    pub database_connections_per_user: usize,
    /// The longest wait for one of them while all are in use.
    pub database_wait: Duration,
    /// The longest wait for the database: for a connection, and for a statement.
    pub database_timeout: Duration,
    /// The broker's URL.
    pub amqp_url: Secret,
    /// Starts the names of exchanges and queues.
    pub queue_prefix: String,
    /// The longest wait for the broker's answer.
    pub broker_timeout: Duration,
    /// The longest wait for a confirmed publish.
    pub publish_timeout: Duration,
    /// Where the objects are.
    pub storage: StorageLocation,
    /// The longest wait for one storage request.
    pub storage_timeout: Duration,
    /// How often a storage request that fails is made again.
    pub storage_retries: usize,
    /// The longest wait before what was disconnected is connected to again.
    pub reconnect_wait: Duration,
    /// How often what works is checked.
    pub check_interval: Duration,
    /// How often what is out is checked.
    pub check_interval_down: Duration,
    /// A database that isn't seen to work for longer counts as having been out meanwhile. No setting: a worker's follows
    /// from its lease.
    pub longest_silence: Duration,
    /// More certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// The picture types that are taken.
    pub allowed_types: Vec<PictureFormat>,
    /// The largest file that is taken, in bytes.
    pub max_file_size: u64,
    /// How long running work may take to end after SIGTERM.
    pub shutdown_grace: Duration,
}

impl Connections {
    /// Reads them.
    ///
    /// # Errors
    /// One that is required isn't set, or the storage's URL names no bucket or folder.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            database_url: Secret::new(settings.required("PFP_DATABASE_URL")?),
            database_connections: settings.count("PFP_DATABASE_CONNECTIONS"),
            database_connections_per_user: settings.count("PFP_DATABASE_CONNECTIONS_PER_USER"),
            database_wait: settings.duration("PFP_DATABASE_WAIT"),
            database_timeout: settings.duration("PFP_DATABASE_TIMEOUT"),
            amqp_url: Secret::new(settings.required("PFP_AMQP_URL")?),
            queue_prefix: settings.required("PFP_QUEUE_PREFIX")?.to_owned(),
            broker_timeout: settings.duration("PFP_BROKER_TIMEOUT"),
            publish_timeout: settings.duration("PFP_PUBLISH_TIMEOUT"),
            storage: storage_location(settings)?,
            storage_timeout: settings.duration("PFP_STORAGE_TIMEOUT"),
            storage_retries: settings.count("PFP_STORAGE_RETRIES"),
            reconnect_wait: settings.duration("PFP_RECONNECT_WAIT"),
            check_interval: settings.duration("PFP_CHECK_INTERVAL"),
            check_interval_down: settings.duration("PFP_CHECK_INTERVAL_DOWN"),
            longest_silence: Duration::MAX,
            ca_file: settings.text("PFP_CA_FILE").map(PathBuf::from),
            allowed_types: settings
                .list("PFP_ALLOWED_TYPES")
                .into_iter()
                .filter_map(PictureFormat::from_media_type)
                .collect(),
            max_file_size: settings.number("PFP_MAX_FILE_SIZE"),
            shutdown_grace: settings.duration("PFP_SHUTDOWN_GRACE"),
        })
    }
}

fn storage_location(settings: &Settings) -> Result<StorageLocation, ConfigError> {
    let text = settings.required("PFP_STORAGE_URL")?;
    let bad = |expected: &str| ConfigError::BadValue {
        name: "PFP_STORAGE_URL".to_owned(),
        value: if text.contains('@') { "[secret]".to_owned() } else { text.to_owned() },
        expected: expected.to_owned(),
    };
    let bare = |url: &Url| url.username().is_empty() && url.password().is_none();
    let url = Url::parse(text).map_err(|_| bad("s3://bucket or file:///folder"))?;
    if url.scheme() == "file" {
        let folder =
            url.to_file_path().map_err(|()| bad("an absolute folder such as file:///var/lib/pfp"))?;
        return Ok(StorageLocation::Folder(folder));
    }
    let bucket = url.host_str().filter(|_| matches!(url.path(), "" | "/") && bare(&url));
    let bucket =
        bucket.ok_or_else(|| bad("s3://bucket, with the keys in PFP_S3_ACCESS_KEY and PFP_S3_SECRET_KEY"))?;
    let endpoint = settings.text("PFP_S3_ENDPOINT");
    if endpoint.and_then(|endpoint| Url::parse(endpoint).ok()).is_some_and(|url| !bare(&url)) {
        return Err(ConfigError::BadValue {
            name: "PFP_S3_ENDPOINT".to_owned(),
            value: "[secret]".to_owned(),
            expected: "a URL without user and password".to_owned(),
        });
    }
    Ok(StorageLocation::S3 {
        bucket: bucket.to_owned(),
        endpoint: settings.text("PFP_S3_ENDPOINT").map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
        region: settings.required("PFP_S3_REGION")?.to_owned(),
        access_key: settings.secret("PFP_S3_ACCESS_KEY"),
        secret_key: settings.secret("PFP_S3_SECRET_KEY"),
        create_bucket: settings.is_on("PFP_S3_CREATE_BUCKET"),
    })
}
