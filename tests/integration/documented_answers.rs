//! Every answer is as the OpenAPI document says: its status, its type, and each of its headers.

use pfp_tests::{
    client::{Answer, Client},
    events::Events,
    pictures,
    system::{Setup, TestSystem},
};
use serde_json::Value;

/// What HTTP itself needs, in any answer.
const OF_HTTP: [&str; 7] =
    ["connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding", "vary"];

const UPLOAD: &str = "/user/upload-profile-picture";
const STATUS: &str = "/user/uploads/{id}";

/// The document, and whose answers are held against it.
struct Documented {
    document: Value,
    client: Client,
}

impl Documented {
    async fn of(system: &TestSystem, user: &str) -> Self {
        let client = system.client(user);
        Self { document: client.get("/openapi.json").await.json(), client }
    }

    /// Asks, and checks that the document has such an answer of this operation.
    async fn ask(&self, method: &str, path: &str, operation: &str, headers: &[(&str, &str)]) -> Answer {
        let request = headers
            .iter()
            .fold(self.client.request(method, path), |request, (name, value)| request.header(*name, *value));
        self.check(method, operation, request).await
    }

    async fn upload(&self, headers: &[(&str, &str)], file: Vec<u8>) -> Answer {
        let request = self.client.request("POST", UPLOAD).header("content-type", "application/octet-stream");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.check("POST", UPLOAD, request.body(file)).await
    }

    async fn check(&self, method: &str, operation: &str, request: reqwest::RequestBuilder) -> Answer {
        let answer = Answer::read(request.send().await.unwrap()).await;
        self.holds(method, operation, &answer);
        answer
    }

    fn holds(&self, method: &str, operation: &str, answer: &Answer) {
        let about = format!("{method} {operation}: {}", answer.status);
        let documented =
            &self.document["paths"][operation][method.to_lowercase()]["responses"][answer.status.as_str()];
        assert!(
            documented.is_object(),
            "{about} isn't documented: {}",
            String::from_utf8_lossy(&answer.bytes)
        );
        let content_type = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let has_none = documented["content"].is_null() && (content_type.is_empty() || method == "HEAD");
        assert!(has_none || documented["content"][&content_type].is_object(), "{about}: {content_type}");
        let names = documented["headers"].as_object().unwrap();
        for name in answer.headers.keys().map(reqwest::header::HeaderName::as_str) {
            let is_known =
                OF_HTTP.contains(&name) || names.keys().any(|known| known.eq_ignore_ascii_case(name));
            assert!(is_known, "{about}: the header {name} isn't documented");
        }
    }
}

fn photo() -> Vec<u8> {
    pictures::bytes("bench-170kb.jpg")
}

fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 202);
    answer.header("location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_upload_is_answered_with_is_documented() {
    let mut system = Setup::new()
        .set("PFP_RATE_UPLOADS_PER_MINUTE", "0")
        .set("PFP_UPLOADS_IN_FLIGHT_PER_USER", "1")
        .workers(0)
        .start()
        .await;
    let ada = Documented::of(&system, "ada").await;
    let first = location(&ada.upload(&[("idempotency-key", "one")], photo()).await);
    let too_many = ada.upload(&[], photo()).await;
    assert_eq!(too_many.code(), "too_many_uploads_in_flight");
    let replay = [("idempotency-key", "one"), ("prefer", "wait=20")];
    assert_eq!(ada.upload(&[("idempotency-key", "one")], b"\xFF\xD8\xFF other".to_vec()).await.status, 422);
    assert_eq!(ada.ask("DELETE", &first, STATUS, &[]).await.status, 200);
    let cancelled = ada.upload(&replay, photo()).await;
    assert_eq!((cancelled.status.as_u16(), cancelled.header("idempotency-replayed")), (409, "true"));
    system.start_worker();
    system.ready().await;
    for (key, file, status) in [("two", photo(), 200), ("three", photo()[..50_000].to_vec(), 400)] {
        for _ in 0..2 {
            let answer = ada.upload(&[("idempotency-key", key), ("prefer", "wait=20")], file.clone()).await;
            assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (status, "wait=20"));
        }
    }
    for (headers, file, status) in [
        (&[("authorization", "Bearer x")][..], photo(), 401),
        (&[("content-type", "text/plain")], photo(), 415),
        (&[], b"text".to_vec(), 400),
    ] {
        assert_eq!(ada.upload(headers, file).await.status, status);
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_uploads_and_users_is_documented() {
    let mut system = Setup::new().workers(0).start().await;
    let ada = Documented::of(&system, "ada").await;
    let path = location(&ada.upload(&[], photo()).await);
    for headers in [&[][..], &[("if-none-match", "*")]] {
        assert!(ada.ask("GET", &path, STATUS, headers).await.headers.contains_key("retry-after"));
    }
    let events = Events::of(&ada.client, &path).await;
    ada.holds("GET", "/user/uploads/{id}/events", &events.answer);
    system.start_worker();
    ada.client.finished(&path).await;
    let tag = ada.ask("GET", &path, STATUS, &[]).await.header("etag").trim_matches('"').to_owned();
    let over = format!("{path}/events");
    let over = ada.ask("GET", &over, "/user/uploads/{id}/events", &[("last-event-id", &tag)]).await;
    assert_eq!(over.status, 204);
    assert_eq!(ada.ask("DELETE", &path, STATUS, &[]).await.status, 409);
    for (method, path, status) in [
        ("GET", "/user/uploads", 200),
        ("GET", "/user/me", 200),
        ("DELETE", "/user/profile-picture", 200),
        ("DELETE", "/user/me", 204),
    ] {
        assert_eq!(ada.ask(method, path, path, &[]).await.status, status);
    }
    let none = format!("/user/uploads/{}", uuid::Uuid::now_v7());
    assert_eq!(ada.ask("GET", &none, STATUS, &[]).await.status, 404);
    assert_eq!(ada.ask("GET", &format!("{none}?wait=x"), STATUS, &[]).await.status, 400);
    drop(events);
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pictures_and_pages_are_answered_with_is_documented() {
    let system = Setup::new().set("PFP_PUBLIC_USER_PICTURES", "true").start().await;
    let ada = Documented::of(&system, "ada").await;
    let user_picture = "/users/{id}/picture";
    assert_eq!(ada.ask("GET", "/users/ada/picture", user_picture, &[]).await.status, 200);
    assert_eq!(ada.ask("GET", "/users/ada/picture?default=404", user_picture, &[]).await.status, 404);
    let url = ada.client.upload_and_wait(photo()).await["picture_url"].as_str().unwrap().to_owned();
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let shown = ada.check("GET", user_picture, http.get(ada.client.url("/users/ada/picture"))).await;
    assert_eq!(shown.status, 302);
    let picture = "/pictures/{key}";
    let tag = ada.ask("GET", &url, picture, &[]).await.header("etag").to_owned();
    assert_eq!(ada.ask("HEAD", &url, picture, &[]).await.status, 200);
    assert_eq!(ada.ask("GET", &url, picture, &[("if-none-match", &tag)]).await.status, 304);
    assert_eq!(ada.ask("GET", "/pictures/none.jpg", picture, &[]).await.status, 404);
    let files = [
        ("/", "/"),
        ("/client.js", "/client.js"),
        ("/page/page.css", "/page/{name}"),
        ("/page/icon.svg", "/page/{name}"),
        ("/page/none", "/page/{name}"),
        ("/docs", "/docs"),
        ("/docs/swagger-ui.css", "/docs/{name}"),
        ("/docs/swagger-ui-bundle.js", "/docs/{name}"),
        ("/docs/favicon-32x32.png", "/docs/{name}"),
        ("/problems/file_empty", "/problems/{code}"),
        ("/problems/none", "/problems/{code}"),
        ("/openapi.json", "/openapi.json"),
        ("/livez", "/livez"),
        ("/readyz", "/readyz"),
        ("/metrics", "/metrics"),
    ];
    for (path, operation) in files {
        let answer = ada.ask("GET", path, operation, &[]).await;
        let tag = answer.header("etag").to_owned();
        if !tag.is_empty() {
            assert_eq!(ada.ask("GET", path, operation, &[("if-none-match", &tag)]).await.status, 304);
        }
    }
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_or_elsewhere_isnt_documented_and_a_path_before_all_is() {
    let system = Setup::new()
        .set("PFP_METRICS_LISTEN", "127.0.0.1:0")
        .set("PFP_PUBLIC_URL", "https://pictures.example/of/all")
        .workers(0)
        .start()
        .await;
    let document = system.client("ada").get("/openapi.json").await.json();
    for path in ["/users/{id}/picture", "/metrics"] {
        assert!(document["paths"][path].is_null(), "{path}");
    }
    assert_eq!(document["servers"], serde_json::json!([{"url": "/of/all"}]));
    system.stop().await;
}
