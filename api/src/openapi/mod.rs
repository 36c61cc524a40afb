//! The OpenAPI document, made from the handlers and the types that they answer with.

mod answer;
mod answers;
mod examples;
mod finish;
mod pages;
mod request;

pub use answers::{
    CancelAnswers, ErasedAnswers, EventsAnswers, StatusAnswers, UploadAnswers, UploadsAnswers, UserAnswers,
};
pub use pages::{
    ClientAnswers, DocsAnswers, DocumentAnswers, FileAnswers, OperatorsPage, PageAnswers, PictureAnswers,
    ProblemAnswers, UserPictureAnswers,
};
pub use request::{PictureBytes, UploadForm, UploadParameters};

use self::finish::{ClosedAnswers, HeadOfPictures, HeadersOfAll, NoNullParameters, Token};
use crate::{
    config::ApiConfig,
    docs,
    error::Problem,
    health,
    health::Health,
    page, pictures, problems,
    shown::{Upload, Uploads, User},
    state::AppState,
    upload_events, upload_picture, upload_status, uploads, user, user_picture,
};
use axum::{
    extract::State,
    http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::IntoResponse,
};
use bytes::Bytes;
use utoipa::OpenApi;

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
        page::page_file,
        page::client,
        health::livez,
        health::readyz,
        health::metrics,
        document,
        docs::docs,
        docs::docs_file
    ),
    components(schemas(Upload, Uploads, User, Problem, Health)),
    modifiers(&Token, &NoNullParameters, &HeadOfPictures, &HeadersOfAll, &ClosedAnswers),
    tags(
        (name = "user", description = "What a user does, by a token."),
        (name = "pictures", description = "Finished pictures, public."),
        (name = "operators", description = "Health and metrics."),
        (name = "developers", description = "This document and the codes that it names.")
    )
)]
struct Document;

/// The document of what these settings serve, as JSON.
#[must_use]
pub fn document_of(config: &ApiConfig, public_url: &str) -> Bytes {
    let document = finish::served(Document::openapi(), config, public_url);
    // It has no map with keys that aren't text, the only thing that can't be written.
    serde_json::to_vec(&document).unwrap_or_default().into()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "developers", responses(DocumentAnswers))]
pub async fn document(State(state): State<AppState>) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, state.document.clone())
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
            "/docs/{name}",
            "/livez",
            "/metrics",
            "/openapi.json",
            "/page/{name}",
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
    fn every_answer_names_the_headers_that_all_have() {
        for (path, operations) in json()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    for name in ["X-Request-Id", "X-Content-Type-Options", "Cache-Control"] {
                        let header = &answer["headers"][name];
                        assert!(header.is_object(), "{method} {path} {status}: {answer}");
                    }
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
    fn every_answer_with_json_or_events_has_an_example() {
        for (path, operations) in json()["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
                        let is_binary =
                            media_type.starts_with("image/") || media_type.starts_with("text/html");
                        let has_one = !content["example"].is_null() || content["examples"].is_object();
                        assert!(has_one || is_binary, "{method} {path} {status} {media_type}");
                    }
                }
            }
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
