//! What pictures, pages and operators' questions are answered with.

use super::{
    answer::{Answers, number, page, problems, text, unchanged},
    answers::{ANY_TIME, with},
};
use pfp_shared::{failure::FailureCode, picture_format::PictureFormat};
use utoipa::{
    IntoResponses,
    openapi::{Content, ContentBuilder, Header, Object, ResponseBuilder, Type},
};

use FailureCode as Code;

/// Of any user's picture.
pub struct UserPictureAnswers;

impl IntoResponses for UserPictureAnswers {
    fn responses() -> Answers {
        let own = [
            Code::QueryInvalid,
            Code::PictureNotFound,
            Code::MethodNotAllowed,
            Code::DatabaseUnavailable,
            Code::Overloaded,
        ];
        let shown = ResponseBuilder::new()
            .description("The picture is at another address.")
            .header("Location", text("The picture's address, which never changes."))
            .header("Cache-Control", text("`public, max-age=60`."))
            .header("Cross-Origin-Resource-Policy", any_site());
        let neutral = ResponseBuilder::new()
            .description("The user shows none: a neutral picture.")
            .content("image/png", Content::new(Some(Object::with_type(Type::String))))
            .header("Cache-Control", text("`public, max-age=60`."))
            .header("Content-Security-Policy", text("`default-src 'none'; sandbox`."))
            .header("Cross-Origin-Resource-Policy", any_site());
        with(problems(&[&own[..], &ANY_TIME].concat()), [("200", neutral), ("302", shown)])
    }
}

/// Of a picture.
pub struct PictureAnswers;

impl IntoResponses for PictureAnswers {
    fn responses() -> Answers {
        let own = [
            Code::PictureNotFound,
            Code::MethodNotAllowed,
            Code::StoragePermissionDenied,
            Code::StorageError,
            Code::StorageUnavailable,
            Code::Overloaded,
        ];
        let cached = |answer: ResponseBuilder| {
            answer
                .header("ETag", tag())
                .header("Cache-Control", text("`public, max-age=…, immutable`."))
                .header("Content-Security-Policy", text("`default-src 'none'; sandbox`."))
                .header("Cross-Origin-Resource-Policy", any_site())
        };
        let mut picture = cached(ResponseBuilder::new().description("The picture's bytes."))
            .header("Content-Length", number("Bytes of the picture."));
        for format in PictureFormat::ALL {
            picture =
                picture.content(format.media_type(), Content::new(Some(Object::with_type(Type::String))));
        }
        with(problems(&[&own[..], &ANY_TIME].concat()), [("200", picture), ("304", cached(unchanged()))])
    }
}

/// Of the page for people.
pub struct PageAnswers;

impl IntoResponses for PageAnswers {
    fn responses() -> Answers {
        let isolated = |answer: ResponseBuilder| {
            answer
                .header("Cross-Origin-Opener-Policy", text("`same-origin`."))
                .header("Referrer-Policy", text("`no-referrer`."))
                .header("Content-Security-Policy", text("What the page may load."))
        };
        let page = isolated(page("A page for people.")).header("ETag", tag());
        with(problems(&always()), [("200", page), ("304", isolated(unchanged()))])
    }
}

/// Of the client for browsers.
pub struct ClientAnswers;

impl IntoResponses for ClientAnswers {
    fn responses() -> Answers {
        let for_all = |answer: ResponseBuilder| {
            answer
                .header("Access-Control-Allow-Origin", text("`*`."))
                .header("Cross-Origin-Resource-Policy", any_site())
        };
        let module = ResponseBuilder::new()
            .description("A module without dependencies; its comments explain it.")
            .content(
                "text/javascript",
                file("import { Client } from \"https://pictures.example/client.js\";"),
            )
            .header("ETag", tag());
        with(problems(&always()), [("200", for_all(module)), ("304", for_all(unchanged()))])
    }
}

/// Of the files that a page is made of.
pub struct FileAnswers;

impl IntoResponses for FileAnswers {
    fn responses() -> Answers {
        let mut found = ResponseBuilder::new()
            .description("The file.")
            .header("ETag", tag())
            .header("Content-Security-Policy", text("Of the files of `/docs`: what that page may load."));
        for media_type in ["text/css", "text/javascript"] {
            found = found.content(media_type, file("…"));
        }
        for media_type in ["image/svg+xml", "image/png"] {
            found = found.content(media_type, Content::new(Some(Object::with_type(Type::String))));
        }
        let refused = problems(&[&[Code::NotFound][..], &always()].concat());
        let unchanged = unchanged()
            .header("Content-Security-Policy", text("Of the files of `/docs`: what that page may load."));
        with(refused, [("200", found), ("304", unchanged)])
    }
}

/// Of the rendered document.
pub struct DocsAnswers;

impl IntoResponses for DocsAnswers {
    fn responses() -> Answers {
        let policed = |answer: ResponseBuilder| {
            answer.header("Content-Security-Policy", text("What the page may load."))
        };
        let page = page("The OpenAPI document as a page.").header("ETag", tag());
        with(problems(&always()), [("200", page), ("304", policed(unchanged()))])
    }
}

/// Of a failure code's page.
pub struct ProblemAnswers;

impl IntoResponses for ProblemAnswers {
    fn responses() -> Answers {
        let refused = problems(&[&[Code::NotFound][..], &always()].concat());
        with(refused, [("200", page("What the code means and what can be done about it."))])
    }
}

/// Of the document.
pub struct DocumentAnswers;

impl IntoResponses for DocumentAnswers {
    fn responses() -> Answers {
        let content = ContentBuilder::new()
            .schema(Some(Object::with_type(Type::Object)))
            .example(Some(serde_json::json!({"openapi": "3.1.0"})))
            .build();
        let document =
            ResponseBuilder::new().description("OpenAPI 3.1.").content("application/json", content);
        with(problems(&always()), [("200", document)])
    }
}

/// Of what operators ask, which is answered to the very end.
pub struct OperatorsPage;

impl IntoResponses for OperatorsPage {
    fn responses() -> Answers {
        problems(&[Code::MethodNotAllowed, Code::UnexpectedError])
    }
}

fn always() -> Vec<Code> {
    [&[Code::MethodNotAllowed][..], &ANY_TIME].concat()
}

fn any_site() -> Header {
    text("`cross-origin`: any site may show it.")
}

fn tag() -> Header {
    text("Strong: names the bytes.")
}

fn file(example: &str) -> Content {
    let content = ContentBuilder::new().schema(Some(Object::with_type(Type::String)));
    content.example(Some(example.into())).build()
}
