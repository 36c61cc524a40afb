//! What a user's own requests are answered with.

use super::{
    answer::{Answers, json, problems, retry_after, text, unchanged},
    examples,
};
use pfp_shared::failure::FailureCode;
use utoipa::{
    IntoResponses,
    openapi::{
        ContentBuilder, Header, Object, RefOr, ResponseBuilder, Type,
        link::{Link, LinkBuilder},
        schema::ObjectBuilder,
    },
};

use FailureCode as Code;

const TOKEN: [Code; 4] =
    [Code::TokenMissing, Code::TokenInvalid, Code::TokenExpired, Code::TokenKeysUnavailable];
pub(super) const ANY_TIME: [Code; 3] = [Code::RequestMalformed, Code::UnexpectedError, Code::ShuttingDown];

pub(super) fn with(
    mut answers: Answers,
    more: impl IntoIterator<Item = (&'static str, ResponseBuilder)>,
) -> Answers {
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
        let accepted = json(
            "Upload",
            examples::queued(),
            "Accepted: from here on it reaches a final state, whatever happens.",
        )
        .header("Location", text("Where its status is: `/user/uploads/{id}`."))
        .header("Retry-After", retry_after("always there"))
        .header("ETag", text("The upload's revision."))
        .header("Idempotency-Replayed", replayed())
        .link("status", of_upload("upload_status"))
        .link("events", of_upload("upload_events"))
        .link("cancel", of_upload("cancel_upload"));
        let waited = json(
            "User",
            examples::user(),
            "With `Prefer: wait`, and final in time: the user, with the new picture (or a later one).",
        )
        .header("Preference-Applied", applied())
        .header("Idempotency-Replayed", replayed());
        let mut refused = problems(&[&own[..], &TOKEN, &ANY_TIME].concat());
        // What became of the upload, for a client that has waited.
        for status in ["400", "404", "409", "500"] {
            if let Some(RefOr::T(answer)) = refused.get_mut(status) {
                answer.headers.insert("Preference-Applied".to_owned(), applied().into());
                answer.headers.insert("Idempotency-Replayed".to_owned(), replayed().into());
            }
        }
        with(refused, [("200", waited), ("202", accepted)])
    }
}

/// Another request about the upload that the answer shows.
fn of_upload(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("id", "$response.body#/id").build()
}

fn replayed() -> Header {
    text(
        "`true` when the Idempotency-Key was used before with the same bytes and crop: this is about the first request's upload, as it is now.",
    )
}

fn applied() -> Header {
    text("`wait=N`, where the upload was waited for and has become final: for how long at most.")
}

/// Of an upload's status.
pub struct StatusAnswers;

impl IntoResponses for StatusAnswers {
    fn responses() -> Answers {
        let own = [
            Code::QueryInvalid,
            Code::UploadNotFound,
            Code::MethodNotAllowed,
            Code::DatabaseUnavailable,
            Code::Overloaded,
        ];
        let shown = json("Upload", examples::succeeded(), "The upload.")
            .header("ETag", text("The upload's revision, the same from every process."))
            .header("Retry-After", retry_after("there until the upload is final"));
        let unchanged = unchanged().header("Retry-After", retry_after("there until the upload is final"));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", shown), ("304", unchanged)])
    }
}

/// Of an upload's events.
pub struct EventsAnswers;

impl IntoResponses for EventsAnswers {
    fn responses() -> Answers {
        let own = [Code::UploadNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable, Code::Overloaded];
        let stream = ContentBuilder::new().schema(Some(event())).example(Some(examples::event())).build();
        let events = ResponseBuilder::new()
            .description("Server-sent events: `event: status`, `id:` the upload's revision, `data:` an Upload. The present state comes first, a comment every 15 seconds; the stream ends after a final state.")
            .content("text/event-stream", stream)
            .header("X-Accel-Buffering", text("`no`."));
        let over = ResponseBuilder::new()
            .description("Last-Event-ID names a final state: there is nothing more to come.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", events), ("204", over)])
    }
}

/// One event of the stream.
fn event() -> Object {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let upload = text()
        .content_media_type("application/json")
        .description(Some("An Upload as JSON (`#/components/schemas/Upload`)."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("One event of the stream."))
        .property("event", text().enum_values(Some(["status"])))
        .property("id", text().pattern(Some("^[0-9]+$")).description(Some("The upload's revision.")))
        .property("data", upload)
        .required("event")
        .required("id")
        .required("data")
        .build()
}

/// Of a page of uploads.
pub struct UploadsAnswers;

impl IntoResponses for UploadsAnswers {
    fn responses() -> Answers {
        let own = [Code::QueryInvalid, Code::MethodNotAllowed, Code::DatabaseUnavailable, Code::Overloaded];
        let page = json("Uploads", examples::uploads(), "The uploads, and where the next page begins.");
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
            Code::Overloaded,
        ];
        let cancelled =
            json("Upload", examples::cancelled(), "The upload, cancelled: now, or by an earlier request.")
                .header("ETag", text("The upload's revision."));
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", cancelled)])
    }
}

/// Of erasing a user.
pub struct ErasedAnswers;

impl IntoResponses for ErasedAnswers {
    fn responses() -> Answers {
        let own = [Code::MethodNotAllowed, Code::DatabaseUnavailable, Code::Overloaded];
        let erased = ResponseBuilder::new().description("Nothing is held of the user any more.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("204", erased)])
    }
}

/// Of a user.
pub struct UserAnswers;

impl IntoResponses for UserAnswers {
    fn responses() -> Answers {
        let own = [Code::UserNotFound, Code::MethodNotAllowed, Code::DatabaseUnavailable, Code::Overloaded];
        let shown = json("User", examples::user(), "The user; with nulls before the first upload.");
        with(problems(&[&own[..], &TOKEN, &ANY_TIME].concat()), [("200", shown)])
    }
}
