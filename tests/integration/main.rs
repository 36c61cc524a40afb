//! Every behaviour of the system, side by side on shared servers.

mod bucket_at_start;
mod configuration;
mod first_upload;
mod listing;
mod made_pictures;
mod many_users;
mod metrics_and_logs;
mod newest_wins;
mod queue_trouble;
mod rejections;
mod sweeper;
mod two_workers;
