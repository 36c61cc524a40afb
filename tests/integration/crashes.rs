//! Processes that die, as by `kill -9`, at each boundary between two steps of an upload and of a job.

use futures_util::future::join_all;
use pfp_shared::failpoint::Failpoint;
use pfp_tests::{
    chaos_store::{Fault, Operation, held_worker},
    client::{Answer, Client},
    pictures,
    servers::rounds,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::time::Duration;

const PHOTO: &str = "bench-170kb.jpg";

/// What dies the first time that it gets there.
fn dies_at(point: Failpoint) -> String {
    format!("{}=1*return", point.as_str())
}

/// How often `point` is tried: twice, and as often as told in a long run.
fn tries() -> usize {
    rounds().max(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_worker_that_is_killed_after_any_step_of_a_job_costs_an_attempt_and_nothing_else() {
    join_all(Failpoint::OF_A_JOB.map(killed_at)).await;
}

/// Jobs that replace a picture, whose workers die after this step, and which another worker takes over.
async fn killed_at(point: Failpoint) {
    let mut system = Setup::new().set("PFP_JOB_LEASE", "2s").start().await;
    system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await;
    for _ in 0..tries() {
        system.quiet().await;
        system.workers[0].terminate().await;
        system.workers.clear();
        one_killed_at(point, &mut system).await;
    }
    system.finish().await;
}

async fn one_killed_at(point: Failpoint, system: &mut TestSystem) {
    let ada = system.client("ada");
    let earlier = ada.me().await["profile_picture_url"].clone();
    system.start_worker_with(&[("FAILPOINTS", &dies_at(point))]);
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    system.workers[0].killed().await;
    system.workers.clear();
    let left = ada.get(&location).await.json();
    let committed = [Failpoint::JobPromoted, Failpoint::JobDeleted, Failpoint::JobSettled].contains(&point);
    let expected = match point {
        Failpoint::JobReceived => "queued",
        _ if committed => "succeeded",
        _ => "processing",
    };
    assert_eq!(left["status"], expected, "{point:?}: {left}");
    let shown = if committed { &left["picture_url"] } else { &earlier };
    assert_eq!(&ada.me().await["profile_picture_url"], shown, "{point:?}");
    assert!(!ada.picture().await.is_empty(), "{point:?}: the address that is shown works");

    system.start_worker();
    let upload = ada.finished(&location).await;
    let attempts = if committed || point == Failpoint::JobReceived { 1 } else { 2 };
    assert_eq!(
        (&upload["status"], &upload["attempts"]),
        (&"succeeded".into(), &attempts.into()),
        "{point:?}"
    );
    system.workers[0].ready().await;
    if committed {
        // The message comes once more, and there is nothing to do.
        system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"} 1").await;
        assert_eq!(ada.get(&location).await.json(), left, "{point:?}: one effect");
    }
    assert_eq!(ada.me().await["profile_picture_url"], upload["picture_url"]);
    // What a dead worker has listed is its own for half a minute, unless an operator sweeps.
    let swept = system.worker_command(&["sweep"]);
    assert!(swept.status.success(), "{point:?}: {}", String::from_utf8_lossy(&swept.stderr));
    let objects = system.objects().await;
    assert_eq!(objects.len(), 1, "{point:?}: {objects:?}");
}

/// An API that dies after this step of an upload, beside one that doesn't. What the client saw of it: nothing.
async fn api_killed_at(point: Failpoint, setup: Setup) -> (TestSystem, Client) {
    let mut system = setup.workers(0).start().await;
    system.start_api_with(&[("FAILPOINTS", &dies_at(point))]);
    system.ready().await;
    system.apis[1].publishes().await;
    let dying = system.client_at(1, "ada");
    let sent = send(&dying, "a-key").await;
    assert!(sent.is_err(), "{point:?}: the client sees a broken connection: {sent:?}");
    system.apis[1].killed().await;
    let ada = system.client("ada");
    (system, ada)
}

async fn send(client: &Client, key: &str) -> reqwest::Result<Answer> {
    let request = client.request("POST", "/user/upload-profile-picture").header("content-type", "image/jpeg");
    let sent = request.header("idempotency-key", key).body(pictures::bytes(PHOTO)).send().await?;
    Ok(Answer::read(sent).await)
}

async fn uploads(client: &Client) -> Vec<Value> {
    client.get("/user/uploads").await.json()["uploads"].as_array().cloned().unwrap()
}

/// Whether an upload that got so far is accepted.
fn is_accepted_at(point: Failpoint) -> bool {
    ![Failpoint::UploadReserved, Failpoint::UploadStaged].contains(&point)
}

/// Nothing was accepted: the row and what was staged go, and the client can send it again under the same key.
async fn nothing_was_accepted(point: Failpoint) {
    let (mut system, ada) = api_killed_at(point, Setup::new()).await;
    assert!(uploads(&ada).await.is_empty(), "{point:?}: nothing is shown of it");
    let in_use = send(&ada, "a-key").await.unwrap();
    assert_eq!(
        (in_use.status.as_u16(), in_use.code().as_str()),
        (409, "idempotency_key_in_use"),
        "{point:?}"
    );
    system.start_worker();
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0, "{point:?}");
    assert_eq!(system.objects().await, Vec::<String>::new(), "{point:?}");
    let again = until("the key is free", PATIENCE, async || {
        let answer = send(&ada, "a-key").await.ok()?;
        (answer.status == 202).then_some(answer)
    })
    .await;
    let upload = ada.finished(again.header("location")).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{point:?}");
    system.finish().await;
}

/// It was accepted: it is done, and the client that sends it again under the same key is told of it.
async fn it_was_accepted(point: Failpoint) {
    let (mut system, ada) = api_killed_at(point, Setup::new().set("PFP_SWEEP_INTERVAL", "5s")).await;
    let accepted = uploads(&ada).await;
    assert_eq!(accepted.len(), 1, "{point:?}: {accepted:?}");
    let replayed = send(&ada, "a-key").await.unwrap();
    assert_eq!(
        (replayed.status.as_u16(), replayed.header("idempotency-replayed")),
        (202, "true"),
        "{point:?}"
    );
    system.start_worker();
    system.workers[0].ready().await;
    let upload = ada.finished_within(replayed.header("location"), Duration::from_secs(10)).await;
    assert_eq!(upload["id"], accepted[0]["id"], "{point:?}");
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{point:?}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_an_api_that_is_killed_before_it_accepts_leaves_nothing_and_frees_the_key() {
    let points = Failpoint::OF_AN_UPLOAD.into_iter().filter(|point| !is_accepted_at(*point));
    join_all(points.map(nothing_was_accepted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_02_an_upload_whose_api_is_killed_after_the_commit_is_done_within_ten_seconds() {
    let points = Failpoint::OF_AN_UPLOAD.into_iter().filter(|point| is_accepted_at(*point));
    join_all(points.map(it_was_accepted)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_03_an_upload_whose_api_is_killed_before_it_marks_the_message_is_delivered_twice_and_done_once() {
    // All that the worker takes at once is held, so that the message waits and is published once more.
    let setup = Setup::new().set("PFP_WORKER_CONCURRENCY", "1").set("PFP_STORAGE_TIMEOUT", "60s");
    let (mut system, store) = held_worker(setup, Operation::Get, "staging/").await;
    let bob = system.client("bob");
    let held = [bob.accepted(pictures::bytes(PHOTO)).await, bob.accepted(pictures::bytes(PHOTO)).await];
    until("the worker is held", PATIENCE, async || (store.hit(Operation::Get, "").len() == 2).then_some(()))
        .await;
    system.start_api_with(&[("FAILPOINTS", &dies_at(Failpoint::UploadPublished))]);
    system.ready().await;
    system.apis[1].publishes().await;
    let _ = send(&system.client_at(1, "ada"), "a-key").await;
    system.apis[1].killed().await;
    system.workers[0].shows("pfp_republished_total{reason=\"unpublished\"} 1").await;
    store.heal();
    assert_eq!(bob.finished(&held[1]).await["status"], "succeeded");
    let ada = system.client("ada");
    let id = uploads(&ada).await[0]["id"].clone();
    let location = format!("/user/uploads/{}", id.as_str().unwrap());
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"} 1").await;
    assert_eq!(ada.get(&location).await.json(), upload, "one effect");
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 2);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_a_worker_that_is_killed_after_it_ended_a_job_otherwise_changes_nothing_of_how_it_ended() {
    for point in [Failpoint::JobDeleted, Failpoint::JobSettled] {
        let setup = Setup::new().set("PFP_JOB_LEASE", "2s").set("PFP_MAX_ATTEMPTS", "1").workers(0);
        let mut system = setup.start().await;
        let (ada, bob) = (system.client("ada"), system.client("bob"));
        let corrupt = ada.accepted(&pictures::bytes(PHOTO)[..50_000]).await;
        system.start_worker_with(&[("FAILPOINTS", &dies_at(point))]);
        system.workers[0].killed().await;
        system.workers.clear();
        let rejected = ada.get(&corrupt).await.json();
        assert_eq!(rejected["status"], "rejected", "{point:?}: {rejected}");
        // Without its bytes, at its only attempt.
        let gone = bob.accepted(pictures::bytes(PHOTO)).await;
        let staged = format!("staging/{}", gone.rsplit('/').next().unwrap());
        assert!(system.storage.delete(&[staged]).await.is_empty());
        system.start_worker_with(&[("FAILPOINTS", &dies_at(Failpoint::JobSettled))]);
        system.workers[0].killed().await;
        system.workers.clear();
        system.start_worker();
        let failed = bob.finished(&gone).await;
        assert_eq!((&failed["status"], &failed["attempts"]), (&"failed".into(), &1.into()), "{point:?}");
        system.workers[0].ready().await;
        system.workers[0].shows("pfp_jobs_total{outcome=\"stale\"}").await;
        assert_eq!(ada.get(&corrupt).await.json(), rejected, "{point:?}");
        system.database.run("DELETE FROM users").await;
        let swept = system.worker_command(&["sweep"]);
        assert!(swept.status.success(), "{point:?}: {}", String::from_utf8_lossy(&swept.stderr));
        assert!(system.objects().await.is_empty());
        system.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_while_its_put_is_under_way_leaves_no_object_behind() {
    let (mut system, store) = held_worker(Setup::new(), Operation::List, "never").await;
    store.break_next(1, Operation::Put, "pictures/", Fault::HoldReply);
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    until("the picture is put", PATIENCE, async || (system.objects().await.len() == 2).then_some(())).await;
    system.workers[0].kill().await;
    system.start_worker();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &2.into()), "{upload}");
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweeper_that_dies_before_it_sends_what_it_took_costs_a_wait_of_a_lease() {
    let mut system = Setup::new().set("PFP_JOB_LEASE", "2s").workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    system.delete_queue().await;
    system.database.run("UPDATE uploads SET published_at = NULL").await;
    system.start_worker_with(&[("FAILPOINTS", &dies_at(Failpoint::SweepTaken))]);
    system.workers[0].killed().await;
    system.workers.clear();
    let taken = "SELECT count(*) FROM uploads WHERE status = 'queued' AND published_at IS NOT NULL";
    assert_eq!(system.database.count(taken).await, 1, "it counts as published, and no message is there");
    system.start_worker();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()));
    system.workers[0].shows("pfp_republished_total{reason=\"message_lost\"}").await;
    system.finish().await;
}
