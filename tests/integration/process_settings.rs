//! The settings of a process that only show in a running one: where it listens, how it logs, how it signs, how
//! long it may be silent.

use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    process::free_address,
    system::Setup,
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::time::Duration;
use tokio::{io::AsyncReadExt, net::TcpListener};

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_of_an_api_have_a_listener_of_their_own_when_told_so() {
    let mut system = Setup::new().workers(0).prepare().await;
    let metrics = free_address();
    system.start_api_with(&[("PFP_METRICS_LISTEN", &metrics)]);
    system.ready().await;
    let answer = system.client("ada").get("/metrics").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"));
    let status = |path: &str| {
        let url = format!("http://{metrics}{path}");
        async move { reqwest::get(url).await.unwrap().status().as_u16() }
    };
    assert_eq!((status("/metrics").await, status("/user/me").await), (200, 404));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_lines_for_a_person_or_json_as_told() {
    let mut system = Setup::new().workers(0).prepare().await;
    system.start_api_with(&[("PFP_LOG_FORMAT", "pretty")]);
    system.start_api_with(&[("PFP_LOG_FORMAT", "json")]);
    system.ready().await;
    let listening = |api: usize| {
        let log = system.apis[api].log_text();
        log.lines().find(|line| line.contains("listening")).expect("a line of the start").to_owned()
    };
    let pretty = listening(0);
    assert!(serde_json::from_str::<Value>(&pretty).is_err(), "{pretty}");
    assert!(pretty.contains("INFO") && !pretty.contains('\u{1b}'), "no colours but on a terminal: {pretty}");
    assert_eq!(serde_json::from_str::<Value>(&listening(1)).unwrap()["level"], "INFO");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_the_object_store_are_signed_for_its_region() {
    let mut system = Setup::new().workers(0).prepare().await;
    let store = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", store.local_addr().unwrap());
    system.start_api_with(&[("PFP_S3_ENDPOINT", &endpoint), ("PFP_S3_REGION", "eu-test-1")]);
    let (mut connection, _) = tokio::time::timeout(PATIENCE, store.accept()).await.unwrap().unwrap();
    let (mut request, mut buffer) = (String::new(), [0; 4096]);
    while !request.contains("\r\n\r\n") {
        let read = connection.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{request}");
        request.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(request.contains("/eu-test-1/s3/aws4_request"), "{request}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_held_for_the_lease() {
    let mut system = Setup::new().workers(0).set("PFP_JOB_LEASE", "40s").start().await;
    let location = system.client("ada").accepted(pictures::bytes("bench-4mb.jpg")).await;
    // The job waits for the picture's staged bytes, which are held back.
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    store.break_all(Operation::Get, "staging/", Fault::Hang);
    system.start_worker_with(&[("PFP_S3_ENDPOINT", &store.endpoint)]);
    let held = "SELECT extract(epoch FROM lease_until - updated_at)::bigint FROM uploads WHERE status = 'processing'";
    let lease: i64 = until("the job is claimed", PATIENCE, async || {
        system.database.rows(held, &[]).await.first().map(|row| row.get(0))
    })
    .await;
    assert!((39..=40).contains(&lease), "{lease}");
    store.heal();
    assert_eq!(system.client("ada").finished(&location).await["status"], "succeeded");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_found_at_the_sweep_interval_and_not_before() {
    let mut system = Setup::new().workers(0).start().await;
    let location = system.client("ada").accepted(pictures::bytes("bench-170kb.jpg")).await;
    system.delete_queue().await;
    system.database.run("UPDATE uploads SET published_at = NULL").await;
    system.start_worker_with(&[("PFP_SWEEP_INTERVAL", "1h")]);
    system.ready().await;
    // Longer than an accepted upload is left to its API, and than the other worker's interval.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let waiting = "SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NULL";
    assert_eq!(system.database.count(waiting).await, 1);
    system.start_worker_with(&[("PFP_SWEEP_INTERVAL", "1s")]);
    assert_eq!(system.client("ada").finished(&location).await["status"], "succeeded");
    system.finish().await;
}
