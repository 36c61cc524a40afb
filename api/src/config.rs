//! What the API is configured with: see `--help`, or [`pfp_shared::config::SETTINGS`], for every setting.

use crate::{cors::CorsOrigins, receive::MOST_HELD_OF_A_BODY, token::TokenConfig};
use pfp_shared::{
    config::{ConfigError, Connections, Settings},
    queries::UploadLimits,
    server::ConnectionLimits,
};
use std::{net::SocketAddr, time::Duration};

/// The API's settings.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Database, broker and object store, and what may be uploaded.
    pub connections: Connections,
    /// Where clients are listened to.
    pub listen: SocketAddr,
    /// Where metrics are served when not among everything else.
    pub metrics_listen: Option<SocketAddr>,
    /// The base of every URL that leaves; none is the address that is listened on.
    pub public_url: Option<String>,
    /// How tokens are checked.
    pub tokens: TokenConfig,
    /// How much a user may upload.
    pub limits: UploadLimits,
    /// Bytes of uploads that are held at once.
    pub upload_memory: u64,
    /// Bytes of pictures that are held at once.
    pub picture_memory: u64,
    /// How long a request waits for memory.
    pub memory_wait: Duration,
    /// How long this process may be silent about an upload that it receives.
    pub upload_lease: Duration,
    /// The slowest that a body may come, in bytes a second; 0 is any.
    pub min_upload_rate: u64,
    /// Below this, in bytes a second, an upload is a slow one; 0: none is.
    pub slow_upload_rate: u64,
    /// How many connections, and how long each may be silent, within a body too.
    pub connection_limits: ConnectionLimits,
    /// How long a stream of events may last.
    pub events_lifetime: Duration,
    /// The origins whose pages may read answers.
    pub cors_origins: CorsOrigins,
    /// Whether anybody may be told a user's picture.
    pub public_user_pictures: bool,
    /// How long caches may keep a picture.
    pub picture_max_age: Duration,
}

impl ApiConfig {
    /// Reads them.
    ///
    /// # Errors
    /// One that is required isn't set, or can't be used.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let address = |name: &str| settings.text(name).and_then(|text| text.parse().ok());
        let connections = Connections::from_settings(settings)?;
        let upload_memory = settings.number("PFP_UPLOAD_MEMORY");
        let least = connections.max_file_size.min(MOST_HELD_OF_A_BODY);
        if upload_memory < least {
            return Err(ConfigError::BadValue {
                name: "PFP_UPLOAD_MEMORY".to_owned(),
                value: upload_memory.to_string(),
                expected: format!("at least PFP_MAX_FILE_SIZE, or {MOST_HELD_OF_A_BODY} bytes: here {least}"),
            });
        }
        Ok(Self {
            connections,
            listen: address("PFP_LISTEN").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8000))),
            metrics_listen: address("PFP_METRICS_LISTEN"),
            public_url: settings.text("PFP_PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned()),
            tokens: TokenConfig::from_settings(settings)?,
            limits: UploadLimits {
                per_minute: settings.small("PFP_RATE_UPLOADS_PER_MINUTE"),
                in_flight: settings.small("PFP_UPLOADS_IN_FLIGHT_PER_USER"),
                create_users: settings.text("PFP_USERS") != Some("require"),
            },
            upload_memory,
            picture_memory: settings.number("PFP_PICTURE_MEMORY"),
            memory_wait: settings.duration("PFP_MEMORY_WAIT"),
            upload_lease: settings.duration("PFP_UPLOAD_LEASE"),
            min_upload_rate: settings.number("PFP_MIN_UPLOAD_RATE"),
            slow_upload_rate: settings.number("PFP_SLOW_UPLOAD_RATE"),
            connection_limits: ConnectionLimits::from_settings(
                settings.count("PFP_MAX_CONNECTIONS"),
                settings,
            ),
            events_lifetime: settings.duration("PFP_EVENTS_LIFETIME"),
            cors_origins: CorsOrigins::from_settings(settings)?,
            public_user_pictures: settings.is_on("PFP_PUBLIC_USER_PICTURES"),
            picture_max_age: settings.duration("PFP_PICTURE_MAX_AGE"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::config::UsedBy;

    fn read(more: &[(&str, &str)]) -> Result<ApiConfig, ConfigError> {
        let required = [
            ("PFP_DATABASE_URL", "postgres://u:p@127.0.0.1/db"),
            ("PFP_AMQP_URL", "amqp://127.0.0.1"),
            ("PFP_STORAGE_URL", "file:///tmp"),
            ("PFP_JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ];
        let values =
            required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ApiConfig::from_settings(&Settings::from_values(values, UsedBy::Api)?)
    }

    #[test]
    fn a_minimal_configuration_has_the_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.metrics_listen, None);
        assert_eq!(config.upload_memory, 128 << 20);
        assert_eq!(config.picture_max_age, Duration::from_secs(365 * 86_400));
        assert!(config.limits.create_users);
    }

    #[test]
    fn memory_that_does_not_hold_one_upload_stops_the_start() {
        let read = |memory, file| read(&[("PFP_UPLOAD_MEMORY", memory), ("PFP_MAX_FILE_SIZE", file)]);
        let error = read("5000000", "5000001").unwrap_err().to_string();
        assert!(error.contains("PFP_UPLOAD_MEMORY=5000000") && error.contains("here 5000001"), "{error}");
        assert!(read("5000001", "5000001").is_ok());
        let error = read("10MiB", "1GiB").map(|config| config.upload_memory);
        assert_eq!(error.unwrap(), 10 << 20, "a large one is held part by part");
        assert!(read("9MiB", "1GiB").is_err());
    }

    #[test]
    fn a_secret_that_is_short_or_missing_stops_the_start_and_is_not_shown() {
        let error = read(&[("PFP_JWT_SECRET", "hunter2")]).unwrap_err().to_string();
        assert_eq!(error, "PFP_JWT_SECRET=[secret] can't be used: it takes 32 bytes or more");
        let error = read(&[("PFP_JWT_SECRET_PREVIOUS", "hunter2")]).unwrap_err().to_string();
        assert!(error.starts_with("PFP_JWT_SECRET_PREVIOUS=[secret]"), "{error}");
        let error = read(&[("PFP_JWT_SECRET", "")]).unwrap_err().to_string();
        assert!(error.starts_with("one of PFP_JWT_SECRET, PFP_JWT_PUBLIC_KEY"), "{error}");
    }
}
