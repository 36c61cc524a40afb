//! How long final uploads are kept, and what of them.

use pfp_tests::{
    client::Answer,
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};

const PHOTO: &str = "bench-170kb.jpg";

/// As short as a client that waits allows.
fn short() -> Setup {
    Setup::new().set("PFP_UPLOAD_RETENTION", "3s").set("PFP_SWEEP_INTERVAL", "100ms")
}

async fn with_a_key(system: &TestSystem) -> Answer {
    let request = system.client("ada").request("POST", "/user/upload-profile-picture");
    let request = request.header("idempotency-key", "k").header("content-type", "image/jpeg");
    Answer::read(request.body(pictures::bytes(PHOTO)).send().await.unwrap()).await
}

async fn rows_of(system: &TestSystem, user: &str) -> i64 {
    let rows = system.database.rows("SELECT count(*) FROM uploads WHERE user_id = $1", &[user]).await;
    rows[0].get(0)
}

async fn is_gone(system: &TestSystem, user: &str) {
    until("the row is gone", PATIENCE, async || (rows_of(system, user).await == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn final_uploads_go_after_the_retention_and_the_shown_picture_stays() {
    let system = Setup::new().set("PFP_UPLOAD_RETENTION", "3s").start().await;
    let ada = system.client("ada");
    let upload = ada.accepted(pictures::bytes(PHOTO)).await;
    ada.finished(&upload).await;
    is_gone(&system, "ada").await;
    system.quiet().await;
    let gone = ada.get(&upload).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "upload_not_found"));
    assert!(!ada.picture().await.is_empty(), "the picture is still served");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_upload_with_an_idempotency_key_is_kept_for_a_day_at_least() {
    let system = short().start().await;
    let first = with_a_key(&system).await;
    system.client("ada").finished(first.header("location")).await;
    // Of the same age, and without a key.
    system.client("bob").upload_and_wait(pictures::bytes(PHOTO)).await;
    is_gone(&system, "bob").await;
    let again = with_a_key(&system).await;
    assert_eq!(again.header("location"), first.header("location"), "it is still known");
    system.database.run("UPDATE uploads SET finished_at = finished_at - interval '25 hours'").await;
    is_gone(&system, "ada").await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_free_after_a_day_also_while_its_upload_is_kept() {
    let system = Setup::new().start().await;
    let first = with_a_key(&system).await;
    system.client("ada").finished(first.header("location")).await;
    system.database.run("UPDATE uploads SET created_at = created_at - interval '23 hours'").await;
    assert_eq!(with_a_key(&system).await.header("location"), first.header("location"));
    system.database.run("UPDATE uploads SET created_at = created_at - interval '1 hour'").await;
    let second = with_a_key(&system).await;
    assert_eq!(second.status, 202);
    assert_ne!(second.header("location"), first.header("location"), "another upload");
    system.client("ada").finished(second.header("location")).await;
    assert_eq!(rows_of(&system, "ada").await, 2);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_failed_upload_are_kept_for_as_long_as_its_row_and_no_longer() {
    let mut system = Setup::new().workers(0).start().await;
    let location = system.client("ada").accepted(pictures::bytes(PHOTO)).await;
    system.database.plant_a_lost_lease(5).await;
    system.start_worker();
    system.ready().await;
    assert_eq!(system.client("ada").finished(&location).await["status"], "failed");
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1, "the staged bytes");
    system.database.run("UPDATE uploads SET finished_at = now() - interval '31 days'").await;
    is_gone(&system, "ada").await;
    system.quiet().await;
    assert!(system.objects().await.is_empty());
    system.finish().await;
}
