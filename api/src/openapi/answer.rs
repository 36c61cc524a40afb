//! What answers in the document are made of.

use pfp_shared::failure::FailureCode;
use std::collections::BTreeMap;
use utoipa::{
    Modify,
    openapi::{
        self, Content, Header, HeaderBuilder, Object, Ref, RefOr, Response, ResponseBuilder, Type,
        path::{Operation, PathItem},
        schema::ObjectBuilder,
    },
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
pub(super) fn json(schema: &str, description: &str) -> ResponseBuilder {
    let content = Content::new(Some(Ref::from_schema_name(schema)));
    ResponseBuilder::new().description(description).content("application/json", content)
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
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut answer =
        ResponseBuilder::new().description(description).content("application/problem+json", content);
    if status == 401 {
        answer =
            answer.header("WWW-Authenticate", text("`Bearer`, with `error` for a token that was refused."));
    }
    if matches!(status, 429 | 503) || codes.contains(&FailureCode::IdempotencyKeyInUse) {
        answer = answer.header("Retry-After", retry_after("always there"));
    }
    answer.build()
}

/// Adds the header that every answer carries.
pub(super) struct RequestIdEverywhere;

impl Modify for RequestIdEverywhere {
    fn modify(&self, document: &mut openapi::OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in operations(item) {
                for answer in operation.responses.responses.values_mut() {
                    if let RefOr::T(answer) = answer {
                        let id = text("The request's id: the client's own, if it sent a sane one.");
                        answer.headers.insert("X-Request-Id".to_owned(), id.into());
                    }
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete, &mut item.head, &mut item.put].into_iter().flatten()
}
