//! Clients that wait: for the status, for the result in the upload's answer, for events.

mod preferring;

use futures_util::future::join_all;
use pfp_tests::{
    chaos_store::{ChaosStore, Operation, held_worker},
    client::{Answer, Client},
    events::Events,
    pictures,
    raw::{Raw, head},
    system::{Setup, TestSystem},
};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

fn photo() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

/// A system with a worker whose jobs wait for their staged bytes until the store is healed.
async fn with_a_held_worker(setup: Setup) -> (TestSystem, ChaosStore) {
    held_worker(setup, Operation::Get, "staging/").await
}

/// Uploads with `Prefer: wait`.
async fn upload_preferring(client: &Client, wait: &str, file: Vec<u8>) -> Answer {
    let request = client.request("POST", "/user/upload-profile-picture");
    let request =
        request.header("prefer", wait).header("content-type", "application/octet-stream").body(file);
    Answer::read(request.send().await.unwrap()).await
}

/// Connections that hear of changes, to this system's database.
async fn listening(system: &TestSystem) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%listen_for_changes%'
        AND pid <> pg_backend_pid()";
    system.database.count(sql).await
}

/// Until so many clients wait at an API.
async fn waiting_at(system: &TestSystem, api: usize, clients: usize) {
    let line = format!("pfp_waiting_clients {clients}");
    system.apis[api].shows(&line).await;
}

/// Asks for a client's upload to become final, in a task of its own; tells its status and how long that took.
fn waits(client: &Client, location: &str) -> JoinHandle<(String, Duration)> {
    let (client, path) = (client.clone(), format!("{location}?wait=30"));
    tokio::spawn(async move {
        let asked = Instant::now();
        let answer = client.get(&path).await;
        let status = answer.json()["status"].as_str().map(str::to_owned).unwrap_or_default();
        (status, asked.elapsed())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_clients_of_every_api_are_told_at_once_and_cost_one_connection_for_each_api() {
    let (system, store) = with_a_held_worker(Setup::new().apis(2)).await;
    let clients: Vec<_> =
        (0..8).map(|number| system.client_at(number % 2, &format!("user-{number}"))).collect();
    let locations = join_all(clients.iter().map(|client| client.accepted(photo()))).await;
    let waiting = clients.iter().zip(&locations).enumerate().map(|(number, (client, location))| {
        // At the API that didn't take the upload.
        waits(&system.client_at((number + 1) % 2, &client.user), location)
    });
    let waiting: Vec<_> = waiting.collect();
    for api in 0..2 {
        system.apis[api].shows("pfp_change_notifications_up 1").await;
        waiting_at(&system, api, 4).await;
    }
    assert_eq!(listening(&system).await, 2);
    store.heal();
    for told in join_all(waiting).await {
        assert_eq!(told.unwrap().0, "succeeded");
    }
    // The notification is what tells them: what is read every five seconds would be too late on the whole.
    let told = Instant::now();
    let mut late = Vec::new();
    for client in &clients {
        let location = client.accepted(photo()).await;
        let (status, took) = waits(client, &location).await.unwrap();
        assert_eq!(status, "succeeded");
        late.push(took);
    }
    assert!(told.elapsed() < Duration::from_secs(8 * 2), "{late:?}");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_was_notified_of_is_told_some_seconds_later() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    let waiting = waits(&ada, &location);
    system.apis[0].shows("pfp_change_notifications_up 1").await;
    waiting_at(&system, 0, 1).await;
    cancel_by_hand(&system).await;
    let (status, took) = waiting.await.unwrap();
    assert_eq!(status, "cancelled");
    assert!(took < Duration::from_secs(15), "{took:?}");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_clients_are_told_of_what_changed_while_the_api_did_not_listen() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    system.apis[0].shows("pfp_change_notifications_up 1").await;
    let waiting = waits(&ada, &location);
    waiting_at(&system, 0, 1).await;
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%listen_for_changes%'
        AND datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(system.database.count(cut).await, 1);
    cancel_by_hand(&system).await;
    assert_eq!(waiting.await.unwrap().0, "cancelled");
    // It listens again: the next one is told by a notification.
    let location = ada.accepted(photo()).await;
    system.apis[0].shows("pfp_change_notifications_up 1").await;
    let waiting = waits(&ada, &location);
    waiting_at(&system, 0, 1).await;
    let cancelled = ada.request("DELETE", &location).send().await.unwrap();
    assert_eq!(cancelled.status(), 200);
    assert_eq!(waiting.await.unwrap().0, "cancelled");
    system.stop().await;
}

/// With no notification.
async fn cancel_by_hand(system: &TestSystem) {
    system
        .database
        .run(
            "UPDATE uploads SET status = 'cancelled', finished_at = now(), revision = revision + 1;
             INSERT INTO object_deletions (object_key) SELECT 'staging/' || id FROM uploads",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_an_upload_is_told_that_its_user_was_erased() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    let poll = tokio::spawn({
        let (ada, path) = (ada.clone(), format!("{location}?wait=30"));
        async move { ada.get(&path).await }
    });
    let prefers = tokio::spawn({
        let ada = ada.clone();
        async move { upload_preferring(&ada, "wait=30", photo()).await }
    });
    waiting_at(&system, 0, 2).await;
    let erased = Instant::now();
    assert_eq!(ada.request("DELETE", "/user/me").send().await.unwrap().status(), 204);
    let poll = poll.await.unwrap();
    assert_eq!((poll.status.as_u16(), poll.code().as_str()), (404, "upload_not_found"));
    let prefers = prefers.await.unwrap();
    assert_eq!((prefers.status.as_u16(), prefers.code().as_str()), (409, "upload_cancelled"));
    assert!(erased.elapsed() < Duration::from_secs(20), "{:?}", erased.elapsed());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_have_gone_are_no_longer_waited_for_and_one_that_closed_its_side_is_answered() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    let token = format!("Bearer {}", ada.token());
    let asks = |path: &str| head("GET", path, &[("Authorization", &token)]);
    let (poll, events) = (asks(&format!("{location}?wait=30")), asks(&format!("{location}/events")));
    let address = &system.apis[0].address;
    let mut clients = Vec::new();
    for number in 0..100 {
        clients.push(Raw::sending(address, if number % 2 == 0 { &poll } else { &events }).await);
    }
    let mut half = Raw::sending(address, &poll).await;
    waiting_at(&system, 0, 101).await;
    let left = Instant::now();
    drop(clients);
    waiting_at(&system, 0, 1).await;
    half.send_no_more().await;
    assert_eq!(half.answer().await.json()["status"], "queued");
    waiting_at(&system, 0, 0).await;
    assert!(left.elapsed() < Duration::from_secs(10), "{:?}", left.elapsed());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_the_present_state_first_and_then_each_further_one_to_the_end() {
    let mut system = Setup::new().apis(2).workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    let mut events = Events::of(&system.client_at(1, "ada"), &location).await;
    assert_eq!(events.answer.header("content-type"), "text/event-stream");
    assert_eq!(events.answer.header("x-accel-buffering"), "no");
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["status"]), ("status", &"queued".into()));
    assert_eq!(format!("\"{}\"", first.id), ada.get(&location).await.header("etag"));
    // While nothing happens.
    let silent = Instant::now();
    events.comment().await;
    let silent = silent.elapsed().as_secs_f64();
    assert!((13.0..25.0).contains(&silent), "a comment comes after 15 s: {silent}");
    system.start_worker();
    let mut last = events.next().await.unwrap();
    while last.data["status"] == "processing" {
        last = events.next().await.unwrap();
    }
    assert_eq!(last.data["status"], "succeeded");
    assert_eq!(last.data, ada.get(&location).await.json());
    assert!(events.next().await.is_none(), "it ends after a final state");

    let mut events = Events::of(&ada, &location).await;
    assert_eq!(events.next().await.unwrap().data, last.data);
    assert!(events.next().await.is_none());
    let path = format!("{location}/events");
    let again = ada.request("GET", &path).header("last-event-id", &last.id).send().await.unwrap();
    assert_eq!(again.status(), 204, "a reader that comes back by itself stops");
    let others = system.client("bob").get(&path).await;
    assert_eq!((others.status.as_u16(), others.code().as_str()), (404, "upload_not_found"));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_when_their_time_is_up_their_upload_is_erased_or_the_api_stops() {
    let mut system = Setup::new().workers(0).prepare().await;
    system.start_api_with(&[("PFP_EVENTS_LIFETIME", "1s")]);
    system.start_api();
    system.ready().await;
    let ada = system.client("ada");
    let location = ada.accepted(photo()).await;
    let mut short = Events::of(&ada, &location).await;
    let mut erased = Events::of(&system.client_at(1, "ada"), &location).await;
    let bob = system.client_at(1, "bob");
    let mut stopped = Events::of(&bob, &bob.accepted(photo()).await).await;
    for events in [&mut short, &mut erased, &mut stopped] {
        assert_eq!(events.next().await.unwrap().data["status"], "queued");
    }
    assert!(short.next().await.is_none());
    assert_eq!(ada.request("DELETE", "/user/me").send().await.unwrap().status(), 204);
    assert!(erased.next().await.is_none());
    assert!(system.apis[1].terminate().await.success());
    assert!(stopped.next().await.is_none());
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_listed_newest_first_page_by_page() {
    let system = Setup::new().workers(0).start().await;
    let (ada, bob) = (system.client("ada"), system.client("bob"));
    assert_eq!(
        ada.get("/user/uploads").await.json(),
        serde_json::json!({"uploads": [], "next_cursor": null})
    );
    let mut ids = Vec::new();
    for _ in 0..5 {
        let location = ada.accepted(photo()).await;
        bob.accepted(photo()).await;
        ids.insert(0, location.rsplit('/').next().unwrap().to_owned());
    }
    let (mut seen, mut path) = (Vec::new(), "/user/uploads?limit=2".to_owned());
    loop {
        let page = ada.get(&path).await.json();
        let uploads = page["uploads"].as_array().unwrap();
        assert!(uploads.len() <= 2);
        seen.extend(uploads.iter().map(|upload| upload["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        // One that comes in between shifts nothing.
        ada.accepted(photo()).await;
        path = format!("/user/uploads?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ids);
    let one = ada.get("/user/uploads?limit=1").await.json();
    let shown = ada.get(&format!("/user/uploads/{}", one["uploads"][0]["id"].as_str().unwrap())).await.json();
    assert_eq!(one["uploads"][0], shown);
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=-1"] {
        let refused = ada.get(&format!("/user/uploads?{query}")).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "query_invalid"), "{query}");
    }
    system.stop().await;
}
