//! Our own processes, killed in the middle of their work.

use crate::start;
use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    chaos_store::{ChaosStore, Fault, Operation},
    pictures,
    servers::{Servers, rounds},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;

const UPLOAD: &str = "/user/upload-profile-picture";

async fn receiving(system: &TestSystem, count: i64) {
    until(&format!("{count} uploads are being received"), PATIENCE, async || {
        let sql = "SELECT count(*) FROM uploads WHERE status = 'receiving'";
        (system.database.count(sql).await == count).then_some(())
    })
    .await;
}

/// The API is gone; a new one on the same data, with nothing left of the upload that was broken off.
async fn nothing_is_left(system: &mut TestSystem) {
    receiving(system, 0).await;
    system.quiet().await;
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 0);
    assert_eq!(system.objects().await.len(), 0);
    system.apis.remove(0);
    system.start_api();
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_an_api_that_is_killed_in_the_middle_of_an_upload_leaves_nothing_of_it() {
    let (mut system, _servers) = start(Setup::new()).await;
    let file = pictures::bytes("bench-4mb.jpg");
    let half = bytes::Bytes::copy_from_slice(&file[..file.len() / 2]);
    let never_ends = stream::iter([Ok::<_, std::io::Error>(half)]).chain(stream::pending());
    let request = system.client("ada").request("POST", UPLOAD).header("content-type", "image/jpeg");
    let request = request.header("content-length", file.len()).body(reqwest::Body::wrap_stream(never_ends));
    let sending = tokio::spawn(request.send());
    receiving(&system, 1).await;
    system.apis[0].kill().await;
    let answer = sending.await.unwrap();
    assert!(answer.is_err(), "the client sees a broken connection: {answer:?}");
    nothing_is_left(&mut system).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_01_an_api_that_is_killed_between_staging_and_accepting_leaves_nothing_of_the_upload() {
    let servers = Servers::to_break();
    let store = ChaosStore::start(servers.value("MINIO_ENDPOINT")).await;
    let setup = Setup::new().set("PFP_S3_ENDPOINT", &store.endpoint);
    let (mut system, _servers) = start(setup).await;
    store.break_all(Operation::Put, "staging/", Fault::HoldReply);
    let client = system.client("ada");
    let request = client.request("POST", UPLOAD).header("content-type", "image/jpeg");
    let sending = tokio::spawn(request.body(pictures::bytes("bench-170kb.jpg")).send());
    until("the object is staged", PATIENCE, async || (system.objects().await.len() == 1).then_some(())).await;
    receiving(&system, 1).await;
    system.apis[0].kill().await;
    let answer = sending.await.unwrap();
    assert!(answer.is_err(), "the client sees a broken connection: {answer:?}");
    store.heal();
    nothing_is_left(&mut system).await;
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_11_the_jobs_of_a_worker_that_is_killed_are_finished_by_the_other() {
    let (mut system, _servers) = start(Setup::new()).await;
    let file = pictures::bytes("bench-4mb.jpg");
    for round in 0..rounds() {
        let clients: Vec<_> = (0..8).map(|number| system.client(&format!("{round}-{number}"))).collect();
        let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
        until("the first worker is at work", PATIENCE, async || {
            let metrics = system.workers[0].metrics().await;
            let works = metrics
                .lines()
                .any(|line| line.strip_prefix("pfp_jobs_in_progress ").is_some_and(|jobs| jobs != "0"));
            works.then_some(())
        })
        .await;
        system.workers[0].kill().await;
        system.workers.remove(0);
        for (client, location) in clients.iter().zip(&locations) {
            let upload = client.finished(location).await;
            assert_eq!(upload["status"], "succeeded", "round {round}: {upload}");
            let attempts = upload["attempts"].as_u64().unwrap();
            assert!((1..=2).contains(&attempts), "round {round}: at most the killed attempt more: {upload}");
        }
        system.start_worker();
        system.ready().await;
    }
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 8 * rounds());
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_before_their_servers_wait_for_them() {
    let servers = Servers::to_break();
    let mut system = Setup::new().on(&servers).prepare().await;
    let down = ["postgres", "rabbitmq", "minio"].map(|server| servers.stop(server));
    system.start_api();
    system.start_worker();
    let worker = format!("http://{}/readyz", system.workers[0].address);
    until("the worker tells what is missing", PATIENCE, async || {
        let told: Value = reqwest::get(&worker).await.ok()?.json().await.ok()?;
        let says = |name: &str, why: &str| told[name].as_str().unwrap_or_default().contains(why);
        (says("database", "no database connection") && says("broker", "refused")).then_some(())
    })
    .await;
    let api = format!("http://{}/readyz", system.apis[0].address);
    let api = until("the API answers", PATIENCE, async || reqwest::get(&api).await.ok()).await;
    assert_eq!(api.status(), 503);
    assert_eq!(api.json::<Value>().await.unwrap()["status"], "unavailable");
    let answer = system.client("ada").upload(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "database_unavailable"));
    for server in down {
        server.up();
    }
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!(upload["status"], "succeeded", "{upload}");
    system.finish().await;
}
