//! Processes whose clocks are an hour off: order and leases are the database's.

use futures_util::future::join_all;
use pfp_tests::{
    client::{Answer, now, sign},
    pictures,
    servers::variable,
    system::{SECRET, Setup, TestSystem},
};
use serde_json::json;
use std::time::Duration;

const PHOTO: &str = "bench-170kb.jpg";

/// What makes a process see another time; timers go on as they are.
fn off_by(by: &str) -> [(&'static str, String); 3] {
    [
        ("LD_PRELOAD", variable("PFP_TEST_FAKETIME")),
        ("FAKETIME", by.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

async fn system_of_wrong_clocks() -> TestSystem {
    let folder = std::path::PathBuf::from(variable("PFP_TEST_FOLDER"));
    let folder = folder.join(format!("clocks-{}", uuid::Uuid::new_v4().simple()));
    // An S3 server refuses requests whose time is more than a quarter of an hour off; a folder doesn't.
    let setup = Setup::new().apis(0).set("PFP_STORAGE_URL", &format!("file://{}", folder.display()));
    let mut system = setup.set("PFP_JWT_LEEWAY", "60s").prepare().await;
    for by in ["-1h", "+1h"] {
        let own = off_by(by);
        let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        system.start_api_with(&own);
        system.start_worker_with(&own);
    }
    system.ready().await;
    system
}

#[tokio::test(flavor = "multi_thread")]
async fn row_25_clocks_that_are_an_hour_off_change_neither_order_nor_leases() {
    let mut system = system_of_wrong_clocks().await;
    // The API of the past comes after the API of the future: the later upload wins all the same.
    for round in 0..4 {
        let later = system.client_at(round % 2, "ada");
        system.client_at((round + 1) % 2, "ada").accepted(pictures::bytes(PHOTO)).await;
        let upload = later.upload_and_wait(pictures::bytes(PHOTO)).await;
        assert_eq!((&upload["status"], &upload["attempts"]), (&"succeeded".into(), &1.into()), "{upload}");
        system.quiet().await;
        assert_eq!(later.me().await["profile_picture_url"], upload["picture_url"]);
    }
    // A worker that falls silent is taken over after its lease, by whatever clock.
    let clients: Vec<_> =
        (0..8).map(|number| system.client_at(number % 2, &format!("user-{number}"))).collect();
    let file = pictures::bytes("bench-4mb.jpg");
    let locations = join_all(clients.iter().map(|client| client.accepted(file.clone()))).await;
    system.workers[0].kill().await;
    for (client, location) in clients.iter().zip(&locations) {
        let upload = client.finished_within(location, Duration::from_secs(30)).await;
        assert_eq!(upload["status"], "succeeded", "{upload}");
        assert!(upload["attempts"].as_u64().unwrap() <= 2, "{upload}");
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn row_25_a_token_is_good_by_the_clock_of_the_api_and_its_leeway() {
    let system = system_of_wrong_clocks().await;
    // Until half an hour from now: for the API of the future that is half an hour ago.
    let token = sign(&json!({ "sub": "ada", "exp": now() + 1800 }), SECRET);
    for (api, status) in [(0, 200), (1, 401)] {
        let url = format!("http://{}/user/me", system.apis[api].address);
        let sent = reqwest::Client::new().get(url).bearer_auth(&token).send().await.unwrap();
        let answer = Answer::read(sent).await;
        assert_eq!(answer.status, status, "API {api}");
    }
    let within_the_leeway = sign(&json!({ "sub": "ada", "exp": now() + 3600 - 30 }), SECRET);
    let url = format!("http://{}/user/me", system.apis[1].address);
    let sent = reqwest::Client::new().get(url).bearer_auth(&within_the_leeway).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    system.finish().await;
}
