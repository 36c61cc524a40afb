//! A request that is sent again with the same `Idempotency-Key` is the same upload.

use futures_util::future::join_all;
use pfp_tests::{
    client::{Answer, Client},
    pictures,
    raw::{Raw, upload_head},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use reqwest::multipart::{Form, Part};
use std::time::Instant;

const UPLOAD: &str = "/user/upload-profile-picture";
const CROP: &str = "crop=1,2,300,400";

async fn send(client: &Client, key: &str, query: &str, file: &[u8]) -> Answer {
    let request = client.request("POST", &format!("{UPLOAD}?{query}")).header("idempotency-key", key);
    let request = request.header("content-type", "image/jpeg").body(file.to_vec());
    Answer::read(request.send().await.unwrap()).await
}

/// An upload with a key of which half has come so far.
async fn half_sent(system: &TestSystem, api: usize, key: &str) -> Raw {
    let client = system.client_at(api, "ada");
    let headers = [("Idempotency-Key", key), ("Content-Type", "image/jpeg"), ("Content-Length", "9000")];
    let head = upload_head(&client, &headers);
    let file = pictures::bytes("bench-170kb.jpg");
    let connection = Raw::sending(&system.apis[api].address, &[&head[..], &file[..4500]].concat()).await;
    until("it is being received", PATIENCE, async || (receiving(system, key).await == 1).then_some(())).await;
    connection
}

async fn receiving(system: &TestSystem, key: &str) -> i64 {
    let sql = "SELECT count(*) FROM uploads WHERE status = 'receiving' AND idempotency_key = $1";
    system.database.rows(sql, &[key]).await[0].get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_and_crop_are_the_same_upload_as_it_is_now_and_touch_no_limit() {
    let limits = [("PFP_RATE_UPLOADS_PER_MINUTE", "1"), ("PFP_UPLOADS_IN_FLIGHT_PER_USER", "1")];
    let setup =
        limits.iter().fold(Setup::new().workers(0).apis(2), |setup, (name, value)| setup.set(name, value));
    let mut system = setup.start().await;
    let (ada, elsewhere) = (system.client("ada"), system.client_at(1, "ada"));
    let file = pictures::bytes("bench-170kb.jpg");
    let first = send(&ada, "k", CROP, &file).await;
    assert_eq!((first.status.as_u16(), first.header("idempotency-replayed")), (202, ""));
    let tokens = "SELECT round(upload_tokens * 1e6)::bigint FROM users";
    let before = system.database.count(tokens).await;

    let form = Form::new()
        .part("file", Part::bytes(file.clone()).file_name("a"))
        .text("crop", r#"{"x":1,"y":2,"width":300,"height":400}"#);
    let form =
        ada.request("POST", UPLOAD).header("idempotency-key", "k").multipart(form).send().await.unwrap();
    for again in [
        send(&ada, "k", CROP, &file).await,
        send(&elsewhere, "k", CROP, &file).await,
        Answer::read(form).await,
    ] {
        assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (202, "true"));
        assert_eq!(again.json(), first.json());
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!((again.header("etag"), again.header("retry-after")), (first.header("etag"), "1"));
    }
    assert_eq!(system.database.count(tokens).await, before, "no token was taken");
    assert_eq!(send(&ada, "other", CROP, &file).await.status, 429, "the limits are on");
    assert_eq!(system.objects().await.len(), 1, "nothing was staged twice");

    system.start_worker();
    system.ready().await;
    let done = ada.finished(first.header("location")).await;
    let again = send(&ada, "k", CROP, &file).await;
    assert_eq!((again.status.as_u16(), again.json()), (202, done));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_or_another_crop_under_a_used_key_are_refused_and_other_users_keys_are_their_own() {
    let system = Setup::new().start().await;
    let ada = system.client("ada");
    let file = pictures::bytes("bench-170kb.jpg");
    let first = send(&ada, "k", CROP, &file).await;
    assert_eq!(first.status, 202);
    let (longer, shorter) = ([&file[..], b"x"].concat(), &file[..file.len() - 1]);
    for (query, bytes) in [(CROP, &longer[..]), (CROP, shorter), ("crop=1,2,300,401", &file), ("", &file)] {
        let refused = send(&ada, "k", query, bytes).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (422, "idempotency_key_reused"),
            "{query}"
        );
    }
    assert_eq!(
        send(&ada, "k", CROP, b"no picture").await.code(),
        "invalid_format",
        "looked at like any other"
    );
    for (user, key) in [("ada", "K"), ("björn", "k")] {
        let own = send(&system.client(user), key, "", &longer).await;
        assert_eq!((own.status.as_u16(), own.header("idempotency-replayed")), (202, ""), "{user} {key}");
        assert_ne!(own.header("location"), first.header("location"));
    }
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 3);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_requests_with_one_key_at_once_are_one_upload() {
    let system = Setup::new().apis(2).start().await;
    let file = pictures::bytes("bench-4mb.jpg");
    let clients: Vec<_> = (0..8).map(|number| system.client_at(number % 2, "ada")).collect();
    let answers = join_all(clients.iter().map(|client| send(client, "k", "", &file))).await;
    let (mut first, mut locations) = (0, Vec::new());
    for answer in &answers {
        match (answer.status.as_u16(), answer.header("idempotency-replayed")) {
            (409, _) => assert_eq!(
                (answer.code().as_str(), answer.header("retry-after")),
                ("idempotency_key_in_use", "1")
            ),
            (202, replayed) => {
                first += usize::from(replayed.is_empty());
                locations.push(answer.header("location"));
            }
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&answer.bytes)),
        }
    }
    locations.dedup();
    assert_eq!((first, locations.len()), (1, 1), "{locations:?}");
    assert_eq!(system.database.count("SELECT count(*) FROM uploads").await, 1);
    let again = send(&clients[0], "k", "", &file).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (202, locations[0]));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_or_broken_upload_frees_its_key_at_once() {
    let system = Setup::new().set("PFP_UPLOAD_LEASE", "1h").start().await;
    let ada = system.client("ada");
    let file = pictures::bytes("bench-170kb.jpg");
    for bad in [&b"no picture"[..], &[&file[..], &vec![0; 6 << 20]].concat()] {
        assert_eq!(send(&ada, "refused", "", bad).await.status, 400);
    }
    assert_eq!(send(&ada, "refused", "", &file).await.status, 202);

    let broken = half_sent(&system, 0, "broken").await;
    assert_eq!(send(&ada, "broken", "", &file).await.code(), "idempotency_key_in_use");
    drop(broken);
    until("the key is free", PATIENCE, async || (receiving(&system, "broken").await == 0).then_some(()))
        .await;
    let again = send(&ada, "broken", "", &file).await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (202, ""));
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_upload_whose_api_was_killed_is_free_after_its_lease() {
    let mut system = Setup::new().apis(2).workers(0).set("PFP_UPLOAD_LEASE", "5s").start().await;
    let file = pictures::bytes("bench-170kb.jpg");
    let _connection = half_sent(&system, 0, "k").await;
    system.apis[0].kill().await;
    let (killed, elsewhere) = (Instant::now(), system.client_at(1, "ada"));
    let refused = send(&elsewhere, "k", "", &file).await;
    assert_eq!(refused.code(), "idempotency_key_in_use", "it may still live");
    let answer = until("the key is free", PATIENCE, async || {
        let answer = send(&elsewhere, "k", "", &file).await;
        (answer.code() != "idempotency_key_in_use").then_some(answer)
    })
    .await;
    assert_eq!((answer.status.as_u16(), answer.header("idempotency-replayed")), (202, ""));
    assert!(killed.elapsed().as_secs() < 15, "{:?}", killed.elapsed());
    system.start_worker();
    system.workers[0].ready().await;
    assert_eq!(elsewhere.finished(answer.header("location")).await["status"], "succeeded");
    system.finish().await;
}
