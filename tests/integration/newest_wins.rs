//! The newest accepted upload that succeeded is the user's picture, in whatever order workers finish.

use futures_util::future::join_all;
use pfp_tests::{pictures, system::Setup};

#[tokio::test(flavor = "multi_thread")]
async fn row_20_an_older_upload_that_finishes_after_a_newer_one_is_superseded() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let older = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let newer = ada.accepted(pictures::bytes("bench-4mb.jpg")).await;
    // Held back until the newer one is done.
    system
        .database
        .run(&format!("UPDATE uploads SET run_after = now() + interval '1 hour' WHERE id = '{}'", id(&older)))
        .await;
    system.start_worker();
    system.ready().await;
    let newer = ada.finished(&newer).await;
    assert_eq!(newer["status"], "succeeded");
    system
        .database
        .run("UPDATE uploads SET run_after = now(), published_at = NULL WHERE status = 'queued'")
        .await;
    let older = ada.finished(&older).await;
    assert_eq!(older["status"], "superseded");
    assert_eq!(older["picture_url"], serde_json::Value::Null);
    assert_eq!(older["failure"], serde_json::Value::Null, "superseded is not an error");
    system.workers[0].shows("pfp_jobs_total{outcome=\"superseded\"} 1").await;
    assert_eq!(ada.me().await["profile_picture_url"], newer["picture_url"]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_good_upload_shows_though_a_newer_one_was_rejected() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let good = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let bad = ada.accepted(truncated_photo()).await;
    system
        .database
        .run(&format!("UPDATE uploads SET run_after = now() + interval '1 hour' WHERE id = '{}'", id(&good)))
        .await;
    system.start_worker();
    system.ready().await;
    let bad = ada.finished(&bad).await;
    assert_eq!(
        (&bad["status"], &bad["failure"]["code"]),
        (&"rejected".into(), &"picture_corrupt".into()),
        "{bad}"
    );
    system
        .database
        .run("UPDATE uploads SET run_after = now(), published_at = NULL WHERE status = 'queued'")
        .await;
    let good = ada.finished(&good).await;
    assert_eq!(good["status"], "succeeded");
    assert_eq!(ada.me().await["profile_picture_url"], good["picture_url"]);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_picture_is_no_longer_named_by_its_upload_nor_served() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let first = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let url = ada.finished(&first).await["picture_url"].as_str().unwrap().to_owned();
    ada.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let first = ada.get(&first).await.json();
    assert_eq!((&first["status"], &first["picture_url"]), (&"succeeded".into(), &serde_json::Value::Null));
    system.quiet().await;
    let gone = ada.get(&url).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "picture_not_found"));
    assert_eq!(gone.header("cache-control"), "no-store");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_21_of_fifty_uploads_of_one_user_at_once_the_highest_generation_shows_and_one_object_is_left() {
    let system = Setup::new().apis(2).workers(2).start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let accepted = (0..50).map(|number| {
        let (ada, file) = (system.client_at(number % 2, "ada"), file.clone());
        async move { ada.accepted(file).await }
    });
    let locations = join_all(accepted).await;
    let ada = system.client("ada");
    for location in &locations {
        let status = ada.finished(location).await["status"].clone();
        assert!(status == "succeeded" || status == "superseded", "{status}");
    }
    let newest = "SELECT id::text FROM uploads ORDER BY generation DESC LIMIT 1";
    let newest: String = system.database.rows(newest, &[]).await[0].get(0);
    let newest = ada.get(&format!("/user/uploads/{newest}")).await.json();
    assert_eq!(newest["status"], "succeeded", "{newest}");
    assert_eq!(ada.me().await["profile_picture_url"], newest["picture_url"]);
    system.quiet().await;
    assert_eq!(system.objects().await.len(), 1);
    system.finish().await;
}

fn id(location: &str) -> &str {
    location.rsplit('/').next().unwrap()
}

fn truncated_photo() -> Vec<u8> {
    let mut file = pictures::bytes("bench-170kb.jpg");
    file.truncate(file.len() / 2);
    file
}
