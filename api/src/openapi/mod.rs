//! The OpenAPI document, made from the handlers and the types that they answer with.

mod answer;
mod answers;
mod request;

pub use answers::{
    AnyPage, CancelAnswers, ErasedAnswers, EventsAnswers, NoSuchPage, OperatorsPage, PictureAnswers,
    StatusAnswers, UploadAnswers, UploadsAnswers, UserAnswers, UserPictureAnswers,
};
pub use request::{PictureBytes, UploadForm, UploadParameters};

use self::answer::{ClosedAnswers, RequestIdEverywhere};
use crate::{
    docs,
    error::Problem,
    health,
    health::Health,
    page, pictures, problems,
    shown::{Upload, Uploads, User},
    upload_events, upload_picture, upload_status, uploads, user, user_picture,
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
        upload_events::upload_events,
        uploads::uploads,
        uploads::cancel_upload,
        user::me,
        user::delete_picture,
        user::erase,
        user_picture::user_picture,
        pictures::picture,
        problems::problem,
        page::page,
        page::client,
        health::livez,
        health::readyz,
        health::metrics,
        document,
        docs::docs
    ),
    components(schemas(Upload, Uploads, User, Problem, Health)),
    modifiers(&Token, &RequestIdEverywhere, &ClosedAnswers),
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
                "Signed as the server is configured: HS256 with a secret, or RS256, ES256 or EdDSA (Ed25519) with a private key whose public one the server knows, by `kid` if it has them from a key set. The claims `sub` (the user's id, 1 to 255 characters) and `exp` are required; `nbf` is checked, and `iss` and `aud` where the server is told what they have to be. A header with `crit` is refused.",
            ))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "developers", responses((status = 200, description = "OpenAPI 3.1.", body = serde_json::Value), AnyPage))]
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
            "/docs",
            "/livez",
            "/metrics",
            "/openapi.json",
            "/pictures/{key}",
            "/problems/{code}",
            "/readyz",
            "/user/me",
            "/user/profile-picture",
            "/user/upload-profile-picture",
            "/user/uploads",
            "/user/uploads/{id}",
            "/user/uploads/{id}/events",
            "/users/{id}/picture",
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
    fn every_code_of_the_catalogue_is_an_example_of_an_answer_that_gives_it() {
        let document = json();
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values());
        let answers: Vec<_> =
            operations.flat_map(|operation| operation["responses"].as_object().unwrap()).collect();
        for code in FailureCode::ALL {
            let found = answers.iter().any(|(status, answer)| {
                let example =
                    &answer["content"]["application/problem+json"]["examples"][code.as_str()]["value"];
                **status == code.status().to_string() && example["code"] == code.as_str()
            });
            assert!(found, "{code}");
        }
        for name in ["Upload", "Uploads", "User", "Problem", "Health"] {
            let schema = &document["components"]["schemas"][name];
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
    }

    #[test]
    fn an_upload_names_every_code_that_can_refuse_it() {
        let text = json()["paths"]["/user/upload-profile-picture"]["post"]["responses"].to_string();
        let by_others = ["picture_not_found", "upload_not", "not_found"];
        for code in FailureCode::ALL {
            let name = code.as_str();
            if !by_others.iter().any(|other| name.starts_with(other)) {
                assert!(text.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}
