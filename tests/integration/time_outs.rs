//! The time-outs of database, broker and object store: each ends a wait when it says so.

use pfp_shared::database::Durability;
use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    client::Answer,
    database::TestDatabase,
    pictures,
    servers::Servers,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
    wire::Wire,
};
use std::time::{Duration, Instant};

fn file() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

/// An upload's answer, and how long it took.
async fn timed_upload(system: &TestSystem) -> (Answer, Duration) {
    let asked = Instant::now();
    (system.client("ada").upload(file()).await, asked.elapsed())
}

/// A system whose processes reach the broker over a wire.
async fn on_a_wire(setup: Setup) -> (Setup, Wire) {
    let (wire, over_the_wire) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    (setup.set("PFP_AMQP_URL", &over_the_wire), wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_confirmed_holds_an_answer_up_for_the_publish_time_out_once() {
    let (setup, wire) = on_a_wire(Setup::new().workers(0).set("PFP_PUBLISH_TIMEOUT", "2500ms")).await;
    let system = setup.start().await;
    system.publishes().await;
    wire.freeze();
    let (answer, took) = timed_upload(&system).await;
    assert_eq!(answer.status, 202);
    assert!((Duration::from_millis(2400)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let (answer, took) = timed_upload(&system).await;
    assert_eq!(answer.status, 202);
    assert!(took < Duration::from_secs(2), "the broker is known to be out: {took:?}");
    wire.thaw();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_says_nothing_is_given_up_after_the_broker_time_out() {
    let (setup, wire) = on_a_wire(Setup::new().set("PFP_BROKER_TIMEOUT", "300ms")).await;
    wire.freeze();
    let mut system = setup.prepare().await;
    system.start_api();
    system.start_worker();
    for process in system.apis.iter().chain(&system.workers) {
        until("the time-out is told", PATIENCE, async || {
            process.log_text().contains("no answer from the broker within 300 ms").then_some(())
        })
        .await;
    }
    wire.thaw();
    system.ready().await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_is_waited_for_no_longer_than_its_time_out() {
    let system = Setup::new().workers(0).set("PFP_DATABASE_TIMEOUT", "400ms").start().await;
    let other = TestDatabase::connect(&system.settings["PFP_DATABASE_URL"]).await;
    other.run("BEGIN; LOCK TABLE users").await;
    let (answer, took) = timed_upload(&system).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    assert!((Duration::from_millis(350)..Duration::from_millis(2500)).contains(&took), "{took:?}");
    other.run("ROLLBACK").await;
    until("uploads are taken again", PATIENCE, async || {
        (system.client("ada").upload(file()).await.status == 202).then_some(())
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_ends_by_itself_what_a_process_of_ours_left_behind() {
    let system = Setup::new().workers(0).set("PFP_DATABASE_TIMEOUT", "500ms").start().await;
    let pool = system.pool();
    let (mut statement, mut lock, mut idle) =
        (pool.session().await.unwrap(), pool.session().await.unwrap(), pool.session().await.unwrap());
    let asked = Instant::now();
    let ended = statement.execute("SELECT pg_sleep(60)", &[]).await.unwrap_err().to_string();
    let took = asked.elapsed();
    assert!(ended.contains("statement timeout"), "{ended}");
    assert!((Duration::from_millis(950)..Duration::from_secs(3)).contains(&took), "twice it: {took:?}");
    let other = TestDatabase::connect(&system.settings["PFP_DATABASE_URL"]).await;
    other.run("BEGIN; LOCK TABLE users").await;
    let asked = Instant::now();
    let ended = lock.execute("SELECT id FROM users", &[]).await.unwrap_err().to_string();
    let took = asked.elapsed();
    assert!(ended.contains("lock timeout"), "{ended}");
    assert!((Duration::from_millis(450)..Duration::from_secs(2)).contains(&took), "as long: {took:?}");
    other.run("ROLLBACK").await;
    // What is frozen or cut off in the middle of a transaction holds its rows no longer than this.
    idle.begin(Durability::Durable).await.unwrap();
    idle.execute("LOCK TABLE users", &[]).await.unwrap();
    let asked = Instant::now();
    other.run("LOCK TABLE users; SELECT 1").await;
    let took = asked.elapsed();
    assert!((Duration::from_millis(1200)..Duration::from_secs(5)).contains(&took), "thrice it: {took:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_waited_for_no_longer_than_twice_its_time_out() {
    let mut system = Setup::new().prepare().await;
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    system.start_api_with(&[("PFP_S3_ENDPOINT", &store.endpoint), ("PFP_STORAGE_TIMEOUT", "500ms")]);
    system.ready().await;
    store.break_all(Operation::Put, "staging/", Fault::Hang);
    let (answer, took) = timed_upload(&system).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "storage_unavailable"));
    assert!((Duration::from_millis(450)..Duration::from_secs(4)).contains(&took), "{took:?}");
    store.heal();
    system.stop().await;
}
