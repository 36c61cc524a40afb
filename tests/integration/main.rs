//! Every behaviour of the system, side by side on shared servers.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail their test")]

mod accepted_forms;
mod answering_early;
mod bucket_at_start;
mod configuration;
mod documented_answers;
mod first_upload;
mod hostile_requests;
mod idempotency;
mod large_files;
mod limits_per_user;
mod listing;
mod made_pictures;
mod many_users;
mod metrics_and_logs;
mod newest_wins;
mod openapi_document;
mod other_sites;
mod picture_command;
mod process_settings;
mod queue_trouble;
mod refusals;
mod rejections;
mod shown_to_clients;
mod slow_and_leaving_clients;
mod statements;
mod stopping;
mod sweeper;
mod taking_back;
mod time_outs;
mod tls;
mod tokens;
mod traces;
mod two_workers;
mod waiting;
mod worker_settings;
