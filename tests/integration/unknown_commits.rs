//! Connections to the database that break while a commit is under way: whether it went through is read again,
//! never assumed.

use pfp_tests::{
    chaos_store::{Fault, Operation, held_worker},
    client::Answer,
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
    wire::{Break, Wire},
};
use serde_json::Value;

const PHOTO: &str = "bench-170kb.jpg";

/// What the statement that accepts an upload sends, and no other: the type of the content.
const ACCEPT: &[u8] = b"image/jpeg";

/// What the transaction that promotes a picture ends with; a worker has no other.
const COMMIT: &[u8] = b"COMMIT";

/// A system whose only API has its database at the end of a wire; an upload of Bob's has been made over it.
async fn api_on_a_wire() -> (TestSystem, Wire) {
    api_on_a_wire_of(Setup::new()).await
}

async fn api_on_a_wire_of(setup: Setup) -> (TestSystem, Wire) {
    let mut system = setup.apis(0).prepare().await;
    let (wire, url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    system.start_api_with(&[("PFP_DATABASE_URL", &url)]);
    system.start_worker();
    system.ready().await;
    system.client("bob").upload_and_wait(pictures::bytes(PHOTO)).await;
    (system, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_an_accept_that_was_carried_out_and_not_answered_is_found_accepted() {
    let (system, wire) = api_on_a_wire().await;
    wire.plan(Break::BeforeTheAnswerTo(ACCEPT));
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    assert!(wire.has_broken());
    assert!(system.apis[0].log_text().contains("it isn't known whether the upload was accepted"));
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 2, "a picture each");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_reservation_whose_answer_was_lost_frees_its_key_once_the_database_is_back() {
    // What frees it isn't the end of its lease.
    let (system, wire) = api_on_a_wire_of(Setup::new().set("PFP_UPLOAD_LEASE", "10m")).await;
    let ada = system.client("ada");
    let send = async || {
        let request = ada.request("POST", "/user/upload-profile-picture").header("idempotency-key", "k");
        let request = request.header("content-type", "image/jpeg").body(pictures::bytes(PHOTO));
        Answer::read(request.send().await.unwrap()).await
    };
    // The first of two transactions is the reservation.
    wire.plan_the_last(Break::BeforeTheAnswerTo(COMMIT));
    let answer = send().await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    let reserved = "SELECT count(*) FROM uploads WHERE status = 'receiving'";
    assert_eq!(system.database.count(reserved).await, 1, "it was carried out");
    wire.mend();
    let location = until("the key is free", PATIENCE, async || {
        let answer = send().await;
        (answer.status == 202).then(|| answer.header("location").to_owned())
    })
    .await;
    assert_eq!(ada.finished(&location).await["status"], "succeeded");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_an_accept_that_never_arrived_is_told_as_unavailable_and_leaves_nothing() {
    let (system, wire) = api_on_a_wire().await;
    wire.plan(Break::Before(ACCEPT));
    let ada = system.client("ada");
    let answer = ada.upload(pictures::bytes(PHOTO)).await;
    assert!(wire.has_broken());
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    assert!(!answer.header("retry-after").is_empty());
    until("nothing is left of it", PATIENCE, async || {
        let rows = "SELECT count(*) FROM uploads WHERE user_id = 'ada'";
        (system.database.count(rows).await == 0 && system.objects().await.len() == 1).then_some(())
    })
    .await;
    let upload = ada.upload_and_wait(pictures::bytes(PHOTO)).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}

/// A crash takes the reservation, whose commit didn't wait for the disk; the staged bytes are there. They are deleted
/// without a listing once the database is back.
async fn crash_leaves_no_bytes(system: &TestSystem, wire: &Wire) {
    assert!(wire.has_broken());
    let crash = "DELETE FROM uploads WHERE status = 'receiving'; DELETE FROM object_deletions";
    system.database.run(crash).await;
    assert_eq!(system.objects().await.len(), 2, "a picture of Bob's and the staged bytes");
    wire.mend();
    until("the staged bytes are gone", PATIENCE, async || (system.objects().await.len() == 1).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_an_accept_of_unknown_outcome_whose_reservation_a_crash_took_leaves_no_bytes() {
    let (system, wire) = api_on_a_wire_of(Setup::new().set("PFP_UPLOAD_LEASE", "10m")).await;
    system.listed().await;
    wire.plan_the_last(Break::Before(ACCEPT));
    let answer = system.client("ada").upload(pictures::bytes(PHOTO)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    crash_leaves_no_bytes(&system, &wire).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_an_accept_that_was_carried_out_and_could_not_be_looked_up_keeps_its_bytes() {
    // Its job isn't begun: the upload is still queued when its API looks whether a row names the bytes.
    let (mut system, wire) = api_on_a_wire_of(Setup::new()).await;
    system.workers[0].terminate().await;
    wire.plan_the_last(Break::BeforeTheAnswerTo(ACCEPT));
    let ada = system.client("ada");
    let answer = ada.upload(pictures::bytes(PHOTO)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    wire.mend();
    system.apis[0].ready().await;
    until("it was looked whether a row names the bytes", PATIENCE, async || {
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND state = 'idle' AND query LIKE '-- list_staged%'";
        (system.database.count(asked).await > 0).then_some(())
    })
    .await;
    assert_eq!(system.database.count("SELECT count(*) FROM object_deletions").await, 0, "its row does");
    system.start_worker();
    let id: String =
        system.database.rows("SELECT id::text FROM uploads WHERE user_id = 'ada'", &[]).await[0].get(0);
    let upload = ada.finished(&format!("/user/uploads/{id}")).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_put_that_was_given_up_and_whose_reservation_a_crash_took_leaves_no_bytes() {
    let (setup, store) = Setup::new().set("PFP_UPLOAD_LEASE", "15s").on_chaos_store().await;
    let (system, wire) = api_on_a_wire_of(setup).await;
    system.listed().await;
    store.break_all(Operation::Put, "staging/", Fault::DropReply);
    // The first that is ever taken back over this wire.
    wire.plan_the_last(Break::Before(b"-- forget_reservation"));
    let answer = system.client("ada").upload(pictures::bytes(PHOTO)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "storage_unavailable"));
    store.heal();
    crash_leaves_no_bytes(&system, &wire).await;
    system.finish().await;
}

/// A worker that has its database at the end of a wire, which breaks so at the promotion.
async fn promotion_breaks(planned: Break) {
    let (mut system, store) = held_worker(Setup::new(), Operation::List, "never").await;
    system.workers[0].terminate().await;
    let (wire, url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    let own = [("PFP_DATABASE_URL", url.as_str()), ("PFP_S3_ENDPOINT", &store.endpoint)];
    system.start_worker_with(&own);
    system.workers[1].ready().await;
    store.break_all(Operation::Put, "pictures/", Fault::Hang);
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    until("the picture is being put", PATIENCE, async || {
        (!store.hit(Operation::Put, "pictures/").is_empty()).then_some(())
    })
    .await;
    wire.plan(planned.clone());
    store.heal();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{planned:?}");
    until("it has broken", PATIENCE, async || wire.has_broken().then_some(())).await;
    assert_eq!(ada.me().await["profile_picture_url"], upload["picture_url"]);
    assert!(!ada.picture().await.is_empty(), "{planned:?}: the address works");
    // Either way it is told and counted as what it is.
    system.workers[1].shows("pfp_jobs_total{outcome=\"succeeded\"} 1").await;
    // What the transaction has listed is left to the worker for half a minute, unless an operator sweeps.
    let swept = system.worker_command(&["sweep"]);
    assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
    system.quiet().await;
    assert!(!ada.picture().await.is_empty(), "{planned:?}: the address works still");
    assert_eq!(system.objects().await.len(), 1, "{planned:?}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_promotion_that_was_carried_out_and_not_answered_stands() {
    promotion_breaks(Break::BeforeTheAnswerTo(COMMIT)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_promotion_that_never_arrived_is_made_once_more_and_costs_no_attempt() {
    promotion_breaks(Break::Before(COMMIT)).await;
}

/// An upload whose job ends so, at a worker whose link to the database breaks when that is written and not answered.
async fn an_end_is_not_answered(
    file: Vec<u8>,
    is_staged: bool,
    written: &'static [u8],
) -> (TestSystem, Wire, Value) {
    // No sweep writes the same meanwhile.
    let setup = Setup::new().set("PFP_MAX_ATTEMPTS", "1").set("PFP_SWEEP_INTERVAL", "1h");
    let mut system = setup.workers(0).start().await;
    system.publishes().await;
    let ada = system.client("ada");
    let location = ada.accepted(file).await;
    if !is_staged {
        let staged = system.objects().await;
        assert!(system.storage.delete(&staged).await.is_empty());
    }
    let (wire, url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    wire.plan(Break::BeforeTheAnswerTo(written));
    system.start_worker_with(&[("PFP_DATABASE_URL", &url)]);
    let upload = ada.finished(&location).await;
    until("it has broken", PATIENCE, async || wire.has_broken().then_some(())).await;
    until("the job is settled", PATIENCE, async || {
        system.workers[0].metrics().await.contains("pfp_jobs_total{").then_some(())
    })
    .await;
    (system, wire, upload)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_rejection_that_was_carried_out_and_not_answered_is_told_and_counted_once() {
    let file = pictures::bytes(PHOTO)[..2_000].to_vec();
    let (system, _wire, upload) = an_end_is_not_answered(file, true, b"picture_corrupt").await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"rejected".into(), &1.into()), "{upload}");
    system.workers[0].shows("pfp_jobs_total{outcome=\"rejected\"} 1").await;
    system.workers[0].shows("pfp_job_rejections_total{code=\"picture_corrupt\"} 1").await;
    let _ = system.worker_command(&["sweep"]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_16_a_failure_that_was_carried_out_and_not_answered_is_told_and_counted_once() {
    let (system, _wire, upload) =
        an_end_is_not_answered(pictures::bytes(PHOTO), false, b"storage_error").await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"failed".into(), &1.into()), "{upload}");
    system.workers[0].shows("pfp_jobs_total{outcome=\"failed\"} 1").await;
    assert!(system.workers[0].log_text().contains("job failed"));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_15_a_database_link_that_is_frozen_is_told_within_seconds_and_jobs_wait() {
    let mut system = Setup::new().apis(0).prepare().await;
    let (wire, url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    system.start_api_with(&[("PFP_DATABASE_URL", &url)]);
    system.start_worker_with(&[("PFP_DATABASE_URL", &url)]);
    system.ready().await;
    let ada = system.client("ada");
    ada.upload_and_wait(pictures::bytes(PHOTO)).await;
    wire.freeze();
    let asked = std::time::Instant::now();
    let answer = ada.upload(pictures::bytes(PHOTO)).await;
    let took = asked.elapsed();
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    // Three seconds, and what a busy machine adds.
    assert!(took.as_secs_f64() < 5.0, "{took:?}");
    until("the worker takes no more jobs", PATIENCE, async || {
        let metrics = system.workers[0].metrics().await;
        metrics.contains("pfp_dependency_up{dependency=\"database\"} 0").then_some(())
    })
    .await;
    until("the API says so too", PATIENCE, async || {
        let ready = ada.get("/readyz").await;
        (ready.status == 503 && ready.json()["dependencies"]["database"] == "down").then_some(())
    })
    .await;
    wire.thaw();
    system.ready().await;
    let upload = ada.upload_and_wait(pictures::bytes(PHOTO)).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.finish().await;
}
