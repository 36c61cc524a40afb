//! What clients are shown: the 202, an upload and a user with exactly their members, conditional requests, held
//! answers, pictures with their headers, and every answer's id.

use pfp_shared::failure::FailureCode;
use pfp_tests::{
    client::{Answer, Client},
    pictures,
    system::Setup,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const UPLOAD: [&str; 10] = [
    "attempts",
    "content_type",
    "created_at",
    "failure",
    "finished_at",
    "id",
    "picture_url",
    "size_bytes",
    "status",
    "updated_at",
];
const USER: [&str; 4] = ["created_at", "id", "profile_picture_url", "updated_at"];

fn members(json: &Value) -> Vec<&str> {
    let mut members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    members
}

/// Whether it is RFC 3339 in UTC with microseconds, so that times sort as text.
fn is_time(value: &Value) -> bool {
    let shape = value.as_str().unwrap_or_default().replace(|digit: char| digit.is_ascii_digit(), "0");
    shape == "0000-00-00T00:00:00.000000Z"
}

async fn ask(client: &Client, method: &str, path: &str, tag: &str) -> Answer {
    let request = client.request(method, path).header("if-none-match", tag);
    Answer::read(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_shown_with_exactly_its_members_from_its_202_to_its_end() {
    let mut system = Setup::new().workers(0).apis(2).start().await;
    let ada = system.client("ada");
    let file = pictures::bytes("bench-170kb.jpg");
    let unknown = json!({"id": "ada", "profile_picture_url": null, "created_at": null, "updated_at": null});
    assert_eq!(ada.me().await, unknown);

    let accepted = ada.upload(file.clone()).await;
    let upload = accepted.json();
    assert_eq!(accepted.status, 202);
    assert_eq!(members(&upload), UPLOAD);
    let id = upload["id"].as_str().unwrap().to_owned();
    assert_eq!(
        id,
        id.to_lowercase().parse::<uuid::Uuid>().unwrap().to_string(),
        "in lower case with hyphens"
    );
    assert_eq!(accepted.header("location"), format!("/user/uploads/{id}"));
    assert_eq!((accepted.header("retry-after"), accepted.header("content-type")), ("1", "application/json"));
    assert_eq!(accepted.header("idempotency-replayed"), "");
    for (member, expected) in [
        ("status", "queued".into()),
        ("attempts", 0.into()),
        ("size_bytes", file.len().into()),
        ("content_type", "image/jpeg".into()),
        ("picture_url", Value::Null),
        ("failure", Value::Null),
        ("finished_at", Value::Null),
    ] {
        assert_eq!(upload[member], expected, "{member}");
    }
    assert!(is_time(&upload["created_at"]) && is_time(&upload["updated_at"]), "{upload}");

    let location = accepted.header("location");
    for api in [0, 1] {
        let shown = system.client_at(api, "ada").get(location).await;
        assert_eq!(
            (shown.json(), shown.header("etag")),
            (upload.clone(), accepted.header("etag")),
            "at API {api}"
        );
        assert_eq!((shown.status.as_u16(), shown.header("retry-after")), (200, "1"));
    }
    system.start_worker();
    system.ready().await;
    let done = ada.finished(location).await;
    assert_eq!(
        (members(&done), &done["status"], &done["attempts"]),
        (UPLOAD.to_vec(), &"succeeded".into(), &1.into())
    );
    assert!(is_time(&done["finished_at"]), "{done}");
    let shown = ada.get(location).await;
    assert_ne!(shown.header("etag"), accepted.header("etag"), "another revision");
    assert_eq!(shown.header("retry-after"), "", "it won't change by itself");
    let me = ada.me().await;
    assert_eq!((members(&me), &me["id"]), (USER.to_vec(), &"ada".into()));
    assert_eq!(me["profile_picture_url"], done["picture_url"]);
    assert!(is_time(&me["created_at"]) && is_time(&me["updated_at"]), "{me}");

    let rejected = ada.upload_and_wait(&file[..9999]).await;
    assert_eq!((members(&rejected), &rejected["picture_url"]), (UPLOAD.to_vec(), &Value::Null));
    let failure = &rejected["failure"];
    let code = FailureCode::from_name(failure["code"].as_str().unwrap()).unwrap();
    assert_eq!(members(failure)[..], ["code", "detail", "status", "title", "type"], "{failure}");
    assert_eq!(
        (&failure["title"], &failure["type"]),
        (&code.title().into(), &format!("/problems/{code}").into())
    );
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_upload_is_not_sent_again() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let tag = ada.get(&location).await.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "a strong tag: {tag}");
    for same in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let unchanged = ask(&ada, "GET", &location, &same).await;
        assert_eq!((unchanged.status.as_u16(), unchanged.bytes.len()), (304, 0), "{same}");
        assert_eq!(
            (unchanged.header("etag"), unchanged.header("retry-after")),
            (tag.as_str(), "1"),
            "{same}"
        );
    }
    assert_eq!(ask(&ada, "GET", &location, "\"x\"").await.status, 200);
    assert_eq!(ask(&system.client("eve"), "GET", &location, &tag).await.status, 404, "not hers");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_can_be_waited_for_until_it_is_final_or_the_time_is_up() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let location = ada.accepted(pictures::bytes("bench-170kb.jpg")).await;
    let start = Instant::now();
    let waited = ada.get(&format!("{location}?wait=1")).await;
    assert_eq!((waited.json()["status"].clone(), waited.header("retry-after")), ("queued".into(), "1"));
    let took = start.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_secs(10)).contains(&took), "{took:?}");
    let waiting = tokio::spawn({
        let (ada, location) = (ada.clone(), location.clone());
        async move { ada.get(&format!("{location}?wait=30")).await }
    });
    system.start_worker();
    system.ready().await;
    assert_eq!(waiting.await.unwrap().json()["status"], "succeeded");
    assert!(start.elapsed() < Duration::from_secs(25), "not held until the time was up");
    assert_eq!(ada.get(&format!("{location}?wait=0")).await.json()["status"], "succeeded");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_served_with_its_type_and_may_be_kept_for_ever() {
    let system = Setup::new().set("PFP_PICTURE_MAX_AGE", "1h").start().await;
    for (file, content_type) in [
        ("bench-170kb.jpg", "image/jpeg"),
        ("png-artwork-rgba.png", "image/png"),
        ("gif-still.gif", "image/gif"),
    ] {
        let client = system.client(file);
        let upload = client.upload_and_wait(pictures::bytes(file)).await;
        let url = upload["picture_url"].as_str().unwrap();
        let got = Answer::read(reqwest::get(url).await.unwrap()).await;
        assert_eq!(image::guess_format(&got.bytes).unwrap().to_mime_type(), content_type);
        let tag = got.header("etag").to_owned();
        assert!(tag.starts_with('"') && tag.len() > 30, "{tag}");
        let length = got.bytes.len().to_string();
        let unchanged = ask(&client, "GET", url, &tag).await;
        let head = client.request("HEAD", url).send().await.unwrap();
        let head = Answer::read(head).await;
        assert_eq!((unchanged.status.as_u16(), head.status.as_u16()), (304, 200));
        assert_eq!((head.bytes.len(), unchanged.bytes.len()), (0, 0));
        for answer in [&got, &head] {
            assert_eq!(
                (answer.header("content-type"), answer.header("content-length")),
                (content_type, length.as_str())
            );
        }
        for answer in [&got, &head, &unchanged] {
            for (name, value) in [
                ("etag", tag.as_str()),
                ("cache-control", "public, max-age=3600, immutable"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'; sandbox"),
                ("cross-origin-resource-policy", "cross-origin"),
            ] {
                assert_eq!(answer.header(name), value, "{name} of {}", answer.status);
            }
        }
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_id_of_its_request_which_a_client_may_choose() {
    let system = Setup::new().workers(0).start().await;
    let ada = system.client("ada");
    let with_id = async |path: &str, id: &[u8]| {
        let id = reqwest::header::HeaderValue::from_bytes(id).unwrap();
        let answer = ada.request("GET", path).header("x-request-id", id).send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    for path in [
        "/user/me",
        "/nowhere",
        "/livez",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/pictures/a",
        "/problems/a",
    ] {
        assert_eq!(with_id(path, b"Web-1.2_3").await, "Web-1.2_3", "{path}");
        let fresh = ada.get(path).await;
        assert!(fresh.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{path}");
    }
    for odd in [&b"a b"[..], b"<script>", b"\xe9", b"", &[b'a'; 129]] {
        let id = with_id("/user/me", odd).await;
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{id}");
    }
    system.stop().await;
}
