//! The metrics' recorder, and every metric with its meaning.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// Seconds: from a fraction of a poll to a job that waited out an outage.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Bytes: from an icon to a raised limit.
const BYTES: &[f64] = &[16e3, 64e3, 256e3, 512e3, 1e6, 2e6, 3e6, 4e6, 5e6, 10e6, 50e6];

/// How often samples are put into their buckets: they are held one by one while nobody asks for the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// Installs the process's recorder, within the runtime that keeps it small; the handle renders what `/metrics` serves.
///
/// # Errors
/// A recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Full("pfp_upload_bytes".to_owned()), BYTES)?
        .install_recorder()?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    describe_counter!("pfp_http_requests_total", "Requests answered.");
    describe_histogram!(
        "pfp_http_request_duration_seconds",
        Unit::Seconds,
        "From a request's headers to its answer's."
    );
    describe_counter!("pfp_uploads_accepted_total", "Uploads answered with 202.");
    describe_counter!("pfp_uploads_refused_total", "Uploads refused, by code.");
    describe_histogram!("pfp_upload_bytes", Unit::Bytes, "Sizes of accepted uploads.");
    describe_gauge!(
        "pfp_upload_memory_bytes",
        Unit::Bytes,
        "Memory for uploads: the budget and what is reserved of it."
    );
    describe_gauge!(
        "pfp_picture_memory_bytes",
        Unit::Bytes,
        "Memory for pictures that are sent: the budget and what is reserved of it."
    );
    describe_counter!(
        "pfp_token_key_fetches_total",
        "Fetches of the key set that tokens are checked with, by outcome."
    );
    describe_gauge!("pfp_token_keys_age_seconds", Unit::Seconds, "Since the key set was last fetched.");
    describe_gauge!("pfp_waiting_clients", "Requests that wait for an upload: long polls, Prefer, events.");
    describe_gauge!(
        "pfp_change_notifications_up",
        "1 while the database's notifications are heard, else 0: waiting clients are told up to 5 s late."
    );
    describe_counter!("pfp_jobs_total", "Jobs, by what became of them.");
    describe_counter!("pfp_job_rejections_total", "Rejected pictures, by code.");
    describe_histogram!("pfp_job_stage_duration_seconds", Unit::Seconds, "Time in each stage of a job.");
    describe_histogram!("pfp_upload_latency_seconds", Unit::Seconds, "From accepted to final.");
    describe_gauge!("pfp_jobs_in_progress", "Jobs that this worker holds.");
    describe_gauge!(
        "pfp_worker_memory_bytes",
        Unit::Bytes,
        "Memory for files and pictures: the budget and what is reserved of it."
    );
    describe_gauge!("pfp_uploads", "Uploads, by status.");
    describe_gauge!(
        "pfp_oldest_unfinished_seconds",
        Unit::Seconds,
        "Age of the oldest upload that isn't final."
    );
    describe_gauge!("pfp_outbox_unpublished", "Uploads whose message is still to be published.");
    describe_gauge!("pfp_object_deletions_pending", "Objects that are still to be deleted.");
    describe_gauge!("pfp_queue_messages", "Messages that are ready, by queue.");
    describe_histogram!("pfp_sweep_duration_seconds", Unit::Seconds, "Time of a sweep that came to its end.");
    describe_counter!("pfp_republished_total", "Messages published by a sweeper, by why.");
    describe_gauge!("pfp_dependency_up", "1 while a dependency works, else 0.");
    describe_counter!("pfp_panics_total", "Panics that were caught.");
    metrics::counter!("pfp_panics_total").absolute(0);
}
