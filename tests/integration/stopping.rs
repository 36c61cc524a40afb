//! How an API ends: what runs is finished, what comes is refused, and a second signal doesn't wait.

use pfp_tests::{
    pictures,
    raw::{Raw, head, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// An upload of which only the first bytes have come.
async fn half_sent(system: &TestSystem, file: &[u8]) -> Raw {
    let length = file.len().to_string();
    let headers = [("Content-Type", "image/jpeg"), ("Content-Length", length.as_str())];
    let head = upload_head(&system.client("ada"), &headers);
    let upload = Raw::sending(&system.apis[0].address, &[&head[..], &file[..1000]].concat()).await;
    until("it is being received", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads").await == 1).then_some(())
    })
    .await;
    upload
}

async fn is_stopping(system: &TestSystem) {
    until("the API is stopping", PATIENCE, async || {
        system.apis[0].log_text().contains("stopping").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_running_upload_is_finished_and_a_new_request_is_refused() {
    let mut system = Setup::new().start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let token = format!("Bearer {}", system.client("ada").token());
    let me = head("GET", "/user/me", &[("Authorization", &token)]);
    let mut other = Raw::sending(&system.apis[0].address, &me).await;
    assert_eq!(other.answer().await.status, 200);
    let mut operator = Raw::sending(&system.apis[0].address, &head("GET", "/readyz", &[])).await;
    assert_eq!(operator.answer().await.status, 200);

    let mut upload = half_sent(&system, &file).await;
    system.apis[0].signal(Signal::TERM);
    is_stopping(&system).await;
    until("nobody new is let in", PATIENCE, async || {
        reqwest::get(format!("http://{}/livez", system.apis[0].address)).await.err()
    })
    .await;
    operator.send(&head("GET", "/readyz", &[])).await;
    let ready = operator.answer().await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (503, &"stopping".into()));
    other.send(&me).await;
    let refused = other.answer().await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "shutting_down"));
    assert_eq!((refused.header("connection"), refused.header("retry-after")), ("close", "1"));
    other.ended().await;

    upload.send(&file[1000..]).await;
    let accepted = upload.answer().await;
    assert_eq!(accepted.status, 202, "{}", String::from_utf8_lossy(&accepted.bytes));
    upload.ended().await;
    assert_eq!(system.apis[0].ended().await.code(), Some(0));
    system.start_api();
    system.apis[1].ready().await;
    let ended = system.client_at(1, "ada").finished(accepted.header("location")).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_a_status_is_answered_with_the_present_one() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let token = format!("Bearer {}", ada.token());
    let wait = head("GET", &format!("{location}?wait=30"), &[("Authorization", &token)]);
    let mut waiting = Raw::sending(&system.apis[0].address, &wait).await;
    until("the request is being served", PATIENCE, async || {
        // It has looked at its upload once; from then on it only listens.
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%upload_of_user%'";
        (system.database.count(sql).await > 0).then_some(())
    })
    .await;
    let start = Instant::now();
    assert_eq!(system.apis[0].terminate().await.code(), Some(0));
    assert_eq!(waiting.answer().await.json()["status"], "queued");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_which_only_a_part_has_come_is_not_waited_for() {
    let setup = Setup::new().workers(0).set("PFP_HEADER_TIMEOUT", "5m").set("PFP_SHUTDOWN_GRACE", "5m");
    let mut system = setup.start().await;
    let mut half = Raw::sending(&system.apis[0].address, b"GET /user/me HTTP/1.1\r\nHost: pfp").await;
    let mut second = Raw::sending(&system.apis[0].address, &head("GET", "/livez", &[])).await;
    assert_eq!(second.answer().await.status, 200);
    second.send(b"GET /user/me HT").await;
    assert_eq!(system.apis[0].terminate().await.code(), Some(0));
    half.ended().await;
    second.ended().await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_takes_longer_than_the_grace_is_cut_off_and_its_row_goes() {
    let mut system = Setup::new().set("PFP_SHUTDOWN_GRACE", "1s").start().await;
    let mut upload = half_sent(&system, &pictures::bytes("bench-170kb.jpg")).await;
    let start = Instant::now();
    assert_eq!(system.apis[0].terminate().await.code(), Some(0));
    let took = start.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&took), "{took:?}");
    upload.ended().await;
    until("the row is gone", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads").await == 0).then_some(())
    })
    .await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_30_a_second_signal_ends_it_at_once() {
    let mut system = Setup::new().start().await;
    let mut upload = half_sent(&system, &pictures::bytes("bench-170kb.jpg")).await;
    system.apis[0].signal(Signal::INT);
    is_stopping(&system).await;
    let start = Instant::now();
    assert_eq!(system.apis[0].terminate().await.code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    upload.ended().await;
    system.finish().await;
}
