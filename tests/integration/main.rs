//! Every behaviour of the system, side by side on shared servers.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod bucket_at_start;
mod configuration;
mod first_upload;
mod listing;
mod made_pictures;
mod many_users;
mod metrics_and_logs;
mod newest_wins;
mod picture_command;
mod queue_trouble;
mod refusals;
mod rejections;
mod sweeper;
mod tls;
mod traces;
mod two_workers;
mod worker_settings;
