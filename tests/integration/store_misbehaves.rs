//! A store that misbehaves while we work: what it answers may be wrong, late or missing.

use pfp_shared::storage::PictureKey;
use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::time::{Duration, Instant};

const PHOTO: &str = "bench-170kb.jpg";

/// The product's ten seconds, and what a busy machine adds.
const TOLD_WITHIN: Duration = Duration::from_secs(12);

async fn system() -> (TestSystem, ChaosStore) {
    let (setup, store) = Setup::new().on_chaos_store().await;
    let system = setup.start().await;
    // A job that comes later finds a store that is known to be out, and isn't begun.
    system.publishes().await;
    (system, store)
}

fn assert_first_try(upload: &Value) {
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
}

async fn released(system: &TestSystem) {
    until("a job was given back", PATIENCE, async || {
        let metrics = system.workers[0].metrics().await;
        metrics.contains("pfp_jobs_total{outcome=\"released\"}").then_some(())
    })
    .await;
}

/// An object is to be deleted, and not before a lease of 15 seconds is over.
async fn to_be_deleted_later(system: &TestSystem) {
    let later = "SELECT count(*) FROM object_deletions WHERE retry_at BETWEEN now() + '5s' AND now() + '15s'";
    until("it is to be deleted later", PATIENCE, async || {
        (system.database.count(later).await == 1).then_some(())
    })
    .await;
}

/// A job is given back for as long as these requests go wrong, and costs no attempt.
async fn costs_no_attempt(operation: Operation, prefix: &str, fault: Fault) -> (TestSystem, ChaosStore) {
    let (system, store) = system().await;
    store.break_all(operation, prefix, fault);
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    released(&system).await;
    store.heal();
    assert_first_try(&ada.finished(&location).await);
    (system, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_a_picture_whose_put_was_not_answered_is_put_again_under_the_same_key() {
    let (system, store) = system().await;
    store.break_next(1, Operation::Put, "pictures/", Fault::DropReply);
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await);
    let puts = store.seen(Operation::Put, "pictures/");
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[0], puts[1], "the same key");
    system.quiet().await;
    assert_eq!(system.objects().await, puts[..1], "one object");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_a_store_that_never_answers_for_pictures_costs_no_attempt_and_leaves_no_object() {
    let (system, store) = costs_no_attempt(Operation::Put, "pictures/", Fault::DropReply).await;
    system.quiet().await;
    let keys = store.seen(Operation::Put, "pictures/");
    assert_ne!(keys.first(), keys.last(), "another claim has another key");
    assert_eq!(system.objects().await, keys[keys.len() - 1..], "what was put unseen is gone");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_an_upload_whose_staging_was_not_answered_is_staged_again_and_accepted() {
    let (system, store) = system().await;
    store.break_next(1, Operation::Put, "staging/", Fault::DropReply);
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await);
    assert_eq!(store.seen(Operation::Put, "staging/").len(), 2);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_staged_bytes_that_a_frozen_store_takes_after_they_were_given_up_are_deleted_without_a_listing()
 {
    let (setup, store) = Setup::new().set("PFP_UPLOAD_LEASE", "15s").on_chaos_store().await;
    let system = setup.start().await;
    system.listed().await;
    store.break_all(Operation::Put, "staging/", Fault::Hang);
    let answer = system.client("ada").upload(pictures::bytes(PHOTO)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "storage_unavailable"));
    to_be_deleted_later(&system).await;
    store.heal();
    // What a store does with what it had received when it thaws.
    let key = &store.hit(Operation::Put, "staging/")[0];
    system.storage.put_staged(key, vec![pictures::bytes(PHOTO).into()]).await.unwrap();
    assert_eq!(system.objects().await, std::slice::from_ref(key));
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 0);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_18_a_picture_that_a_frozen_store_takes_after_its_job_was_given_back_is_deleted_without_a_listing()
 {
    let (setup, store) = Setup::new().set("PFP_JOB_LEASE", "15s").on_chaos_store().await;
    let system = setup.start().await;
    system.listed().await;
    store.break_all(Operation::Put, "pictures/", Fault::Hang);
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    to_be_deleted_later(&system).await;
    let key = store.hit(Operation::Put, "pictures/")[0].clone();
    store.heal();
    // What a store does with what it had received when it thaws.
    let name = PictureKey::parse(&key).unwrap();
    system.storage.put_picture(&name, b"a picture".to_vec()).await.unwrap();
    assert_first_try(&ada.finished(&location).await);
    assert!(system.objects().await.contains(&key));
    system.quiet().await;
    let left = system.objects().await;
    assert!(left.len() == 1 && left[0] != key, "{left:?}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_store_is_out_claims_no_job_and_does_it_when_the_store_is_back() {
    let mut system = Setup::new().workers(0).start().await;
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    system.start_worker_with(&[("PFP_S3_ENDPOINT", &store.endpoint)]);
    system.ready().await;
    system.publishes().await;
    store.break_all(Operation::Get, ".pfp/", Fault::Fail(503));
    system.workers[0].shows("pfp_dependency_up{dependency=\"storage\"} 0").await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    until("the worker is given the message", PATIENCE, async || (system.unacknowledged() == 1).then_some(()))
        .await;
    let looked = || store.hit(Operation::Get, ".pfp/").len();
    let before = looked();
    until("it has looked at the store again, twice", PATIENCE, async || {
        (looked() > before + 1).then_some(())
    })
    .await;
    let claimed = "SELECT coalesce(sum(claims), 0)::bigint FROM uploads";
    assert_eq!(system.database.count(claimed).await, 0);
    assert!(store.seen(Operation::Get, "staging/").is_empty());
    store.heal();
    assert_eq!(ada.finished(&location).await["status"], "succeeded");
    assert_eq!(system.database.count(claimed).await, 1);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_an_upload_that_can_not_be_staged_is_told_within_ten_seconds_and_nothing_is_kept() {
    let cases = [
        (Fault::Fail(503), 503, "storage_unavailable"),
        (Fault::Fail(500), 503, "storage_unavailable"),
        (Fault::Hang, 503, "storage_unavailable"),
        (Fault::DropReply, 503, "storage_unavailable"),
        (Fault::Reset, 503, "storage_unavailable"),
        (Fault::Refuse("AccessDenied"), 500, "storage_permission_denied"),
    ];
    let (mut system, store) = system().await;
    for (fault, status, code) in cases {
        store.break_all(Operation::Put, "staging/", fault);
        let asked = Instant::now();
        let answer = system.client("ada").upload(pictures::bytes(PHOTO)).await;
        let took = asked.elapsed();
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{fault:?}");
        assert!(took < TOLD_WITHIN, "{fault:?} took {took:?}");
        store.heal();
        // A store that took no upload counts as out until it takes a write.
        system.ready().await;
        system.quiet().await;
        assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0, "{fault:?}");
        assert_eq!(system.objects().await.len(), 0, "{fault:?}");
    }
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_slow_store_is_waited_for_by_uploads_and_jobs() {
    let (system, store) = system().await;
    let late = Fault::Slow(Duration::from_secs(2));
    let asked = [(Operation::Put, "staging/"), (Operation::Get, "staging/"), (Operation::Put, "pictures/")];
    for (operation, prefix) in asked {
        store.break_all(operation, prefix, late);
    }
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await);
    for (operation, prefix) in asked {
        assert_eq!(store.hit(operation, prefix).len(), 1, "{operation:?} of {prefix} once");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_put_that_is_reset_in_its_middle_is_made_again() {
    let (system, store) = system().await;
    store.break_next(1, Operation::Put, "staging/", Fault::Reset);
    store.break_next(1, Operation::Put, "pictures/", Fault::Reset);
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes("bench-4mb.jpg")).await);
    assert_eq!(store.seen(Operation::Put, "staging/").len(), 2);
    assert_eq!(store.seen(Operation::Put, "pictures/").len(), 2);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_32_objects_that_can_not_be_deleted_stay_listed_until_they_can_and_the_user_sees_the_new_picture()
{
    let (system, store) = system().await;
    let ada = system.client("ada");
    ada.upload_and_wait(pictures::bytes(PHOTO)).await;
    system.quiet().await;
    // A listing would find what no row names any more.
    system.listed().await;
    store.break_all(Operation::Delete, "", Fault::Fail(500));
    let second = ada.upload_and_wait(pictures::bytes("bench-4mb.jpg")).await;
    assert_first_try(&second);
    assert_eq!(ada.me().await["profile_picture_url"], second["picture_url"], "the new one is shown");
    until("the worker gave up deleting", PATIENCE, async || {
        (store.hit(Operation::Delete, "").len() >= 4).then_some(())
    })
    .await;
    assert_eq!(system.objects().await.len(), 3, "both pictures and the staged bytes");
    // The sweeper leaves them to the worker for a while; not for so long here.
    let due_now = "UPDATE object_deletions SET retry_at = now()";
    system.database.run(due_now).await;
    until("the sweeper has tried both too", PATIENCE, async || {
        let tried = "SELECT count(*) FROM object_deletions WHERE attempts > 0";
        (system.database.count(tried).await == 2).then_some(())
    })
    .await;
    store.heal();
    system.database.run(due_now).await;
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1, "only the shown picture is left");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_staged_object_that_breaks_off_while_it_is_read_is_read_to_its_end() {
    let (system, store) = system().await;
    store.break_next(1, Operation::Get, "staging/", Fault::CutBody);
    assert_first_try(&system.client("ada").upload_and_wait(pictures::bytes(PHOTO)).await);
    assert!(store.seen(Operation::Get, "staging/").len() > 1, "it was asked for again");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_23_staged_bytes_that_are_missing_with_the_whole_bucket_cost_no_attempt() {
    let (system, _store) = costs_no_attempt(Operation::Get, "", Fault::Fail(404)).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_17_a_staged_object_that_can_not_be_read_for_a_while_costs_no_attempt() {
    for fault in [Fault::CutBody, Fault::Fail(503), Fault::Refuse("AccessDenied")] {
        let (system, _store) = costs_no_attempt(Operation::Get, "staging/", fault).await;
        system.finish().await;
    }
}
