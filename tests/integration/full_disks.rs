//! Disks that are full: the store's and the database's, as they tell it. The broker's is an alarm of the broker,
//! tested beside that of its memory; a worker writes no files.

use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};

const PHOTO: &str = "bench-170kb.jpg";

async fn assert_refused(system: &TestSystem, code: &str) {
    let ada = system.client("ada");
    let answer = ada.upload(pictures::bytes(PHOTO)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, code));
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_a_full_store_is_told_as_unavailable_and_jobs_wait_for_room() {
    let mut system = Setup::new().apis(0).prepare().await;
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    let own = [("PFP_S3_ENDPOINT", store.endpoint.as_str())];
    system.start_api_with(&own);
    system.start_worker_with(&own);
    system.ready().await;
    // What MinIO answers when its disk is full.
    store.break_all(Operation::Put, "pictures/", Fault::Fail(507));
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    system.workers[0].shows("pfp_jobs_total{outcome=\"released\"}").await;
    store.break_all(Operation::Put, "", Fault::Fail(507));
    assert_refused(&system, "storage_unavailable").await;
    store.heal();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 1, "nothing of the refused one");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_24_a_full_database_is_told_as_unavailable_and_jobs_wait_for_room() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes(PHOTO)).await;
    let message = "could not extend file: No space left on device";
    system.database.refuse("uploads", "53100", message).await;
    assert_refused(&system, "database_unavailable").await;
    system.start_worker();
    system.ready().await;
    until("the worker tries to claim the job", PATIENCE, async || {
        system.workers[0].log_text().contains("No space left on device").then_some(())
    })
    .await;
    system.database.refuse_no_more("uploads").await;
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 1, "nothing of the refused one");
    system.finish().await;
}
