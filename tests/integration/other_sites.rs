//! Pages of other sites: whose scripts may use the API, and what a chat may show of a user.

use pfp_tests::{
    client::Answer,
    pictures,
    system::{Setup, TestSystem},
};

const SITE: &str = "https://app.example";

async fn from_site(system: &TestSystem, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = reqwest::Client::new().request(method.parse().unwrap(), system.client("ada").url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::read(request.send().await.unwrap()).await
}

async fn preflight(system: &TestSystem, origin: &str, method: &str, headers: &str) -> Answer {
    let asked = [
        ("origin", origin),
        ("access-control-request-method", method),
        ("access-control-request-headers", headers),
    ];
    from_site(system, "OPTIONS", "/user/upload-profile-picture", &asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_allowed_origins_may_upload_and_read_every_answer() {
    let setup = Setup::new().workers(0).set("PFP_CORS_ORIGINS", &format!("{SITE},http://127.0.0.1:9000"));
    let system = setup.start().await;
    let asked = "authorization,content-type,idempotency-key,prefer,x-requested-with,cache-control";
    let allowed = preflight(&system, SITE, "POST", asked).await;
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), SITE);
    assert_eq!(allowed.header("access-control-allow-headers"), asked);
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert!(allowed.header("access-control-allow-methods").contains(method));
    }
    assert!(allowed.header("vary").to_lowercase().contains("origin"));
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"), "tokens, no cookies");
    assert!(allowed.headers.contains_key("x-request-id"));

    // Also what is refused, and by whom ever.
    for (method, path, status) in [
        ("GET", "/user/me", 401),
        ("POST", "/user/upload-profile-picture", 401),
        ("PUT", "/user/me", 405),
        ("GET", "/nothing/here", 404),
        ("GET", "/pictures/0123456789abcdef0123456789abcdef.jpg", 404),
    ] {
        let answer = from_site(&system, method, path, &[("origin", SITE)]).await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), SITE, "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for header in
            ["location", "retry-after", "etag", "idempotency-replayed", "preference-applied", "x-request-id"]
        {
            assert!(exposed.contains(header), "{header}: {exposed}");
        }
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_options_that_is_no_preflight_is_a_request_like_any_other() {
    let system = Setup::new().workers(0).set("PFP_CORS_ORIGINS", SITE).start().await;
    let asks = ("access-control-request-method", "POST");
    for headers in [&[][..], &[("origin", SITE)], &[asks]] {
        let answer = from_site(&system, "OPTIONS", "/user/me", headers).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (405, "method_not_allowed"),
            "{headers:?}"
        );
        assert_eq!(answer.header("allow"), "GET,HEAD,DELETE", "{headers:?}");
    }
    assert_eq!(from_site(&system, "OPTIONS", "/nothing/here", &[]).await.status, 404);
    assert_eq!(from_site(&system, "OPTIONS", "/user/me", &[("origin", SITE), asks]).await.status, 200);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_read_nothing() {
    let system = Setup::new().workers(0).set("PFP_CORS_ORIGINS", SITE).start().await;
    for origin in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        let refused = preflight(&system, origin, "POST", "authorization").await;
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{origin}");
        let answer = from_site(&system, "GET", "/livez", &[("origin", origin)]).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    system.stop().await;
    let closed = Setup::new().workers(0).start().await;
    let answer = from_site(&closed, "GET", "/livez", &[("origin", SITE)]).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    closed.stop().await;
    let open = Setup::new().workers(0).set("PFP_CORS_ORIGINS", "*").start().await;
    let answer = from_site(&open, "GET", "/livez", &[("origin", "null")]).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_picture_has_an_address_that_stays() {
    let system = Setup::new().set("PFP_PUBLIC_USER_PICTURES", "true").start().await;
    let ada = system.client("ada/lovelace@example.org");
    let upload = ada.upload_and_wait(pictures::bytes("bench-170kb.jpg")).await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ask = |path: &str| {
        let request = http.get(ada.url(path));
        async move { Answer::read(request.send().await.unwrap()).await }
    };
    let path = "/users/ada%2Flovelace%40example.org/picture";
    let shown = ask(path).await;
    assert_eq!(shown.status, 302);
    assert_eq!(shown.header("location"), upload["picture_url"]);
    assert_eq!(shown.header("cache-control"), "public, max-age=60");

    let neutral = ask("/users/nobody/picture").await;
    assert_eq!((neutral.status.as_u16(), neutral.header("content-type")), (200, "image/png"));
    let picture = image::load_from_memory(&neutral.bytes).unwrap();
    assert_eq!((picture.width(), picture.height()), (200, 200));
    for answer in [&shown, &neutral] {
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    }
    let too_long = format!("/users/{}/picture", "u".repeat(256));
    for nobody in ["/users/nobody/picture?default=404", "/users/%00/picture", "/users/%FF/picture", &too_long]
    {
        let none = ask(nobody).await;
        assert_eq!((none.status.as_u16(), none.code().as_str()), (404, "picture_not_found"), "{nobody}");
        assert_eq!(none.header("cache-control"), "no-store");
    }
    let refused = ask(&format!("{path}?default=mm")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "query_invalid"));
    assert_eq!(refused.json()["allowed"], serde_json::json!(["404"]));
    assert_eq!(ada.request("DELETE", "/user/profile-picture").send().await.unwrap().status(), 200);
    assert_eq!(ask(path).await.header("content-type"), "image/png");
    system.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_picture_is_told_unless_that_is_switched_on() {
    let system = Setup::new().workers(0).start().await;
    let answer = system.client("ada").get("/users/ada/picture").await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "not_found"));
    system.stop().await;
}
