//! Every code that the API itself gives: what it says, and that nothing is left behind.

mod case;
mod scenes;
mod table;

use case::{Case, UPLOAD};
use futures_util::{StreamExt, stream};
use pfp_shared::failure::FailureCode;
use pfp_tests::{
    client::Answer,
    system::{Setup, TestSystem},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// Given by a worker, as a rejection. (It gives `invalid_format` and `crop_invalid` too.)
const BY_A_WORKER: [FailureCode; 5] = [
    FailureCode::PictureCorrupt,
    FailureCode::PictureTooManyPixels,
    FailureCode::PictureSideTooLong,
    FailureCode::PictureTooManyFrames,
    FailureCode::PictureTooComplex,
];

/// Given by routes and headers that aren't served yet.
const NOT_YET: [FailureCode; 2] = [FailureCode::UploadNotCancellable, FailureCode::UploadCancelled];

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_tells_its_code_and_its_facts_and_leaves_nothing_behind() {
    let mut system = Setup::new().workers(0).start().await;
    let document = system.client("nobody").get("/openapi.json").await.json();
    let cases = table::cases();
    let answers = stream::iter(cases.iter().enumerate()).map(|(number, case)| {
        let client = system.client(&format!("case-{number}"));
        async move { (case, client.user.clone(), case.send(&client).await) }
    });
    let answers: Vec<_> = answers.buffer_unordered(8).collect().await;
    let (mut seen, mut users, mut wrong) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (case, user, answer) in answers {
        wrong.extend(
            faults(case, &answer, &document).into_iter().map(|what| format!("{}: {what}", case.about)),
        );
        seen.insert(case.code.as_str());
        if case.is_counted {
            users.insert(user);
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(users_in(&system).await, users, "exactly those are created whose limits were looked at");
    nothing_is_left(&system, 0).await;

    for (case, answer) in scenes::play(&mut system).await {
        let what = faults(&case, &answer, &document);
        assert!(what.is_empty(), "{}: {}", case.about, what.join("\n"));
        seen.insert(case.code.as_str());
    }
    nothing_is_left(&system, scenes::ACCEPTED).await;
    let given: BTreeSet<_> = FailureCode::ALL
        .iter()
        .filter(|code| code.status() < 500 && !BY_A_WORKER.contains(code) && !NOT_YET.contains(code))
        .map(|code| code.as_str())
        .collect();
    assert_eq!(seen, given, "every code that the API gives was provoked");

    system.start_worker();
    system.ready().await;
    system.quiet().await;
    system.finish().await;
}

/// What is wrong with an answer.
fn faults(case: &Case, answer: &Answer, document: &Value) -> Vec<String> {
    let Ok(problem @ Value::Object(_)) = serde_json::from_slice(&answer.bytes) else {
        return vec![format!(
            "{} isn't a problem: {}",
            answer.status,
            String::from_utf8_lossy(&answer.bytes)
        )];
    };
    let code = case.code;
    let mut faults = Vec::new();
    let mut expect = |what: &str, found: Value, expected: Value| {
        if found != expected {
            faults.push(format!("{what} is {found} instead of {expected}"));
        }
    };
    expect("the status", answer.status.as_u16().into(), code.status().into());
    expect("status", problem["status"].clone(), code.status().into());
    expect("code", problem["code"].clone(), code.as_str().into());
    expect("type", problem["type"].clone(), format!("/problems/{code}").into());
    expect("title", problem["title"].clone(), code.title().into());
    expect("request_id", problem["request_id"].clone(), answer.header("x-request-id").into());
    expect("Content-Type", answer.header("content-type").into(), "application/problem+json".into());
    expect("Cache-Control", answer.header("cache-control").into(), "no-store".into());
    expect("X-Content-Type-Options", answer.header("x-content-type-options").into(), "nosniff".into());
    expect("Allow", answer.header("allow").into(), case.allow.into());
    let challenge = match code {
        FailureCode::TokenMissing => "Bearer",
        FailureCode::TokenInvalid | FailureCode::TokenExpired => "Bearer error=\"invalid_token\"",
        _ => "",
    };
    let shown = answer.header("www-authenticate").split(',').next().unwrap_or_default();
    expect("WWW-Authenticate", shown.into(), challenge.into());
    let waits = code.status() == 429 || code == FailureCode::IdempotencyKeyInUse;
    let seconds: Option<u64> = answer.header("retry-after").parse().ok();
    expect("Retry-After", seconds.is_some_and(|seconds| (1..=60).contains(&seconds)).into(), waits.into());
    let mut facts = problem.as_object().cloned().unwrap_or_default();
    facts.retain(|name, _| ["limit", "actual", "allowed", "detected"].contains(&name.as_str()));
    if case.facts["actual"] == "any" && problem["actual"].as_u64() > problem["limit"].as_u64() {
        facts.insert("actual".to_owned(), "any".into());
    }
    expect("what is told", Value::Object(facts), case.facts.clone());
    let detail = problem["detail"].as_str().unwrap_or_default();
    expect("a sentence", (detail.ends_with('.') && detail.len() > 15).into(), true.into());
    for fact in ["limit", "actual", "allowed"].iter().filter_map(|name| problem.get(*name)) {
        let words = fact.as_array().cloned().unwrap_or_else(|| vec![fact.clone()]);
        for word in words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)) {
            let named = detail.contains(word.trim_end_matches(".0"));
            expect(&format!("that {detail:?} names {word}"), named.into(), true.into());
        }
    }
    expect("that it is documented", is_documented(case, document).into(), true.into());
    faults
}

/// Whether the OpenAPI document has the code among the answers of the route.
fn is_documented(case: &Case, document: &Value) -> bool {
    let path = case.target.split('?').next().unwrap_or_default();
    let template = match path.rsplit_once('/') {
        Some(("/user/uploads", _)) => "/user/uploads/{id}",
        Some(("/pictures", _)) => "/pictures/{key}",
        Some(("/problems", _)) => "/problems/{code}",
        _ => path,
    };
    let Some(route) = document["paths"][template].as_object() else {
        return case.code == FailureCode::NotFound;
    };
    // A wrong method has no place of its own in the document: the route's own methods tell of it.
    let method = case.method.to_lowercase();
    let operation = route.get(&method).or_else(|| route.values().next());
    let answer =
        operation.map(|operation| operation["responses"][case.code.status().to_string()].to_string());
    answer.is_some_and(|answer| answer.contains(&format!("`{}`", case.code)))
}

async fn users_in(system: &TestSystem) -> BTreeSet<String> {
    let rows = system.database.rows("SELECT id FROM users", &[]).await;
    rows.iter().map(|row| row.get(0)).collect()
}

/// No upload but those that were accepted, and no object that isn't theirs or on its way out.
async fn nothing_is_left(system: &TestSystem, accepted: i64) {
    let database = &system.database;
    assert_eq!(database.count("SELECT count(*) FROM uploads").await, accepted, "rows of uploads");
    assert_eq!(database.count("SELECT count(*) FROM uploads WHERE status = 'queued'").await, accepted);
    let listed = database.rows("SELECT object_key FROM object_deletions", &[]).await;
    let listed: BTreeSet<String> = listed.iter().map(|row| row.get(0)).collect();
    let mut objects: BTreeSet<String> = system.objects().await.into_iter().collect();
    objects.retain(|key| !listed.contains(key));
    let named: BTreeSet<String> = system.named_objects().await.into_iter().collect();
    assert_eq!(objects, named, "objects that nothing lists for deletion");
}
