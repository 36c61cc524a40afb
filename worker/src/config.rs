//! The worker's configuration. The table of settings is [`pfp_shared::config::SETTINGS`].

use crate::picture::{Fit, GifAnimation, Limits, PictureOptions};
use pfp_shared::{
    config::{ConfigError, Connections, Settings},
    picture_format::PictureFormat,
    server::{ConnectionLimits, OPERATORS_CONNECTIONS},
};
use std::{net::SocketAddr, time::Duration};

/// How a worker works.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// What it connects to.
    pub connections: Connections,
    /// The base of the pictures' addresses.
    pub public_url: String,
    /// Where health and metrics are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// The connections of whoever asks for them.
    pub connection_limits: ConnectionLimits,
    /// How pictures are made and what one may cost.
    pub picture: PictureOptions,
    /// Pictures that are made at once.
    pub concurrency: usize,
    /// Bytes of staged files that are held at once.
    pub file_memory: u64,
    /// Bytes of decoded pictures that are held at once.
    pub picture_memory: u64,
    /// Attempts that count, before an upload is failed.
    pub max_attempts: u32,
    /// The longest wait before a job is tried again.
    pub retry_wait: Duration,
    /// The longest wait before a deletion is tried again.
    pub deletion_wait: Duration,
    /// How long a worker may be silent about a job.
    pub lease: Duration,
    /// How often it looks for what is due.
    pub sweep_interval: Duration,
    /// How often one worker compares bucket and database.
    pub listing_interval: Duration,
    /// How long final uploads are kept.
    pub retention: Duration,
}

impl WorkerConfig {
    /// Reads it.
    ///
    /// # Errors
    /// A setting that is required isn't set, or can't be used.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let mut connections = Connections::from_settings(settings)?;
        let lease = settings.duration("PFP_JOB_LEASE");
        // A lease is renewed every quarter of it. So one that was in time before a silence of the database of up to a half
        // is in time after it too, and it shows in checks that are a quarter apart and take up to a quarter.
        connections.check_interval = connections.check_interval.min(lease / 4);
        connections.longest_silence = lease / 2;
        let concurrency = match settings.count("PFP_WORKER_CONCURRENCY") {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let memory = settings.number("PFP_WORKER_MEMORY");
        let file_memory = file_memory(memory, concurrency, connections.max_file_size);
        if connections.max_file_size > file_memory {
            return Err(ConfigError::BadValue {
                name: "PFP_MAX_FILE_SIZE".to_owned(),
                value: connections.max_file_size.to_string(),
                expected: format!("at most half of PFP_WORKER_MEMORY, {} bytes", memory / 2),
            });
        }
        let picture_memory = memory - file_memory;
        let mut picture = picture_options(settings);
        picture.limits.max_memory = picture_memory;
        Ok(Self {
            public_url: settings.required("PFP_PUBLIC_URL")?.trim_end_matches('/').to_owned(),
            metrics_listen: settings.text("PFP_METRICS_LISTEN").and_then(|address| address.parse().ok()),
            connection_limits: ConnectionLimits::from_settings(OPERATORS_CONNECTIONS, settings),
            picture,
            concurrency,
            file_memory,
            picture_memory,
            max_attempts: settings.small("PFP_MAX_ATTEMPTS"),
            retry_wait: settings.duration("PFP_RETRY_WAIT"),
            deletion_wait: settings.duration("PFP_DELETION_WAIT"),
            lease,
            sweep_interval: settings.duration("PFP_SWEEP_INTERVAL"),
            listing_interval: settings.duration("PFP_LISTING_INTERVAL"),
            retention: settings.duration("PFP_UPLOAD_RETENTION"),
            connections,
        })
    }

    /// Jobs that are held at once: twice the pictures that are made at once, so that a job's waits for the
    /// network fall into another's work.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.concurrency * 2
    }
}

/// The part of the memory that is for staged files: one of the largest for every slot, at most half. Two
/// budgets, so that a job which holds its file never waits for memory that another such job holds.
fn file_memory(memory: u64, concurrency: usize, max_file_size: u64) -> u64 {
    let slots = u64::try_from(concurrency * 2).unwrap_or(u64::MAX);
    max_file_size.saturating_mul(slots).min(memory / 2)
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        max_pixels: settings.number("PFP_MAX_PIXELS"),
        max_side: settings.small("PFP_MAX_SIDE"),
        max_frames: settings.small("PFP_MAX_FRAMES"),
        max_animation_pixels: settings.number("PFP_MAX_ANIMATION_PIXELS"),
        max_scans: settings.small("PFP_MAX_SCANS"),
        decode_timeout: settings.duration("PFP_DECODE_TIMEOUT"),
        max_memory: settings.number("PFP_WORKER_MEMORY"),
    }
}

/// How pictures are made; also for a command that needs no server.
#[must_use]
pub fn picture_options(settings: &Settings) -> PictureOptions {
    let allowed = settings.list("PFP_ALLOWED_TYPES").into_iter().filter_map(PictureFormat::from_media_type);
    PictureOptions {
        size: settings.small("PFP_PICTURE_SIZE"),
        fit: match settings.text("PFP_PICTURE_FIT") {
            Some("contain") => Fit::Contain,
            Some("inside") => Fit::Inside,
            _ => Fit::Cover,
        },
        quality: u8::try_from(settings.number("PFP_PICTURE_QUALITY")).unwrap_or(100),
        gif_animation: match settings.text("PFP_GIF_ANIMATION") {
            Some("first-frame") => GifAnimation::FirstFrame,
            _ => GifAnimation::Keep,
        },
        allowed: allowed.collect(),
        limits: limits(settings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_a_slot_each_and_at_most_half_of_the_memory() {
        assert_eq!(file_memory(512 << 20, 2, 5 << 20), 20 << 20);
        assert_eq!(file_memory(512 << 20, 64, 60 << 20), 256 << 20);
    }
}
