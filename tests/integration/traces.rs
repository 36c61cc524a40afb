//! Traces go to an OpenTelemetry collector, and a request's and its job's spans are of one trace.

use axum::{Router, body::Bytes, extract::State, routing::post};
use pfp_tests::{
    pictures,
    system::Setup,
    wait::{PATIENCE, until},
};
use std::sync::{Arc, Mutex};

type Received = Arc<Mutex<Vec<Bytes>>>;

/// A collector that keeps what it gets.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let keep = |State(received): State<Received>, body: Bytes| async move {
        received.lock().unwrap().push(body);
    };
    let routes = Router::new().route("/v1/traces", post(keep)).with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, received)
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn both_processes_send_their_spans_of_one_upload_under_the_clients_trace() {
    let (url, received) = collector().await;
    let system = Setup::new().set("OTEL_EXPORTER_OTLP_ENDPOINT", &url).start().await;
    let ada = system.client("ada");
    let trace: [u8; 16] = *b"a trace's number";
    let hex: String = trace.iter().map(|byte| format!("{byte:02x}")).collect();
    let request = ada
        .request("POST", "/user/upload-profile-picture")
        .header("traceparent", format!("00-{hex}-00f067aa0ba902b7-01"))
        .header("content-type", "image/jpeg")
        .body(pictures::bytes("bench-170kb.jpg"));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    ada.finished(answer.headers()["location"].to_str().unwrap()).await;
    for service in ["pfp-api", "pfp-worker"] {
        until(&format!("{service}'s span arrives"), PATIENCE, async || {
            let received = received.lock().unwrap();
            received.iter().any(|body| holds(body, service.as_bytes()) && holds(body, &trace)).then_some(())
        })
        .await;
    }
    system.finish().await;
}
