//! The table of every setting.

use super::Kind;
use std::{fmt::Write, time::Duration};

/// Which process reads a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// `pfp-api`.
    Api,
    /// `pfp-worker`.
    Worker,
    /// Both.
    Both,
}

impl UsedBy {
    /// Whether a process reads a setting that is used by `self`.
    #[must_use]
    pub fn includes(self, process: UsedBy) -> bool {
        self == Self::Both || process == Self::Both || self == process
    }

    /// The word for it in `--help`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Both => "both",
        }
    }
}

/// One setting: an environment variable.
#[derive(Debug)]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// Its value when not set; `None`: not set.
    pub default: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// Who reads it.
    pub used_by: UsedBy,
    /// Whether its value must never be shown.
    pub secret: bool,
    /// What it is for.
    pub help: &'static str,
}

const fn setting(
    name: &'static str,
    default: Option<&'static str>,
    kind: Kind,
    used_by: UsedBy,
    help: &'static str,
) -> Setting {
    Setting { name, default, kind, used_by, secret: false, help }
}

const fn secret(name: &'static str, used_by: UsedBy, help: &'static str) -> Setting {
    Setting { name, default: None, kind: Kind::Text, used_by, secret: true, help }
}

const fn seconds(low: u64, high: u64) -> Kind {
    Kind::Duration(Duration::from_secs(low), Duration::from_secs(high))
}

const fn milliseconds(low: u64, high: u64) -> Kind {
    Kind::Duration(Duration::from_millis(low), Duration::from_millis(high))
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;
const TYPES: &[&str] = &["image/jpeg", "image/png", "image/gif"];

use UsedBy::{Api, Both, Worker};

/// Every setting, in the order of the README's table.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    // What we stand on
    setting("PFP_DATABASE_URL", None, Kind::Url(&["postgres", "postgresql"]), Both, "the Postgres database; TLS by sslmode=require"),
    setting("PFP_AMQP_URL", None, Kind::Url(&["amqp", "amqps"]), Both, "the RabbitMQ broker and its virtual host; heartbeat=10 is used unless it says otherwise"),
    setting("PFP_QUEUE_PREFIX", Some("pfp"), Kind::Name(200), Both, "starts the names of our exchanges and queues, so that several systems can share a virtual host"),
    setting("PFP_STORAGE_URL", None, Kind::Url(&["s3", "file"]), Both, "where the objects are: s3://bucket or file:///folder"),
    setting("PFP_S3_ENDPOINT", None, Kind::Url(&["http", "https"]), Both, "the S3 server; none is AWS's own for the region"),
    setting("PFP_S3_REGION", Some("us-east-1"), Kind::Text, Both, "the S3 region"),
    secret("PFP_S3_ACCESS_KEY", Both, "the S3 access key"),
    secret("PFP_S3_SECRET_KEY", Both, "the S3 secret key"),
    setting("PFP_S3_CREATE_BUCKET", Some("true"), Kind::Bool, Both, "create the bucket at start if it isn't there, and keep a lifecycle rule for its staging/"),
    setting("PFP_CA_FILE", None, Kind::Text, Both, "a PEM file with more certificate authorities for database, broker, object store and key set"),
    // Who listens where
    setting("PFP_LISTEN", Some("127.0.0.1:8000"), Kind::Address, Api, "where the API listens"),
    setting("PFP_METRICS_LISTEN", None, Kind::Address, Both, "where metrics are served: for the API a listener of their own, for a worker health and metrics"),
    setting("PFP_PUBLIC_URL", None, Kind::Url(&["http", "https"]), Both, "the base of every URL that leaves; required for workers, for the API http://{PFP_LISTEN} when not set"),
    // Tokens
    secret("PFP_JWT_SECRET", Api, "the HS256 secret that tokens are signed with, 32 bytes or more; exactly one of this, PFP_JWT_PUBLIC_KEY and PFP_JWT_JWKS_URL is required"),
    secret("PFP_JWT_SECRET_PREVIOUS", Api, "the secret before, still accepted while PFP_JWT_SECRET is being rotated"),
    setting("PFP_JWT_PUBLIC_KEY", None, Kind::Text, Api, "a PEM file with the public keys that tokens are checked with: RSA (RS256), P-256 (ES256), Ed25519 (EdDSA)"),
    setting("PFP_JWT_JWKS_URL", None, Kind::Url(&["https", "http"]), Api, "the key set (JWKS) that tokens are checked with; http:// only on this machine"),
    setting("PFP_JWT_JWKS_MAX_AGE", Some("10m"), seconds(1, 30 * DAY), Api, "how old the key set gets before it is fetched again"),
    setting("PFP_JWT_JWKS_MAX_STALE", Some("1d"), seconds(0, 30 * DAY), Api, "how much longer its keys are used while it can't be fetched"),
    setting("PFP_JWT_JWKS_COOLDOWN", Some("30s"), milliseconds(100, 3_600_000), Api, "the least time between two fetches because of tokens whose key isn't known"),
    setting("PFP_JWT_JWKS_TIMEOUT", Some("5s"), milliseconds(100, 60_000), Api, "the longest that a fetch of the key set may take, and that a token waits for one"),
    setting("PFP_JWT_ISSUER", None, Kind::Text, Api, "the claim iss that tokens must have"),
    setting("PFP_JWT_AUDIENCE", None, Kind::Text, Api, "the claim aud that tokens must have"),
    setting("PFP_JWT_LEEWAY", Some("10s"), seconds(0, 300), Api, "how far the clocks of token issuers may be off"),
    // What may be uploaded
    setting("PFP_MAX_FILE_SIZE", Some("5MiB"), Kind::Size(KIB, 5 * GIB), Both, "the largest file that is taken"),
    setting("PFP_ALLOWED_TYPES", Some("image/jpeg,image/png,image/gif"), Kind::List(TYPES), Both, "the picture types that are taken"),
    setting("PFP_MAX_PIXELS", Some("64MP"), Kind::Pixels(1, 1_000_000_000), Worker, "the most pixels of a picture, width times height"),
    setting("PFP_MAX_SIDE", Some("16384"), Kind::Count(1, 65_535), Worker, "the longest side of a picture, in pixels"),
    setting("PFP_MAX_FRAMES", Some("200"), Kind::Count(1, 10_000), Worker, "the most frames of an animation"),
    setting("PFP_MAX_ANIMATION_PIXELS", Some("40MP"), Kind::Pixels(1, 1_000_000_000), Worker, "the most pixels of an animation: for each frame those of its canvas, or its own if they are more"),
    setting("PFP_MAX_SCANS", Some("100"), Kind::Count(1, 10_000), Worker, "the most scans of a JPEG"),
    setting("PFP_DECODE_TIMEOUT", Some("10s"), milliseconds(1, 600_000), Worker, "the most processor time that a picture may take"),
    // The picture
    setting("PFP_PICTURE_SIZE", Some("200"), Kind::Count(16, 2_048), Worker, "the side of the finished picture, in pixels"),
    setting("PFP_PICTURE_FIT", Some("cover"), Kind::Choice(&["cover", "contain", "inside"]), Worker, "how a picture that isn't square is fitted"),
    setting("PFP_PICTURE_QUALITY", Some("85"), Kind::Count(1, 100), Worker, "the JPEG quality of the finished picture"),
    setting("PFP_GIF_ANIMATION", Some("keep"), Kind::Choice(&["keep", "first-frame"]), Worker, "what becomes of animated GIFs"),
    setting("PFP_PUBLIC_USER_PICTURES", Some("false"), Kind::Bool, Api, "whether GET /users/{id}/picture tells anybody a user's picture"),
    setting("PFP_PICTURE_MAX_AGE", Some("365d"), seconds(0, YEAR), Api, "how long caches may keep a picture"),
    // How much at once
    setting("PFP_UPLOAD_MEMORY", Some("128MiB"), Kind::Size(MIB, 1024 * GIB), Api, "the most bytes of uploads that are held in memory at once"),
    setting("PFP_PICTURE_MEMORY", Some("64MiB"), Kind::Size(MIB, 1024 * GIB), Api, "the most bytes of finished pictures that are held in memory at once, for clients that read them"),
    setting("PFP_MEMORY_WAIT", Some("1s"), milliseconds(0, 60_000), Api, "how long a request waits for memory before it is told overloaded"),
    setting("PFP_WORKER_MEMORY", Some("512MiB"), Kind::Size(16 * MIB, 1024 * GIB), Worker, "the most bytes of files and decoded pictures that are held at once"),
    setting("PFP_WORKER_CONCURRENCY", None, Kind::Count(1, 1_024), Worker, "pictures that are made at once; one a core when not set"),
    setting("PFP_MIN_UPLOAD_RATE", Some("16KiB/s"), Kind::Rate(0, GIB), Api, "the slowest that an upload may come, over 10 s; 0 is any"),
    setting("PFP_SLOW_UPLOAD_RATE", Some("64KiB/s"), Kind::Rate(0, GIB), Api, "what is slow for an upload, over 2 s; slow ones, and those whose first bytes haven't come, share half of PFP_UPLOAD_MEMORY; 0: none is slow"),
    setting("PFP_MIN_ANSWER_RATE", Some("16KiB/s"), Kind::Rate(0, GIB), Both, "the slowest that a client may take an answer that waits for it, over 10 s; 0 is any"),
    setting("PFP_MAX_CONNECTIONS", Some("4096"), Kind::Count(1, 1_000_000), Api, "the most client connections"),
    setting("PFP_HEADER_TIMEOUT", Some("10s"), milliseconds(100, 300_000), Both, "how long a request's headers may take"),
    setting("PFP_IDLE_TIMEOUT", Some("30s"), milliseconds(100, 3_600_000), Both, "how long a connection may be silent, between requests or within a body"),
    setting("PFP_RATE_UPLOADS_PER_MINUTE", Some("10"), Kind::Count(0, 1_000_000), Api, "uploads a minute and user, with those whose body is refused; 0 is no limit"),
    setting("PFP_UPLOADS_IN_FLIGHT_PER_USER", Some("3"), Kind::Count(0, 1_000_000), Api, "unfinished uploads of one user; 0 is no limit"),
    setting("PFP_USERS", Some("create"), Kind::Choice(&["create", "require"]), Api, "whether a user's first upload creates the user, or another system has to"),
    setting("PFP_CORS_ORIGINS", None, Kind::Text, Api, "the origins whose pages may use the API, such as https://app.example, separated by commas; * is any"),
    setting("PFP_EVENTS_LIFETIME", Some("1h"), seconds(1, DAY), Api, "how long a stream of events may last; the client asks again"),
    // Jobs
    setting("PFP_MAX_ATTEMPTS", Some("5"), Kind::Count(1, 100), Worker, "attempts at an upload that count, before it is failed"),
    setting("PFP_RETRY_WAIT", Some("15s"), milliseconds(100, 3_600_000), Worker, "the longest before a job that failed is due again; the first time 1 s, doubling. A sweep publishes it"),
    setting("PFP_DELETION_WAIT", Some("1h"), seconds(1, 30 * DAY), Worker, "the longest before a deletion that failed in a sweep is due again; the first time 5 s, doubling. What a worker couldn't delete after its job is due after 30 s"),
    setting("PFP_JOB_LEASE", Some("20s"), seconds(2, 3_600), Worker, "how long a worker may be silent before its job is taken from it; renewed every quarter"),
    setting("PFP_UPLOAD_LEASE", Some("30s"), seconds(5, 3_600), Api, "how long an API may be silent before the upload that it receives is taken for dead; renewed while bytes flow"),
    setting("PFP_SWEEP_INTERVAL", Some("5s"), milliseconds(100, 3_600_000), Worker, "how often a worker looks for what is due"),
    setting("PFP_LISTING_INTERVAL", Some("1h"), seconds(1, 30 * DAY), Worker, "how often one worker compares the bucket with the database"),
    setting("PFP_UPLOAD_RETENTION", Some("30d"), seconds(1, 10 * YEAR), Worker, "how long final uploads are kept; those with an idempotency key at least a day"),
    // Connections, time-outs and retries
    setting("PFP_DATABASE_CONNECTIONS", Some("16"), Kind::Count(3, 1_000), Both, "the most database connections of this process"),
    setting("PFP_DATABASE_CONNECTIONS_PER_USER", Some("4"), Kind::Count(1, 1_000), Api, "the most of them that one user's requests may have at once; more wait"),
    setting("PFP_DATABASE_WAIT", Some("2s"), milliseconds(0, 60_000), Both, "how long a request waits for a database connection while all are in use before it is told overloaded; at most three quarters of PFP_DATABASE_TIMEOUT"),
    setting("PFP_DATABASE_TIMEOUT", Some("3s"), milliseconds(100, 60_000), Both, "the longest wait for the database: for a connection, and for a transaction with all its statements"),
    setting("PFP_STORAGE_TIMEOUT", Some("5s"), milliseconds(100, 300_000), Both, "the longest wait for one request to the object store; with retries 10 s at most in all by default"),
    setting("PFP_STORAGE_RETRIES", Some("3"), Kind::Count(0, 10), Both, "how often a request to the object store that fails is made again, within PFP_STORAGE_TIMEOUT, after 50 ms, doubling up to 1 s"),
    setting("PFP_BROKER_TIMEOUT", Some("5s"), milliseconds(100, 60_000), Both, "the longest wait for the broker's answer to anything but a publish"),
    setting("PFP_PUBLISH_TIMEOUT", Some("1s"), milliseconds(10, 60_000), Both, "the longest wait for the broker to confirm a message; the upload is accepted all the same"),
    setting("PFP_RECONNECT_WAIT", Some("5s"), milliseconds(200, 600_000), Both, "the longest wait before the broker is connected to again, and the API hears of changes again; the first is 200 ms, doubling"),
    setting("PFP_CHECK_INTERVAL", Some("5s"), milliseconds(100, 600_000), Both, "how often it is checked that database, object store, broker and queues work; by a worker four times within PFP_JOB_LEASE at least"),
    setting("PFP_CHECK_INTERVAL_DOWN", Some("500ms"), milliseconds(100, 60_000), Both, "how often it is checked whether a database or object store that is out works again"),
    setting("PFP_SHUTDOWN_GRACE", Some("25s"), milliseconds(0, 600_000), Both, "how long running requests and jobs may take to end after SIGTERM"),
    // Seeing what happens
    setting("PFP_LOG", Some("info"), Kind::Text, Both, "what is logged: a tracing filter such as info,pfp_worker=debug"),
    setting("PFP_LOG_FORMAT", None, Kind::Choice(&["pretty", "json"]), Both, "pretty or json; pretty on a terminal, else json"),
    setting("OTEL_EXPORTER_OTLP_ENDPOINT", None, Kind::Url(&["http", "https"]), Both, "an OpenTelemetry collector that traces are sent to, by OTLP over HTTP"),
];

/// The part of `--help` that lists the settings of a process.
#[must_use]
pub fn help(process: UsedBy) -> String {
    let mut text = String::from("Settings (environment variables, or lines of an env file):\n");
    for setting in SETTINGS.iter().filter(|setting| setting.used_by.includes(process)) {
        let default = setting.default.map_or("none".to_owned(), |default| default.to_owned());
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "  {}\n      {}; takes {}. Default: {default}",
            setting.name,
            setting.help,
            setting.kind.describe()
        );
    }
    text
}
