//! What operators see: metrics by name, and logs in which a request and its job meet.

use pfp_tests::{
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The metrics that dashboards rely on, and who serves them.
const OF_THE_API: &[&str] = &[
    "pfp_http_requests_total",
    "pfp_http_request_duration_seconds",
    "pfp_uploads_accepted_total",
    "pfp_uploads_refused_total",
    "pfp_upload_bytes",
    "pfp_upload_memory_bytes",
    "pfp_picture_memory_bytes",
    "pfp_waiting_clients",
    "pfp_change_notifications_up",
    "pfp_dependency_up",
    "pfp_panics_total",
];
const OF_A_WORKER: &[&str] = &[
    "pfp_jobs_total",
    "pfp_job_rejections_total",
    "pfp_job_stage_duration_seconds",
    "pfp_upload_latency_seconds",
    "pfp_jobs_in_progress",
    "pfp_worker_memory_bytes",
    "pfp_uploads",
    "pfp_oldest_unfinished_seconds",
    "pfp_outbox_unpublished",
    "pfp_object_deletions_pending",
    "pfp_queue_messages",
    "pfp_sweep_duration_seconds",
    "pfp_republished_total",
    "pfp_dependency_up",
    "pfp_panics_total",
];

fn names(metrics: &str) -> BTreeSet<&str> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}

/// One upload of each kind, so that everything has been counted once.
async fn use_once(system: &TestSystem) -> Value {
    let ada = system.client("ada");
    let mut broken = pictures::bytes("bench-170kb.jpg");
    broken.truncate(9_999);
    ada.upload_and_wait(broken).await;
    ada.upload(b"no picture".to_vec()).await;
    let upload = ada.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    system.database.run("UPDATE pfp_installation SET listing_finished_at = now()").await;
    upload
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_served_under_its_name_with_its_labels() {
    let mut system = Setup::new().workers(0).start().await;
    let waiting = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    system.delete_queue().await;
    system.database.run("UPDATE uploads SET published_at = NULL, requeued_for = 'retry'").await;
    system.start_worker();
    system.ready().await;
    system.client("ada").finished(&waiting).await;
    use_once(&system).await;
    let (api, worker) = (&system.apis[0], &system.workers[0]);
    for (process, expected) in [(api, OF_THE_API), (worker, OF_A_WORKER)] {
        until("every metric is served", PATIENCE, async || {
            let metrics = process.metrics().await;
            expected.iter().all(|name| names(&metrics).contains(name)).then_some(())
        })
        .await;
    }
    let labelled = [
        (api, r#"pfp_http_requests_total{route="/user/upload-profile-picture",method="POST",status="202"}"#),
        (api, r#"pfp_uploads_refused_total{code="invalid_format"} 1"#),
        (api, r#"pfp_upload_memory_bytes{kind="budget"} 134217728"#),
        (api, r#"pfp_picture_memory_bytes{kind="budget"} 67108864"#),
        (api, r#"pfp_dependency_up{dependency="database"} 1"#),
        (api, "pfp_waiting_clients 0"),
        (api, "pfp_change_notifications_up 1"),
        (worker, r#"pfp_jobs_total{outcome="succeeded"} 2"#),
        (worker, r#"pfp_jobs_total{outcome="rejected"} 1"#),
        (worker, r#"pfp_job_rejections_total{code="picture_corrupt"} 1"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="promote"} 2"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="claim"}"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="fetch"} 3"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="picture"} 2"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="put"} 2"#),
        (worker, r#"pfp_job_stage_duration_seconds_count{stage="delete"} 3"#),
        (worker, r#"pfp_upload_latency_seconds_count{outcome="succeeded"} 2"#),
        (worker, r#"pfp_republished_total{reason="retry"} 1"#),
        (worker, r#"pfp_uploads{status="failed"} 0"#),
        (worker, r#"pfp_worker_memory_bytes{kind="reserved"} 0"#),
        (worker, r#"pfp_queue_messages{queue=""#),
    ];
    for (process, line) in labelled {
        process.shows(line).await;
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_job_log_the_same_upload_and_the_same_trace() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = ada
        .request("POST", "/user/upload-profile-picture")
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .header("content-type", "image/jpeg")
        .body(pictures::bytes("bench-170kb.jpg"));
    let answer = request.send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let id = ada.finished(&location).await["id"].as_str().unwrap().to_owned();
    for process in [&system.apis[0], &system.workers[0]] {
        // A sweeper that publishes it once more says so outside of any request or job.
        until("a line of the upload and its trace", PATIENCE, async || {
            process.log_text().lines().any(|line| line.contains(&id) && line.contains(trace)).then_some(())
        })
        .await;
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_goes_well_is_one_line_and_a_refusal_is_one_line() {
    let system = Setup::new().set("PFP_LOG", "info").start().await;
    let upload = use_once(&system).await;
    system.quiet().await;
    let id = upload["id"].as_str().unwrap();
    // The line is written when all is done.
    until("the job's line", PATIENCE, async || system.workers[0].log_text().contains(id).then_some(())).await;
    let worker = system.workers[0].log_text();
    assert_eq!(worker.lines().filter(|line| line.contains(id)).count(), 1, "{worker}");
    let api = system.apis[0].log_text();
    assert_eq!(api.lines().filter(|line| line.contains("invalid_format")).count(), 1, "{api}");
    for line in worker.lines().chain(api.lines()) {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "not a line of JSON: {line}");
    }
    system.finish().await;
}
