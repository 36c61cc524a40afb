//! How often and how soon something is tried or checked again: as the settings say, and not as usual. What would take
//! much longer than [`SOON`] with the usual value shows that the setting is what counts.

use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    servers::Servers,
    system::{Setup, TestSystem},
    wait::until,
    wire::Wire,
};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(8);

/// Where the bucket says whose it is; read whenever the store is checked.
const MARKER: &str = ".pfp";

fn file() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

async fn on_a_bad_store(setup: Setup) -> (TestSystem, ChaosStore) {
    let (setup, store) = setup.set("PFP_SWEEP_INTERVAL", "100ms").on_chaos_store().await;
    (setup.start().await, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_the_store_is_made_again_as_often_as_is_said_and_no_more() {
    for (retries, requests) in [("0", 1), ("2", 3)] {
        let setup = Setup::new().workers(0).set("PFP_STORAGE_RETRIES", retries);
        let (system, store) = on_a_bad_store(setup).await;
        store.break_all(Operation::Put, "staging/", Fault::Fail(503));
        let answer = system.client("ada").upload(file()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "storage_unavailable"));
        assert_eq!(store.hit(Operation::Put, "staging/").len(), requests);
        store.heal();
        system.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_no_longer_than_is_said_before_it_is_tried_again() {
    let setup = Setup::new().set("PFP_RETRY_WAIT", "100ms").set("PFP_STORAGE_RETRIES", "0");
    let (system, store) = on_a_bad_store(setup).await;
    let ada = system.client("ada");
    store.break_all(Operation::Get, "staging/", Fault::Fail(500));
    let location = ada.accepted(file()).await;
    // Doubling from a second, and up to a half less, the seventh would come after 22 s at least.
    until("the job was tried seven times", SOON, async || {
        (store.hit(Operation::Get, "staging/").len() >= 7).then_some(())
    })
    .await;
    store.heal();
    assert_eq!(ada.finished(&location).await["attempts"], 1);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_waits_no_longer_than_is_said_before_it_is_tried_again() {
    let (system, store) = on_a_bad_store(Setup::new().set("PFP_DELETION_WAIT", "1s")).await;
    store.break_all(Operation::Delete, "", Fault::Fail(500));
    system.database.run("INSERT INTO object_deletions (object_key) VALUES ('pictures/nobodys.jpg')").await;
    // Doubling from five seconds, and up to a half less, the fourth would come after 17 s at least.
    until("the deletion has failed four times", SOON, async || {
        let failed = "SELECT count(*) FROM object_deletions WHERE attempts >= 4";
        (system.database.count(failed).await == 1).then_some(())
    })
    .await;
    store.heal();
    system.quiet().await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_connected_to_again_no_later_than_is_said() {
    let (wire, over_the_wire) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    let mut system = Setup::new().workers(0).start().await;
    system.start_worker_with(&[("PFP_AMQP_URL", &over_the_wire), ("PFP_RECONNECT_WAIT", "200ms")]);
    system.ready().await;
    system.publishes().await;
    wire.cut();
    // Doubling from 200 ms up to 5 s, and up to a half less, the twelfth would come after 18 s at least.
    until("the worker has asked twelve times", SOON, async || {
        (system.workers[0].log_text().matches("no consumer yet").count() >= 12).then_some(())
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_hears_of_changes_again_no_later_than_is_said() {
    let mut system = Setup::new().workers(0).prepare().await;
    let (wire, over_the_wire) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    system.start_api_with(&[
        ("PFP_DATABASE_URL", &over_the_wire),
        ("PFP_RECONNECT_WAIT", "200ms"),
        ("PFP_LOG", "info,pfp_api=debug"),
    ]);
    system.ready().await;
    wire.cut();
    until("the API has asked twelve times", SOON, async || {
        (system.apis[0].log_text().matches("changes of uploads aren't heard of").count() >= 12).then_some(())
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_checked_as_often_as_is_said_while_it_works_and_while_it_does_not() {
    let setup = Setup::new().workers(0).set("PFP_STORAGE_RETRIES", "0");
    let setup = setup.set("PFP_CHECK_INTERVAL", "100ms").set("PFP_CHECK_INTERVAL_DOWN", "100ms");
    let (system, store) = on_a_bad_store(setup).await;
    // At 5 s there would be two.
    until("twenty checks while it works", SOON, async || {
        (store.seen(Operation::Get, MARKER).len() >= 20).then_some(())
    })
    .await;
    store.break_all(Operation::Get, MARKER, Fault::Fail(503));
    // At 500 ms there would be sixteen.
    until("thirty checks while it doesn't", SOON, async || {
        (store.hit(Operation::Get, MARKER).len() >= 30).then_some(())
    })
    .await;
    store.heal();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn database_and_broker_are_checked_as_often_as_is_said() {
    let mut system = Setup::new().apis(0).workers(0).prepare().await;
    let (database, database_url) = Wire::in_url(&system.settings["PFP_DATABASE_URL"]).await;
    let (broker, broker_url) = Wire::in_url(Servers::shared().value("RABBITMQ_URL")).await;
    for interval in ["100ms", "10m"] {
        system.start_api_with(&[
            ("PFP_DATABASE_URL", &database_url),
            ("PFP_AMQP_URL", &broker_url),
            ("PFP_BROKER_TIMEOUT", "300ms"),
            ("PFP_CHECK_INTERVAL", interval),
        ]);
    }
    system.ready().await;
    system.publishes().await;
    database.cut();
    broker.freeze();
    for dependency in ["database", "broker"] {
        system.apis[0].shows(&format!("pfp_dependency_up{{dependency=\"{dependency}\"}} 0")).await;
        system.apis[1].shows(&format!("pfp_dependency_up{{dependency=\"{dependency}\"}} 1")).await;
    }
    broker.thaw();
    database.mend();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_somebody_found_out_is_checked_soon_however_rare_the_checks_are() {
    let setup = Setup::new().workers(0).set("PFP_CHECK_INTERVAL", "10m").set("PFP_STORAGE_RETRIES", "0");
    let (system, store) = on_a_bad_store(setup).await;
    store.break_next(1, Operation::Put, "staging/", Fault::Fail(503));
    let ada = system.client("ada");
    assert_eq!(ada.upload(file()).await.code(), "storage_unavailable");
    until("uploads are taken again", SOON, async || (ada.upload(file()).await.status == 202).then_some(()))
        .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_can_be_read_and_not_written_is_out_although_a_check_has_just_read_it() {
    let setup = Setup::new().workers(0).set("PFP_CHECK_INTERVAL", "100ms").set("PFP_STORAGE_RETRIES", "0");
    let (system, store) = on_a_bad_store(setup).await;
    store.break_all(Operation::Get, MARKER, Fault::HoldReply);
    until("a check is under way", SOON, async || {
        (!store.hit(Operation::Get, MARKER).is_empty()).then_some(())
    })
    .await;
    store.break_all(Operation::Put, "", Fault::Fail(503));
    assert_eq!(system.client("ada").upload(file()).await.code(), "storage_unavailable");
    // The check has read what it wanted.
    store.heal_only(Operation::Get);
    until("it was checked five times more whether it can be written", SOON, async || {
        (store.hit(Operation::Put, MARKER).len() >= 5).then_some(())
    })
    .await;
    let log = system.apis[0].log_text();
    let ups = log.lines().filter(|line| line.contains("dependency is up") && line.contains("storage"));
    assert_eq!(ups.count(), 1, "at the start: {log}");
    store.heal();
    system.stop().await;
}
