//! What answers in the document are made of.

use crate::error::Problem;
use pfp_shared::failure::{Failure, FailureCode};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::openapi::{
    ContentBuilder, Header, HeaderBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Type,
    example::{Example, ExampleBuilder},
    schema::ObjectBuilder,
};

/// Answers by their status.
pub(super) type Answers = BTreeMap<String, RefOr<Response>>;

/// A header of text.
pub(super) fn text(description: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).description(Some(description)).build()
}

/// A header with a whole number.
pub(super) fn number(description: &str) -> Header {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    HeaderBuilder::new().schema(Some(number)).description(Some(description)).build()
}

/// `Retry-After`.
pub(super) fn retry_after(when: &str) -> Header {
    number(&format!("Seconds until it makes sense to ask again; {when}."))
}

/// An answer with JSON of a schema of the document.
pub(super) fn json(schema: &str, example: Value, description: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example));
    ResponseBuilder::new().description(description).content("application/json", content.build())
}

/// An answer with a page for people, and what it may load.
pub(super) fn page(description: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(Object::with_type(Type::String))).build();
    ResponseBuilder::new()
        .description(description)
        .content("text/html", content)
        .header("Content-Security-Policy", text("What the page may load."))
}

/// 304, with the tag that the client named.
pub(super) fn unchanged() -> ResponseBuilder {
    ResponseBuilder::new()
        .description("Unchanged: If-None-Match names its ETag.")
        .header("ETag", text("As the request named it."))
}

/// Answers for failures: one for each status, with its codes.
pub(super) fn problems(codes: &[FailureCode]) -> Answers {
    let mut by_status: BTreeMap<u16, Vec<FailureCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    by_status
        .into_iter()
        .map(|(status, codes)| (status.to_string(), problem(status, &codes).into()))
        .collect()
}

fn problem(status: u16, codes: &[FailureCode]) -> Response {
    let lines = codes.iter().map(|code| format!("- `{code}`: {}", code.explanation()));
    let description = lines.collect::<Vec<_>>().join("\n");
    let examples = codes.iter().map(|code| (code.as_str(), example(*code)));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    let mut answer =
        ResponseBuilder::new().description(description).content("application/problem+json", content);
    if status == 401 {
        answer =
            answer.header("WWW-Authenticate", text("`Bearer`, with `error` for a token that was refused."));
    }
    if status == 405 {
        answer = answer.header("Allow", text("The methods that the address takes."));
    }
    if matches!(status, 429 | 503) {
        answer = answer.header("Retry-After", retry_after("always there"));
    } else if codes.contains(&FailureCode::IdempotencyKeyInUse) {
        answer = answer.header("Retry-After", retry_after("there with `idempotency_key_in_use`"));
    }
    answer.build()
}

fn example(code: FailureCode) -> Example {
    let problem = Problem::new(&failure(code)).of_request("b1a7c3c2-9b1e-4f0c-8a55-0d6f6f0c2a11");
    ExampleBuilder::new().summary(code.title()).value(serde_json::to_value(problem).ok()).build()
}

/// A failure as it may come, with facts where the code has any.
fn failure(code: FailureCode) -> Failure {
    let failure = Failure::new(code, code.explanation().replace('`', ""));
    match code {
        FailureCode::FileTooLarge => {
            let detail = "The file has 7340032 bytes; at most 5242880 are taken.";
            Failure::new(code, detail).limit(5_242_880).actual(7_340_032)
        }
        FailureCode::InvalidFormat => {
            let types = ["image/jpeg", "image/png", "image/gif"];
            let detail = format!("The file's content is webp; allowed are {}.", types.join(", "));
            Failure::new(code, detail).allowed(types.to_vec()).detected("webp")
        }
        FailureCode::PictureTooManyPixels => failure.limit(64_000_000).actual(108_000_000),
        FailureCode::PictureSideTooLong => failure.limit(16_384).actual(20_000),
        FailureCode::PictureTooManyFrames => failure.limit(200).actual(512),
        FailureCode::RateLimited => failure.limit(10),
        FailureCode::TooManyUploadsInFlight => failure.limit(3).actual(3),
        FailureCode::AttemptsExhausted => failure.limit(5),
        FailureCode::UploadNotCancellable => failure.actual("processing").allowed(vec!["queued"]),
        FailureCode::QueryInvalid => failure.limit(30).actual("31").allowed("0 to 30"),
        _ => failure,
    }
}
