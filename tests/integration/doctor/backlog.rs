//! A healthy backlog beside what the doctor finds and does: it is neither lost nor sent again.

use super::{doctor, photo, quiet_system};
use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    process,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::collections::BTreeMap;

/// As if a user's upload had waited in the queue for an hour.
async fn waits_for_an_hour(system: &TestSystem, user: &str) {
    let sql = format!(
        "UPDATE uploads SET published_at = now() - interval '1 hour', run_after = now() - interval '1 hour'
         WHERE user_id = '{user}' AND status = 'queued'"
    );
    system.database.run(&sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_not_sent_again_for_one_of_its_latest_that_is_given_up() {
    let (system, _) = quiet_system().await;
    // As where nothing after them was worked on.
    system.database.run("UPDATE uploads SET requeued_for = 'retry' WHERE status <> 'queued'").await;
    let location = system.client("dora").accepted(photo()).await;
    waits_for_an_hour(&system, "carl").await;
    let staged = format!("staging/{}", location.rsplit('/').next().unwrap());
    assert!(system.storage.delete(&[staged]).await.is_empty());
    assert_eq!(doctor(&system, &[]), (false, BTreeMap::from([("staged_missing".to_owned(), 1)])));
    let (_, found) = doctor(&system, &["--repair"]);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["failed_upload"]);
    let carls =
        "SELECT count(*) FROM uploads WHERE user_id = 'carl' AND status = 'queued' AND requeued_for IS NULL";
    assert_eq!(system.database.count(carls).await, 1, "it waits for its turn still");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_that_forms_while_the_doctor_looks_is_none_of_its_business() {
    let mut system = Setup::new().set("PFP_JOB_LEASE", "2s").start().await;
    system.listed().await;
    assert!(system.workers[0].terminate().await.success());
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    store.break_all(Operation::List, "", Fault::Hang);
    let mut settings = system.settings.clone();
    settings.insert("PFP_S3_ENDPOINT".to_owned(), store.endpoint.clone());
    settings.entry("PFP_PUBLIC_URL".to_owned()).or_insert_with(|| "http://127.0.0.1:1".to_owned());
    let examining =
        tokio::task::spawn_blocking(move || process::run("pfp-worker", &["doctor", "--json"], &settings));
    // By then it has seen an empty queue.
    until("the doctor lists the bucket", PATIENCE, async || {
        (!store.hit(Operation::List, "").is_empty()).then_some(())
    })
    .await;
    system.client("carl").accepted(photo()).await;
    waits_for_an_hour(&system, "carl").await;
    store.heal();
    let told = examining.await.unwrap();
    let out = String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success() && !out.contains("message_lost"), "{out}");
    system.stop().await;
}
