//! Clients that would rather have the result in the answer to their upload.

use super::{photo, upload_preferring, waiting_at};
use pfp_tests::{
    system::Setup,
    wait::{PATIENCE, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_prefers_to_wait_is_answered_with_the_user() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let answer = upload_preferring(&ada, "respond-async, wait=20", photo()).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.bytes));
    assert_eq!(answer.header("preference-applied"), "wait=20");
    assert_eq!(answer.json(), ada.me().await);
    assert!(answer.json()["profile_picture_url"].is_string());

    let mut broken = photo();
    broken.truncate(50_000);
    let rejected = upload_preferring(&ada, "wait=20", broken).await;
    assert_eq!((rejected.status.as_u16(), rejected.code().as_str()), (400, "picture_corrupt"));
    assert_eq!(rejected.header("content-type"), "application/problem+json");
    assert_eq!(rejected.header("preference-applied"), "wait=20");
    assert_eq!(rejected.json()["request_id"], rejected.header("x-request-id"));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_prefers_to_wait_is_told_of_a_later_picture_a_cancelled_and_a_failed_upload() {
    let mut system = Setup::new().set("PFP_MAX_ATTEMPTS", "1").workers(0).start().await;
    let waits = |user: &str| {
        let client = system.client(user);
        tokio::spawn(async move { upload_preferring(&client, "wait=25", photo()).await })
    };
    let (cancelled, failed) = (waits("cancels"), waits("fails"));
    until("both are queued", PATIENCE, async || {
        let queued = "SELECT count(*) FROM uploads WHERE status = 'queued'";
        (system.database.count(queued).await == 2).then_some(())
    })
    .await;
    let mine = system.client("cancels").get("/user/uploads").await.json();
    let path = format!("/user/uploads/{}", mine["uploads"][0]["id"].as_str().unwrap());
    assert_eq!(system.client("cancels").request("DELETE", &path).send().await.unwrap().status(), 200);
    let cancelled = cancelled.await.unwrap();
    assert_eq!((cancelled.status.as_u16(), cancelled.code().as_str()), (409, "upload_cancelled"));

    let staged = system.objects().await;
    assert!(system.storage.delete(&staged).await.is_empty());
    system.start_worker();
    let failed = failed.await.unwrap();
    assert_eq!((failed.status.as_u16(), failed.code().as_str()), (500, "storage_error"));
    system.database.run("DELETE FROM users").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_its_answer_holds_no_memory_for_its_upload() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let answer = tokio::spawn(async move { upload_preferring(&ada, "wait=25", photo()).await });
    waiting_at(&system, 0, 1).await;
    system.apis[0].shows("pfp_upload_memory_bytes{kind=\"reserved\"} 0").await;
    assert!(!answer.is_finished());
    system.start_worker();
    assert_eq!(answer.await.unwrap().status, 200);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_prefers_to_wait_and_whose_time_is_up_is_answered_with_202() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let answer = upload_preferring(&ada, "wait=1", photo()).await;
    assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str()), (202, Some("queued")));
    assert!(!answer.headers.contains_key("preference-applied"));
    system.start_worker();
    assert_eq!(ada.finished(answer.header("location")).await["status"], "succeeded");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_prefers_to_wait_is_answered_with_202_when_the_api_is_stopped() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let waiting = tokio::spawn(async move { upload_preferring(&ada, "wait=30", photo()).await });
    waiting_at(&system, 0, 1).await;
    assert!(system.apis[0].terminate().await.success());
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()["status"].as_str()), (202, Some("queued")));
    system.stop().await;
}
