//! The OpenAPI document says what is served, no more and no less.

use pfp_tests::{
    client::Answer,
    servers::root,
    system::{Setup, TestSystem},
};
use serde_json::Value;
use std::collections::BTreeSet;

type Operations = BTreeSet<(String, String)>;

/// Paths and methods of the document.
fn documented(document: &Value) -> Operations {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone()))
    });
    operations.collect()
}

/// Paths and methods of the router, as its source says.
fn routed() -> Operations {
    let source = std::fs::read_to_string(root().join("api/src/routes.rs")).unwrap();
    let routes = source.split(".route(\"").skip(1);
    let operations = routes.flat_map(|route| {
        let (path, handlers) = route.split_once('"').unwrap();
        let handlers = handlers.split([';', '}']).next().unwrap();
        let methods = ["get", "post", "put", "patch", "delete"].into_iter();
        methods
            .filter(|method| handlers.contains(&format!("{method}(")))
            .map(|method| (path.to_owned(), method.to_owned()))
            .collect::<Vec<_>>()
    });
    // The router answers HEAD wherever it does GET; of pictures it is promised.
    operations.chain([("/pictures/{key}".to_owned(), "head".to_owned())]).collect()
}

/// Asks for something at a route: with a token, and with a path that may not exist.
async fn ask(system: &TestSystem, path: &str, method: &str) -> Answer {
    let path = path
        .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057")
        .replace("{key}", "none.jpg")
        .replace("{name}", "page.css");
    let request = system.client("ada").request(&method.to_uppercase(), &path.replace("{code}", "file_empty"));
    Answer::read(request.send().await.unwrap()).await
}

/// Every `$ref` in a part of the document.
fn references(part: &Value) -> Vec<&str> {
    match part {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(target) if name == "$ref" => vec![target.as_str()],
                value => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_every_route_that_is_served_and_no_other() {
    let system = Setup::new().workers(0).set("PFP_PUBLIC_USER_PICTURES", "true").start().await;
    let document = system.client("ada").get("/openapi.json").await.json();
    let (documented, routed) = (documented(&document), routed());
    assert!(routed.len() >= 9, "the router's source is understood: {routed:?}");
    assert_eq!(documented, routed);
    for (path, method) in &documented {
        let answer = ask(&system, path, method).await;
        let is_there = answer.status != 405
            && (answer.bytes.is_empty() || answer.status.is_success() || answer.code() != "not_found");
        // Of the two kinds of files one has this name.
        assert!(is_there || path == "/docs/{name}", "{method} {path}: {}", answer.status);
        let answers = &document["paths"][path][method]["responses"];
        let documented = &answers[answer.status.as_str()];
        assert!(documented.is_object(), "{method} {path} answers {}, which isn't documented", answer.status);
        let content_type = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let is_empty = answer.bytes.is_empty() && documented["content"].is_null();
        assert!(
            is_empty || documented["content"][&content_type].is_object(),
            "{method} {path}: {content_type}"
        );
    }
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_whole_and_says_who_needs_a_token() {
    let system = Setup::new().workers(0).set("PFP_PUBLIC_USER_PICTURES", "true").start().await;
    let document = system.client("ada").get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert!(references(&document).len() > 10);
    for reference in references(&document) {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference} leads nowhere");
    }
    for (path, method) in documented(&document) {
        let operation = &document["paths"][&path][&method];
        let needs_token = operation["security"].is_array();
        let anonymous = reqwest::Client::new().request(
            method.to_uppercase().parse().unwrap(),
            system.client("ada").url(&path.replace(['{', '}'], "")),
        );
        let status = anonymous.send().await.unwrap().status();
        assert_eq!(status == 401, needs_token, "{method} {path}: {status}");
        assert_eq!(operation["responses"]["401"].is_object(), needs_token, "{method} {path}");
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{method} {path}");
    }
    let upload = &document["paths"]["/user/upload-profile-picture"]["post"]["requestBody"]["content"];
    for content_type in
        ["multipart/form-data", "image/jpeg", "image/png", "image/gif", "application/octet-stream"]
    {
        assert!(upload[content_type].is_object(), "{content_type}");
    }
    system.stop().await;
}
