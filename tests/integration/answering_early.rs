//! An answer that is known before the body has come: the client gets it, whether it waits to be asked for the
//! body or sends all of it first.

use pfp_tests::{
    client::Answer,
    pictures,
    raw::{Raw, head, upload_head},
    system::{Setup, TestSystem},
};

const FOUR_MB: usize = 4_000_000;

/// Heads of uploads of four megabytes or more, each refused for another reason, at the API that refuses it.
async fn refused(system: &TestSystem) -> Vec<(&'static str, usize, Vec<u8>, usize)> {
    let (ada, often, much) =
        (system.client("ada"), system.client_at(1, "often"), system.client_at(2, "much"));
    for client in [&often, &much] {
        client.accepted(pictures::bytes("bench-170kb.jpg")).await;
    }
    let keyed = ada.request("POST", "/user/upload-profile-picture").header("idempotency-key", "used");
    let first = keyed.header("content-type", "image/jpeg").body(pictures::bytes("bench-170kb.jpg"));
    assert_eq!(first.send().await.unwrap().status(), 202);
    let large = 20_000_000;
    let (small, big) = (FOUR_MB.to_string(), large.to_string());
    let (jpeg, length) = (("Content-Type", "image/jpeg"), ("Content-Length", small.as_str()));
    let path = "/user/upload-profile-picture";
    let token = format!("Bearer {}", ada.token());
    let authorized = ("Authorization", token.as_str());
    vec![
        ("token_missing", 0, head("POST", path, &[jpeg, length]), FOUR_MB),
        ("token_invalid", 0, head("POST", path, &[jpeg, length, ("Authorization", "Bearer x.y.z")]), FOUR_MB),
        (
            "unsupported_media_type",
            0,
            upload_head(&ada, &[("Content-Type", "application/json"), length]),
            FOUR_MB,
        ),
        ("invalid_format", 0, upload_head(&ada, &[("Content-Type", "image/webp"), length]), FOUR_MB),
        ("file_too_large", 0, upload_head(&ada, &[jpeg, ("Content-Length", &big)]), large),
        (
            "idempotency_key_invalid",
            0,
            upload_head(&ada, &[jpeg, length, ("Idempotency-Key", "a b")]),
            FOUR_MB,
        ),
        ("crop_invalid", 0, head("POST", &format!("{path}?crop=1"), &[jpeg, length, authorized]), FOUR_MB),
        ("not_found", 0, head("POST", "/nowhere", &[jpeg, length, authorized]), FOUR_MB),
        ("method_not_allowed", 0, head("PUT", path, &[jpeg, length, authorized]), FOUR_MB),
        ("rate_limited", 1, upload_head(&often, &[jpeg, length]), FOUR_MB),
        ("too_many_uploads_in_flight", 2, upload_head(&much, &[jpeg, length]), FOUR_MB),
        ("user_not_found", 3, upload_head(&system.client("eve"), &[jpeg, length]), FOUR_MB),
    ]
}

async fn start() -> TestSystem {
    let mut system = Setup::new().workers(0).start().await;
    system.start_api_with(&[("PFP_RATE_UPLOADS_PER_MINUTE", "1")]);
    system.start_api_with(&[("PFP_UPLOADS_IN_FLIGHT_PER_USER", "1")]);
    system.start_api_with(&[("PFP_USERS", "require")]);
    system.ready().await;
    system
}

fn is_refused(answer: &Answer, code: &str) {
    assert_eq!(answer.code(), code, "{}", String::from_utf8_lossy(&answer.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_everything_before_it_reads_gets_its_answer_and_keeps_its_connection() {
    let system = start().await;
    for (code, api, head_of_it, length) in refused(&system).await {
        let mut connection = Raw::sending(&system.apis[api].address, &head_of_it).await;
        for piece in vec![7; length].chunks(64 << 10) {
            connection.try_send(piece).await.unwrap_or_else(|error| panic!("{code}: {error} while sending"));
        }
        is_refused(&connection.answer().await, code);
        connection.send(&head("GET", "/livez", &[])).await;
        assert_eq!(connection.answer().await.status, 200, "{code}: the next request");
    }
    // What only the body shows, in its first bytes.
    let ada = system.client("ada");
    let length = FOUR_MB.to_string();
    for (code, headers) in [
        ("invalid_format", vec![("Content-Type", "image/png")]),
        ("multipart_malformed", vec![("Content-Type", "multipart/form-data; boundary=b")]),
        ("idempotency_key_reused", vec![("Content-Type", "image/png"), ("Idempotency-Key", "used")]),
    ] {
        let head_of_it = upload_head(&ada, &[&headers[..], &[("Content-Length", &length)]].concat());
        let mut body = vec![7; FOUR_MB];
        if code == "idempotency_key_reused" {
            body[..8].copy_from_slice(b"\x89PNG\r\n\x1a\n");
        }
        let mut connection = Raw::sending(&system.apis[0].address, &[head_of_it, body].concat()).await;
        is_refused(&connection.answer().await, code);
        connection.send(&head("GET", "/livez", &[])).await;
        assert_eq!(connection.answer().await.status, 200, "{code}: the next request");
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_refused_without_being_asked_for_its_body() {
    let system = start().await;
    for (code, api, head_of_it, _) in refused(&system).await {
        let head_of_it = String::from_utf8(head_of_it).unwrap();
        let asking = head_of_it.replacen("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1);
        let mut connection = Raw::sending(&system.apis[api].address, asking.as_bytes()).await;
        let answer = connection.answer().await;
        assert_ne!(answer.status, 100, "{code}: asked for a body that it refuses");
        is_refused(&answer, code);
    }
    system.stop().await;
}
