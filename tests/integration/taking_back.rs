//! What clients take back: an upload that waits, the picture, everything; and what it meets half-way.

mod erasing;

use futures_util::future::{join, join_all};
use pfp_tests::{
    chaos_store::{ChaosStore, Operation, held_worker},
    client::{Answer, Client},
    pictures,
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use serde_json::Value;
use std::time::Duration;

fn photo() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

async fn delete(client: &Client, path: &str) -> Answer {
    Answer::read(client.request("DELETE", path).send().await.unwrap()).await
}

/// A system whose worker puts no picture until the store is healed.
async fn with_a_held_worker(setup: Setup) -> (TestSystem, ChaosStore) {
    held_worker(setup, Operation::Put, "pictures/").await
}

/// Waits until so many pictures are on their way to the store.
async fn held(store: &ChaosStore, pictures: usize) {
    until("the job's picture is being put", PATIENCE, async || {
        (store.hit(Operation::Put, "pictures/").len() >= pictures).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_upload_is_cancelled_once_and_for_all_and_its_bytes_go() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    for _ in 0..2 {
        let cancelled = delete(&ada, &location).await;
        assert_eq!(cancelled.status, 200);
        assert_eq!(cancelled.header("etag"), ada.get(&location).await.header("etag"));
        let upload = cancelled.json();
        assert_eq!((&upload["status"], &upload["attempts"]), (&"cancelled".into(), &0.into()), "{upload}");
        assert!(upload["finished_at"].is_string() && upload["failure"].is_null(), "{upload}");
    }
    let others = delete(&system.client("bob"), &location).await;
    assert_eq!((others.status.as_u16(), others.code().as_str()), (404, "upload_not_found"));
    system.start_worker();
    system.ready().await;
    system.quiet().await;
    assert_eq!(ada.get(&location).await.json()["status"], "cancelled");
    assert!(system.objects().await.is_empty());
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_has_begun_with_or_finished_is_not_cancelled() {
    let (system, store) = with_a_held_worker(Setup::new()).await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    held(&store, 1).await;
    for status in ["processing", "succeeded"] {
        let refused = delete(&ada, &location).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "upload_not_cancellable"));
        let problem = refused.json();
        assert_eq!(
            (&problem["actual"], &problem["allowed"]),
            (&status.into(), &serde_json::json!(["queued"]))
        );
        store.heal();
        assert_eq!(ada.finished(&location).await["status"], "succeeded");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cancelled_while_workers_claim_is_either_cancelled_or_done() {
    let system = Setup::new().workers(2).start().await;
    let both = (0..40).map(|number| {
        let client = system.client(&format!("user-{number}"));
        async move {
            let location = client.accepted(photo()).await;
            // Some at once, some when a worker may have begun.
            tokio::time::sleep(Duration::from_millis(number % 8 * 10)).await;
            let cancelled = delete(&client, &location).await.status == 200;
            let status = client.finished(&location).await["status"].clone();
            assert_eq!(status, if cancelled { "cancelled" } else { "succeeded" });
            assert_eq!(client.me().await["profile_picture_url"].is_null(), cancelled);
            cancelled
        }
    });
    let outcomes = join_all(both).await;
    assert!(outcomes.contains(&true) && outcomes.contains(&false), "they met: {outcomes:?}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_picture_is_gone_at_once_and_deleting_none_changes_nothing() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let upload = ada.upload_and_wait(photo()).await;
    let location = format!("/user/uploads/{}", upload["id"].as_str().unwrap());
    let tag = ada.get(&location).await.header("etag").to_owned();
    let deleted = delete(&ada, "/user/profile-picture").await;
    assert_eq!(deleted.status, 200);
    assert_eq!(ada.get(upload["picture_url"].as_str().unwrap()).await.status, 404, "before any sweep");
    assert_eq!(
        (&deleted.json()["id"], &deleted.json()["profile_picture_url"]),
        (&"ada".into(), &Value::Null)
    );
    let again = delete(&ada, "/user/profile-picture").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, deleted.json()));
    let shown = ada.get(&location).await;
    assert_eq!((&shown.json()["status"], &shown.json()["picture_url"]), (&"succeeded".into(), &Value::Null));
    assert_ne!(shown.header("etag"), tag, "the upload has changed");
    system.quiet().await;
    assert!(system.objects().await.is_empty());
    let nobody = delete(&system.client("nobody"), "/user/profile-picture").await;
    assert_eq!((nobody.status.as_u16(), &nobody.json()["created_at"]), (200, &Value::Null));
    ada.upload_and_wait(photo()).await;
    assert!(!ada.picture().await.is_empty(), "a later upload shows again");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_accepted_before_the_picture_was_deleted_brings_none_back() {
    let (system, store) = with_a_held_worker(Setup::new()).await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    held(&store, 1).await;
    assert_eq!(delete(&ada, "/user/profile-picture").await.status, 200);
    store.heal();
    let upload = ada.finished(&location).await;
    assert_eq!((&upload["status"], &upload["picture_url"]), (&"superseded".into(), &Value::Null), "{upload}");
    assert_eq!(ada.me().await["profile_picture_url"], Value::Null);
    system.quiet().await;
    assert!(system.objects().await.is_empty());
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_deleted_while_others_are_promoted_never_dangles() {
    let system = Setup::new().workers(2).start().await;
    let both = (0..20).map(|number| {
        let client = system.client(&format!("user-{number}"));
        async move {
            let location = client.accepted(photo()).await;
            let later = async {
                // Some before it is promoted, some about then, and some surely after it.
                match number % 10 {
                    9 => drop(client.finished(&location).await),
                    tenth => tokio::time::sleep(Duration::from_millis(tenth * 20)).await,
                }
                delete(&client, "/user/profile-picture").await
            };
            let (_, deleted) = join(client.finished(&location), later).await;
            assert_eq!(deleted.status, 200);
            let shown = client.me().await["profile_picture_url"].clone();
            let upload = client.get(&location).await.json();
            assert_eq!(shown, upload["picture_url"], "{upload}");
            if let Some(url) = shown.as_str() {
                assert_eq!(client.get(url).await.status, 200);
            }
            upload["status"].clone()
        }
    });
    let outcomes = join_all(both).await;
    assert!(
        outcomes.contains(&"succeeded".into()) && outcomes.contains(&"superseded".into()),
        "{outcomes:?}"
    );
    system.finish().await;
}
