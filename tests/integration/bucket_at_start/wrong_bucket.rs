//! A database and a bucket that don't belong together, and a database that isn't ours: the process refuses to
//! start, and says why.

use pfp_tests::{
    pictures,
    process::Process,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::time::Duration;

const MARKER: &str = ".pfp/installation.json";

/// Starts an API and a worker, which both have to end with exit code 1 and these words.
async fn refuse_to_start(system: &mut TestSystem, words: &[&str]) {
    system.start_api();
    system.start_worker();
    let (api, worker) = (system.apis.len() - 1, system.workers.len() - 1);
    for process in [&mut system.apis[api], &mut system.workers[worker]] {
        assert_refused(process, words).await;
    }
}

async fn assert_refused(process: &mut Process, words: &[&str]) {
    let status = process.ended().await;
    let log = process.log_text();
    assert_eq!(status.code(), Some(1), "{log}");
    let told = log.lines().last().unwrap_or_default();
    for word in words {
        assert!(told.contains(word), "{word} isn't told at the end: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_pointed_at_the_bucket_of_another_is_refused() {
    let owner = Setup::new().start().await;
    owner.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let mut other = Setup::new().set("PFP_STORAGE_URL", &owner.settings["PFP_STORAGE_URL"]).prepare().await;
    let words = ["belongs to another database", "PFP_STORAGE_URL", "PFP_DATABASE_URL"];
    refuse_to_start(&mut other, &words).await;
    let swept = other.worker_command(&["sweep", "--force"]);
    assert_eq!(swept.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&swept.stderr).contains("belongs to another database"));
    other.stop().await;
    owner.quiet().await;
    assert_eq!(owner.objects().await.len(), 1, "nothing of the owner's was touched");
    owner.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_pointed_at_a_bucket_that_is_empty_is_refused_once_it_has_one() {
    let mut system = Setup::new().start().await;
    system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    system.quiet().await;
    for process in [&mut system.apis[0], &mut system.workers[0]] {
        assert!(process.terminate().await.success());
    }
    let bucket = system.settings["PFP_STORAGE_URL"].clone();
    system.settings.insert("PFP_STORAGE_URL".to_owned(), format!("{bucket}-2"));
    refuse_to_start(&mut system, &["belongs to another bucket", "PFP_STORAGE_URL"]).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_was_emptied_with_its_marker_is_refused() {
    let mut system = Setup::new().start().await;
    system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    system.quiet().await;
    for process in [&mut system.apis[0], &mut system.workers[0]] {
        assert!(process.terminate().await.success());
    }
    let mut objects = system.objects().await;
    objects.push(MARKER.to_owned());
    assert!(system.storage.delete(&objects).await.is_empty());
    refuse_to_start(&mut system, &["belongs to another bucket", "PFP_STORAGE_URL"]).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marker_that_goes_while_we_run_takes_the_store_out_until_it_is_back() {
    let mut system = Setup::new().start().await;
    let marker = system.storage.get(MARKER, 4096).await.unwrap();
    assert!(system.storage.delete(&[MARKER.to_owned()]).await.is_empty());
    until("the store is seen to be out", PATIENCE, async || {
        (told(&system.workers[0], "dependency is down") == 1).then_some(())
    })
    .await;
    // Looked at every half second: time enough for it to be taken for usable again.
    let is_up = async || (told(&system.workers[0], "dependency is up") > 1).then_some(());
    assert!(tokio::time::timeout(Duration::from_secs(3), until("it is up", PATIENCE, is_up)).await.is_err());
    system.storage.put_staged(MARKER, vec![marker]).await.unwrap();
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}

/// How often a process has said so of the store.
fn told(process: &Process, what: &str) -> usize {
    let log = process.log_text();
    log.lines().filter(|line| line.contains(what) && line.contains("\"dependency\":\"storage\"")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_our_schema_is_refused_with_the_command_that_makes_it() {
    let mut system = Setup::new().prepare().await;
    system.database.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await;
    refuse_to_start(&mut system, &["pfp-worker migrate"]).await;
    let migrated = system.worker_command(&["migrate"]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    system.start_api();
    system.start_worker();
    system.apis[1].ready().await;
    system.workers[1].ready().await;
    let upload = system.client_at(1, "ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}
