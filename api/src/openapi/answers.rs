//! The answers of the routes whose headers and codes are many.

use super::answer::{Answers, json, number, problems, retry_after, text};
use pfp_shared::{failure::FailureCode, picture_format::PictureFormat};
use utoipa::{
    IntoResponses,
    openapi::{Content, Object, ResponseBuilder, Type},
};

use FailureCode as Code;

const TOKEN: [Code; 4] =
    [Code::TokenMissing, Code::TokenInvalid, Code::TokenExpired, Code::TokenKeysUnavailable];
const ANY_TIME: [Code; 2] = [Code::UnexpectedError, Code::ShuttingDown];

fn with(mut answers: Answers, more: impl IntoIterator<Item = (&'static str, ResponseBuilder)>) -> Answers {
    answers.extend(more.into_iter().map(|(status, answer)| (status.to_owned(), answer.build().into())));
    answers
}

/// Of an upload.
pub struct UploadAnswers;

impl IntoResponses for UploadAnswers {
    fn responses() -> Answers {
        let own = [
            Code::FileMissing,
            Code::FileEmpty,
            Code::FileRepeated,
            Code::MultipartMalformed,
            Code::UploadIncomplete,
            Code::CropInvalid,
            Code::InvalidFormat,
            Code::FileTooLarge,
            Code::IdempotencyKeyInvalid,
            Code::QueryInvalid,
            Code::UserNotFound,
            Code::MethodNotAllowed,
            Code::RequestTimeout,
            Code::UnsupportedMediaType,
            Code::IdempotencyKeyInUse,
            Code::IdempotencyKeyReused,
            Code::RateLimited,
            Code::TooManyUploadsInFlight,
            Code::StoragePermissionDenied,
            Code::StorageError,
            Code::StorageUnavailable,
            Code::DatabaseUnavailable,
            Code::Overloaded,
        ];
        let accepted = json("Upload", "Accepted: from here on it reaches a final state, whatever happens.")
            .header("Location", text("Where its status is: `/user/uploads/{id}`."))
            .header("Retry-After", retry_after("always there"))
            .header("ETag", text("The upload's revision."))
            .header(
                "Idempotency-Replayed",
                text("`true` when the Idempotency-Key was used before with the same bytes and crop: the first request's upload as it is now."),
            );
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("202", accepted)])
    }
}

/// Of an upload's status.
pub struct StatusAnswers;

impl IntoResponses for StatusAnswers {
    fn responses() -> Answers {
        let own =
            [Code::QueryInvalid, Code::UploadNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let shown = json("Upload", "The upload.")
            .header("ETag", text("The upload's revision, the same from every process."))
            .header("Retry-After", retry_after("there until the upload is final"));
        let unchanged = ResponseBuilder::new()
            .description("Unchanged: If-None-Match names its ETag.")
            .header("ETag", text("The upload's revision."))
            .header("Retry-After", retry_after("there until the upload is final"));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", shown), ("304", unchanged)])
    }
}

/// Of a user.
pub struct UserAnswers;

impl IntoResponses for UserAnswers {
    fn responses() -> Answers {
        let own = [Code::UserNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let shown = json("User", "The user; with nulls before the first upload.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", shown)])
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
        ];
        let cached = |answer: ResponseBuilder| {
            answer
                .header("ETag", text("Strong: names the bytes."))
                .header("Cache-Control", text("`public, max-age=…, immutable`."))
                .header("Content-Security-Policy", text("`default-src 'none'; sandbox`."))
                .header("Cross-Origin-Resource-Policy", text("`cross-origin`."))
                .header("X-Content-Type-Options", text("`nosniff`."))
        };
        let mut picture = cached(ResponseBuilder::new().description("The picture's bytes."))
            .header("Content-Length", number("Bytes of the picture."));
        for format in PictureFormat::ALL {
            picture =
                picture.content(format.media_type(), Content::new(Some(Object::with_type(Type::String))));
        }
        let unchanged =
            cached(ResponseBuilder::new().description("Unchanged: If-None-Match names its ETag."));
        with(problems(&[&own[..], &ANY_TIME].concat()), [("200", picture), ("304", unchanged)])
    }
}

/// Of a page that may not be there.
pub struct NoSuchPage;

impl IntoResponses for NoSuchPage {
    fn responses() -> Answers {
        problems(&[&[Code::NotFound, Code::MethodNotAllowed][..], &ANY_TIME].concat())
    }
}
