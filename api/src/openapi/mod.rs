//! The OpenAPI document, made from the handlers and the types that they answer with.

mod answer;
mod answers;
mod request;

pub use answers::{NoSuchPage, PictureAnswers, StatusAnswers, UploadAnswers, UserAnswers};
pub use request::{PictureBytes, UploadForm, UploadParameters};

use self::answer::RequestIdEverywhere;
use crate::{
    error::Problem,
    health,
    health::Health,
    page, pictures, problems,
    shown::{Upload, User},
    upload_picture, upload_status, user,
};
use axum::{
    Json,
    http::{HeaderValue, header::CACHE_CONTROL},
    response::IntoResponse,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// The document of every route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "pfp",
        description = "Profile pictures: upload one, ask what became of it, show it. Every answer carries `X-Request-Id` (the client's own, if it sent one of 1 to 128 characters of `A-Z a-z 0-9 . _ -`). Errors are problem documents (RFC 9457) with a stable `code`, explained at `/problems/{code}`."
    ),
    paths(
        upload_picture::upload_picture,
        upload_status::upload_status,
        user::me,
        pictures::picture,
        problems::problem,
        page::page,
        page::client,
        health::livez,
        health::readyz,
        health::metrics,
        document
    ),
    components(schemas(Upload, User, Problem, Health)),
    modifiers(&Token, &RequestIdEverywhere),
    tags(
        (name = "user", description = "What a user does, by a token."),
        (name = "pictures", description = "Finished pictures, public."),
        (name = "operators", description = "Health and metrics."),
        (name = "developers", description = "This document and the codes that it names.")
    )
)]
struct Document;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "HS256; the claims `sub` (the user's id, 1 to 255 characters) and `exp` are required.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "developers", responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value)))]
pub async fn document() -> impl IntoResponse {
    ([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))], Json(Document::openapi()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::failure::FailureCode;
    use serde_json::Value;

    fn json() -> Value {
        serde_json::to_value(Document::openapi()).unwrap()
    }

    #[test]
    fn it_is_openapi_3_1_and_has_every_route() {
        let document = json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "/",
            "/client.js",
            "/livez",
            "/metrics",
            "/openapi.json",
            "/pictures/{key}",
            "/problems/{code}",
            "/readyz",
            "/user/me",
            "/user/upload-profile-picture",
            "/user/uploads/{id}",
        ];
        expected.sort_unstable();
        assert_eq!(paths, expected);
    }

    #[test]
    fn every_answer_names_the_request_id_header() {
        for (path, operations) in json()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    assert!(
                        answer["headers"]["X-Request-Id"].is_object(),
                        "{method} {path} {status}: {answer}"
                    );
                }
            }
        }
    }

    #[test]
    fn an_upload_names_every_code_that_can_refuse_it() {
        let text = json()["paths"]["/user/upload-profile-picture"]["post"]["responses"].to_string();
        let by_others = ["picture_", "upload_not", "upload_cancelled", "not_found", "attempts_exhausted"];
        for code in FailureCode::ALL {
            let name = code.as_str();
            if !by_others.iter().any(|other| name.starts_with(other)) {
                assert!(text.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}
