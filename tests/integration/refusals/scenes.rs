//! Refusals that take more than one request, or a client that does odd things.

use super::{Case, UPLOAD};
use pfp_shared::failure::FailureCode;
use pfp_tests::{
    client::Answer,
    pictures,
    raw::{Raw, upload_head},
    system::TestSystem,
    wait::{PATIENCE, until},
};
use serde_json::json;

/// Uploads that the scenes leave behind: each of these has to be accepted for another to be refused.
pub(super) const ACCEPTED: i64 = 4;

/// Plays all, at APIs of their own beside the first one.
pub(super) async fn play(system: &mut TestSystem) -> Vec<(Case, Answer)> {
    system.start_api_with(&[("PFP_USERS", "require")]);
    system.start_api_with(&[("PFP_RATE_UPLOADS_PER_MINUTE", "1")]);
    system.start_api_with(&[("PFP_UPLOADS_IN_FLIGHT_PER_USER", "1")]);
    system.start_api_with(&[("PFP_IDLE_TIMEOUT", "1s"), ("PFP_MIN_UPLOAD_RATE", "0")]);
    system.ready().await;
    let mut played = Vec::new();
    played.extend(unknown_users(system).await);
    played.extend(limits(system).await);
    played.extend(idempotency_keys(system).await);
    played.extend(broken_bodies(system).await);
    played.extend(malformed(system).await);
    played
}

fn case(code: FailureCode, about: &str) -> Case {
    Case::raw(code, about, "", "")
}

async fn unknown_users(system: &TestSystem) -> Vec<(Case, Answer)> {
    let stranger = system.client_at(1, "a stranger");
    let upload = stranger.upload(pictures::bytes("bench-170kb.jpg")).await;
    let me = stranger.get("/user/me").await;
    let users = system.database.count("SELECT count(*) FROM users WHERE id = 'a stranger'").await;
    assert_eq!(users, 0, "not created");
    let code = FailureCode::UserNotFound;
    vec![(case(code, "an upload"), upload), (Case::to(code, "GET", "/user/me"), me)]
}

async fn limits(system: &TestSystem) -> Vec<(Case, Answer)> {
    let file = pictures::bytes("bench-170kb.jpg");
    let (often, much) = (system.client_at(2, "often"), system.client_at(3, "much"));
    often.accepted(file.clone()).await;
    much.accepted(file.clone()).await;
    let rate = case(FailureCode::RateLimited, "the second in a minute").facts(json!({"limit": 1}));
    let in_flight = case(FailureCode::TooManyUploadsInFlight, "the second at once");
    let in_flight = in_flight.facts(json!({"limit": 1, "actual": 1}));
    vec![(rate, often.upload(file.clone()).await), (in_flight, much.upload(file).await)]
}

async fn idempotency_keys(system: &TestSystem) -> Vec<(Case, Answer)> {
    let ada = system.client("ada");
    let keyed = |key: &'static str, query: &str, body: Vec<u8>| {
        let request = ada.request("POST", &format!("{UPLOAD}?{query}")).header("idempotency-key", key);
        let request = request.header("content-type", "image/jpeg").body(body);
        async { Answer::read(request.send().await.unwrap()).await }
    };
    let file = pictures::bytes("bench-170kb.jpg");
    let first = keyed("used", "", file.clone()).await;
    assert_eq!(first.status, 202);
    let other_crop = keyed("used", "crop=0,0,5,5", file.clone()).await;
    let other_bytes = keyed("used", "", [&file[..], b"x"].concat()).await;

    let headers = [("Idempotency-Key", "busy"), ("Content-Type", "image/jpeg"), ("Content-Length", "9000")];
    let mut busy = Raw::sending(&system.apis[0].address, &upload_head(&ada, &headers)).await;
    busy.send(&file[..8000]).await;
    until("the first request is being received", PATIENCE, async || {
        let sql = "SELECT count(*) FROM uploads WHERE idempotency_key = 'busy'";
        (system.database.count(sql).await == 1).then_some(())
    })
    .await;
    let in_use = keyed("busy", "", file.clone()).await;
    busy.send(&file[..1000]).await;
    assert_eq!(busy.answer().await.status, 202, "the first one goes on");

    let theirs = system.client("eve").get(first.header("location")).await;
    vec![
        (case(FailureCode::IdempotencyKeyReused, "another crop"), other_crop),
        (case(FailureCode::IdempotencyKeyReused, "other bytes"), other_bytes),
        (case(FailureCode::IdempotencyKeyInUse, "at the same time"), in_use),
        (Case::to(FailureCode::UploadNotFound, "GET", first.header("location")), theirs),
    ]
}

async fn broken_bodies(system: &TestSystem) -> Vec<(Case, Answer)> {
    let bob = system.client("bob");
    let form = "multipart/form-data; boundary=b";
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\u{fffd}";
    let sized = |content_type, bytes: &[u8]| {
        let headers = [("Content-Type", content_type), ("Content-Length", "9000")];
        [&upload_head(&bob, &headers)[..], bytes].concat()
    };
    let chunked = [("Content-Type", "image/jpeg"), ("Transfer-Encoding", "chunked")];
    let chunked = [&upload_head(&bob, &chunked)[..], b"5\r\n\xFF\xD8\xFF\xE0x\r\nno number\r\n"].concat();
    let mut played = Vec::new();
    for (about, bytes) in [
        ("within the file", sized("image/jpeg", b"\xFF\xD8\xFF\xE0")),
        ("before the file", sized("image/jpeg", b"")),
        ("within a form", sized(form, part.as_bytes())),
        (
            "after a form's end",
            sized(form, format!("{}\r\n--b--", part.replace('\u{fffd}', "GIF89a")).as_bytes()),
        ),
        ("within a form's headers", sized(form, b"--b\r\nContent-Dispo")),
        ("at a broken chunk", chunked),
    ] {
        let mut connection = Raw::sending(&system.apis[0].address, &bytes).await;
        connection.send_no_more().await;
        played.push((case(FailureCode::UploadIncomplete, about), connection.answer().await));
    }
    for (about, bytes) in [
        ("nothing came", sized("image/jpeg", b"")),
        ("the file stalled", sized("image/jpeg", b"\xFF\xD8\xFF\xE0")),
        ("the form stalled", sized(form, part.as_bytes())),
    ] {
        let mut connection = Raw::sending(&system.apis[4].address, &bytes).await;
        let facts = json!({"limit": 1.0, "actual": 1.0});
        played.push((case(FailureCode::RequestTimeout, about).facts(facts), connection.answer().await));
    }
    played
}

async fn malformed(system: &TestSystem) -> Vec<(Case, Answer)> {
    let code = FailureCode::RequestMalformed;
    let mut played = Vec::new();
    for (about, headers, facts) in [
        ("no Host", "", json!({"limit": 1, "actual": 0})),
        ("two Hosts", "Host: a\r\nHost: b\r\n", json!({"limit": 1, "actual": 2})),
        ("packed", "Host: a\r\nTransfer-Encoding: gzip, chunked\r\n", json!({"allowed": ["chunked"]})),
        (
            "packed, on two lines",
            "Host: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            json!({"allowed": ["chunked"]}),
        ),
    ] {
        let token = system.client("ada").token().to_owned();
        let request =
            format!("POST {UPLOAD} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{headers}\r\n0\r\n\r\n");
        let mut connection = Raw::sending(&system.apis[0].address, request.as_bytes()).await;
        played.push((case(code, about).facts(facts), connection.answer().await));
    }
    played
}
