//! What one user may do: uploads a minute and unfinished uploads, right over any number of API processes.

use futures_util::future::join_all;
use pfp_tests::{
    client::{Answer, Client},
    pictures,
    raw::{Raw, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use std::collections::BTreeMap;

/// As good as a picture for the API.
const JPEG: &[u8] = b"\xFF\xD8\xFF\xE0 as good as a picture";
const RATE: &str = "PFP_RATE_UPLOADS_PER_MINUTE";
const IN_FLIGHT: &str = "PFP_UPLOADS_IN_FLIGHT_PER_USER";

fn outcome(answer: &Answer) -> String {
    if answer.status == 202 { "accepted".to_owned() } else { answer.code() }
}

/// Uploads one after the other, and tells what each came to.
async fn uploads(client: &Client, count: usize) -> Vec<String> {
    let mut outcomes = Vec::new();
    for _ in 0..count {
        outcomes.push(outcome(&client.upload(JPEG).await));
    }
    outcomes
}

/// Uploads by one user at all APIs at once, and tells how many came to what.
async fn at_once(system: &TestSystem, user: &str, count: usize) -> BTreeMap<String, usize> {
    let clients: Vec<_> =
        (0..count).map(|number| system.client_at(number % system.apis.len(), user)).collect();
    let mut outcomes = BTreeMap::new();
    for answer in join_all(clients.iter().map(|client| client.upload(JPEG))).await {
        *outcomes.entry(outcome(&answer)).or_insert(0) += 1;
    }
    outcomes
}

fn counts<const N: usize>(expected: [(&str, usize); N]) -> BTreeMap<String, usize> {
    expected.map(|(outcome, count)| (outcome.to_owned(), count)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_uploads_at_once_at_two_apis_leave_three_in_flight() {
    let system = Setup::new().apis(2).workers(0).set(IN_FLIGHT, "3").start().await;
    let expected = counts([("accepted", 3), ("too_many_uploads_in_flight", 37)]);
    assert_eq!(at_once(&system, "ada", 40).await, expected);
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 3);
    assert_eq!(system.objects().await.len(), 3, "nothing else was staged");
    assert_eq!(at_once(&system, "björn", 3).await, counts([("accepted", 3)]), "another user isn't concerned");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_uploads_at_once_at_two_apis_take_as_many_tokens_as_there_are() {
    let system = Setup::new().apis(2).workers(0).set(RATE, "2").start().await;
    let expected = counts([("accepted", 2), ("rate_limited", 38)]);
    assert_eq!(at_once(&system, "ada", 40).await, expected);
    assert_eq!(at_once(&system, "björn", 2).await, counts([("accepted", 2)]), "another user isn't concerned");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_three_are_in_flight_and_ten_are_taken_a_minute() {
    let system = Setup::new().workers(0).set(RATE, "").set(IN_FLIGHT, "").start().await;
    let told = uploads(&system.client("ada"), 11).await;
    assert_eq!(told[..3], ["accepted"; 3]);
    assert_eq!(told[3..10], ["too_many_uploads_in_flight"; 7], "refused ones count for the rate");
    assert_eq!(told[10], "rate_limited");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_refused_for_its_file_takes_a_token_too() {
    let system = Setup::new().workers(0).set(RATE, "3").start().await;
    let ada = system.client("ada");
    for _ in 0..3 {
        assert_eq!(ada.upload("no picture").await.code(), "invalid_format");
    }
    let refused = ada.upload(JPEG).await;
    assert_eq!(refused.code(), "rate_limited");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((15..=20).contains(&seconds), "a token comes every 20 s: {seconds}");
    assert!(refused.json()["detail"].as_str().unwrap().contains(&format!("{seconds} s")));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_come_back_one_by_one_and_no_more_than_a_minutes_worth() {
    let system = Setup::new().workers(0).set(RATE, "60").start().await;
    let ada = system.client("ada");
    assert_eq!(outcome(&ada.upload(JPEG).await), "accepted");
    system.database.run("UPDATE users SET upload_tokens = 0, upload_tokens_at = clock_timestamp()").await;
    let refused = ada.upload(JPEG).await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("rate_limited", "1"));
    until("the next token is there", PATIENCE, async || {
        (outcome(&ada.upload(JPEG).await) == "accepted").then_some(())
    })
    .await;
    system.database.run("UPDATE users SET upload_tokens_at = now() - interval '1 day'").await;
    assert_eq!(outcome(&ada.upload(JPEG).await), "accepted");
    let left = system.database.count("SELECT floor(upload_tokens)::bigint FROM users").await;
    assert_eq!(left, 59, "a day of rest fills the bucket, not more");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_limit_can_be_switched_off() {
    let mut system = Setup::new().workers(0).start().await;
    system.start_api_with(&[(RATE, "4")]);
    system.start_api_with(&[(IN_FLIGHT, "2")]);
    system.ready().await;
    assert_eq!(uploads(&system.client("none"), 30).await, ["accepted"; 30]);
    let rate = uploads(&system.client_at(1, "rate"), 6).await;
    assert_eq!(
        (&rate[..4], &rate[4..]),
        (&["accepted"; 4].map(str::to_owned)[..], &["rate_limited"; 2].map(str::to_owned)[..])
    );
    let in_flight = uploads(&system.client_at(2, "in flight"), 20).await;
    assert!(
        in_flight[..2] == ["accepted"; 2]
            && in_flight[2..].iter().all(|told| told == "too_many_uploads_in_flight")
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_in_flight_from_its_first_byte_to_its_final_state() {
    let mut system = Setup::new().workers(0).set(IN_FLIGHT, "1").start().await;
    let ada = system.client("ada");
    let file = pictures::bytes("bench-170kb.jpg");
    let (declared, length) = (("Content-Type", "image/jpeg"), file.len().to_string());
    let head = upload_head(&ada, &[declared, ("Content-Length", &length)]);
    let mut first = Raw::sending(&system.apis[0].address, &[&head[..], &file[..1000]].concat()).await;
    until("it is being received", PATIENCE, async || {
        (system.database.count("SELECT count(*) FROM uploads").await == 1).then_some(())
    })
    .await;
    let refused = ada.upload(file.clone()).await;
    assert_eq!(refused.code(), "too_many_uploads_in_flight", "while it is received");
    first.send(&file[1000..]).await;
    let accepted = first.answer().await;
    assert_eq!(accepted.status, 202);
    assert_eq!(ada.upload(file.clone()).await.code(), "too_many_uploads_in_flight", "while it is queued");
    system.start_worker();
    system.ready().await;
    ada.finished(accepted.header("location")).await;
    assert_eq!(ada.upload_and_wait(file).await["status"], "succeeded", "once it was final");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_another_system_owns_the_users_only_its_users_may_upload() {
    let system = Setup::new().set("PFP_USERS", "require").start().await;
    let (ada, eve) = (system.client("ada"), system.client("eve"));
    system.database.run("INSERT INTO users (id) VALUES ('ada')").await;
    let file = pictures::bytes("bench-170kb.jpg");
    assert_eq!(eve.upload(file.clone()).await.code(), "user_not_found");
    assert_eq!(eve.get("/user/me").await.code(), "user_not_found");
    assert_eq!(ada.me().await["profile_picture_url"], serde_json::Value::Null);
    assert_eq!(ada.upload_and_wait(file.clone()).await["status"], "succeeded");
    assert_eq!(system.database.count("SELECT count(*) FROM users").await, 1, "nobody was created");
    system.database.run("DELETE FROM users").await;
    assert_eq!(ada.upload(file).await.code(), "user_not_found", "once the other system has deleted the user");
    system.quiet().await;
    assert!(system.objects().await.is_empty(), "and the picture is gone with them");
    system.finish().await;
}
