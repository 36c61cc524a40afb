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
            // With `Prefer: wait`, what became of the upload.
            Code::PictureCorrupt,
            Code::PictureTooManyPixels,
            Code::PictureSideTooLong,
            Code::PictureTooManyFrames,
            Code::PictureTooComplex,
            Code::UploadCancelled,
            Code::AttemptsExhausted,
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
        let waited = json(
            "User",
            "With `Prefer: wait`, and final in time: the user, with the new picture (or a later one).",
        )
        .header("Preference-Applied", text("`wait=N`: how long it was waited at most."));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", waited), ("202", accepted)])
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

/// Of an upload's events.
pub struct EventsAnswers;

impl IntoResponses for EventsAnswers {
    fn responses() -> Answers {
        let own = [Code::UploadNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let stream = Content::new(Some(Object::with_type(Type::String)));
        let events = ResponseBuilder::new()
            .description("Server-sent events: `event: status`, `id:` the upload's revision, `data:` an Upload. The present state comes first, a comment every 15 seconds; the stream ends after a final state.")
            .content("text/event-stream", stream)
            .header("X-Accel-Buffering", text("`no`."));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", events)])
    }
}

/// Of a page of uploads.
pub struct UploadsAnswers;

impl IntoResponses for UploadsAnswers {
    fn responses() -> Answers {
        let own = [Code::QueryInvalid, Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let page = json("Uploads", "The uploads, and where the next page begins.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", page)])
    }
}

/// Of cancelling an upload.
pub struct CancelAnswers;

impl IntoResponses for CancelAnswers {
    fn responses() -> Answers {
        let own = [
            Code::UploadNotFound,
            Code::MethodNotAllowed,
            Code::UploadNotCancellable,
            Code::DatabaseUnavailable,
        ];
        let cancelled = json("Upload", "The upload, cancelled: now, or by an earlier request.")
            .header("ETag", text("The upload's revision."));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", cancelled)])
    }
}

/// Of erasing a user.
pub struct ErasedAnswers;

impl IntoResponses for ErasedAnswers {
    fn responses() -> Answers {
        let own = [Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let erased = ResponseBuilder::new().description("Nothing is held of the user any more.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("204", erased)])
    }
}

/// Of any user's picture.
pub struct UserPictureAnswers;

impl IntoResponses for UserPictureAnswers {
    fn responses() -> Answers {
        let own =
            [Code::QueryInvalid, Code::PictureNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable];
        let shown = ResponseBuilder::new()
            .description("The picture is at another address.")
            .header("Location", text("The picture's address, which never changes."))
            .header("Cache-Control", text("`public, max-age=60`."));
        let neutral = ResponseBuilder::new()
            .description("The user shows none: a neutral picture.")
            .content("image/png", Content::new(Some(Object::with_type(Type::String))))
            .header("Cache-Control", text("`public, max-age=60`."));
        with(problems(&[&own[..], &ANY_TIME].concat()), [("200", neutral), ("302", shown)])
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
            Code::Overloaded,
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

/// Of a page that is always there.
pub struct AnyPage;

impl IntoResponses for AnyPage {
    fn responses() -> Answers {
        problems(&[&[Code::MethodNotAllowed][..], &ANY_TIME].concat())
    }
}

/// Of what operators ask, which is answered to the very end.
pub struct OperatorsPage;

impl IntoResponses for OperatorsPage {
    fn responses() -> Answers {
        problems(&[Code::MethodNotAllowed, Code::UnexpectedError])
    }
}

/// Of a page that may not be there.
pub struct NoSuchPage;

impl IntoResponses for NoSuchPage {
    fn responses() -> Answers {
        problems(&[&[Code::NotFound, Code::MethodNotAllowed][..], &ANY_TIME].concat())
    }
}
