//! The object store: how a bucket comes to be, and what is said of one that can't be used.

mod folder;
mod wrong_bucket;
mod wrong_settings;

use futures_util::future::join_all;
use pfp_tests::{
    bucket, pictures,
    process::Process,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_apis_that_start_at_once_without_a_bucket_each_take_an_upload_at_once() {
    let mut system = Setup::new().set("PFP_DATABASE_CONNECTIONS", "4").prepare().await;
    for _ in 0..16 {
        system.start_api();
    }
    for _ in 0..4 {
        system.start_worker();
    }
    let clients: Vec<_> = (0..16).map(|number| system.client_at(number, &format!("user-{number}"))).collect();
    let file = pictures::bytes("bench-170kb.jpg");
    let uploads = system.apis.iter_mut().zip(&clients).map(|(api, client)| async {
        api.ready().await;
        client.upload(file.clone()).await
    });
    let answers = join_all(uploads).await;
    for (client, answer) in clients.iter().zip(answers) {
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.bytes));
        let upload = client.finished(answer.header("location")).await;
        assert_eq!(upload["status"], "succeeded", "{upload}");
    }
    system.ready().await;
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 16);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_may_not_be_created_is_waited_for() {
    let mut system = Setup::new().set("PFP_S3_CREATE_BUCKET", "false").prepare().await;
    system.start_api();
    system.start_worker();
    storage_is_out(&mut system, "there is no such bucket, and PFP_S3_CREATE_BUCKET is false").await;
    bucket::make(&system.settings).await;
    system.ready().await;
    let upload = system.client("ada").upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
    system.finish().await;
}

/// Waits until both processes say why the store is out, and sees that they run on and take no upload.
async fn storage_is_out(system: &mut TestSystem, why: &str) {
    let worker = &system.workers[0];
    until(&format!("a worker's readiness says: {why}"), PATIENCE, async || {
        let (status, body) = readiness(worker).await?;
        (status == 503 && body["storage"].as_str().unwrap_or_default().contains(why)).then_some(())
    })
    .await;
    let api = &system.apis[0];
    until(&format!("the API's log says: {why}"), PATIENCE, async || {
        let log = api.log_text();
        let line = log.lines().find(|line| line.contains("dependency is down") && line.contains(why));
        line.map(|line| assert!(line.contains("storage"), "{line}"))
    })
    .await;
    let (status, body) = readiness(api).await.expect("an answer");
    assert_eq!((status, &body["dependencies"]["storage"]), (503, &"down".into()), "{body}");
    let answer = system.client("ada").upload(pictures::bytes("bench-170kb.jpg")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "storage_unavailable"));
    for process in system.apis.iter_mut().chain(&mut system.workers) {
        assert!(process.is_running(), "{}", process.log_text());
    }
}

async fn readiness(process: &Process) -> Option<(u16, Value)> {
    let answer = reqwest::get(format!("http://{}/readyz", process.address)).await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}
