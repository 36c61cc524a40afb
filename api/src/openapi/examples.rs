//! What successes look like in the document: made by the code that answers with them.

use crate::shown::{Upload, Uploads, User};
use pfp_shared::{
    queries::{UploadRow, UserRow},
    upload::{UploadId, UploadState},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::uuid;

const PUBLIC_URL: &str = "https://pictures.example";
const KEY: &str = "pictures/0b8e1f6a9d3c4527b6a1e0d9c8f75a42.jpg";
const ACCEPTED: OffsetDateTime = datetime!(2026-01-31 9:30:00.123456 UTC);

/// An upload that was accepted a moment ago.
pub(super) fn queued() -> Value {
    upload(UploadState::Queued)
}

/// One that was taken back.
pub(super) fn cancelled() -> Value {
    upload(UploadState::Cancelled)
}

/// One whose picture the user shows.
pub(super) fn succeeded() -> Value {
    upload(UploadState::Succeeded)
}

/// A page of uploads, and there are more.
pub(super) fn uploads() -> Value {
    let uploads = vec![Upload::new(&row(UploadState::Succeeded), PUBLIC_URL)];
    json!(Uploads { uploads, next_cursor: Some("41".to_owned()) })
}

/// A user with a picture.
pub(super) fn user() -> Value {
    let made = ACCEPTED + Duration::milliseconds(310);
    let row = UserRow { picture_key: Some(KEY.to_owned()), created_at: ACCEPTED, updated_at: made };
    json!(User::new("ada".to_owned(), Some(&row), PUBLIC_URL))
}

/// The event that tells of a finished picture.
pub(super) fn event() -> Value {
    let row = row(UploadState::Succeeded);
    let upload = json!(Upload::new(&row, PUBLIC_URL));
    json!({"event": "status", "id": row.revision.to_string(), "data": upload.to_string()})
}

fn upload(state: UploadState) -> Value {
    json!(Upload::new(&row(state), PUBLIC_URL))
}

fn row(state: UploadState) -> UploadRow {
    let (revision, attempts, milliseconds) = match state {
        UploadState::Queued => (2, 0, 0),
        UploadState::Cancelled => (3, 0, 90),
        UploadState::Processing => (3, 1, 40),
        _ => (4, 1, 310),
    };
    let updated_at = ACCEPTED + Duration::milliseconds(milliseconds);
    UploadRow {
        id: UploadId(uuid!("019c1354-42db-7a31-8c52-3e6f0d9b8a17")),
        state,
        attempts,
        size_bytes: 3_812_345,
        content_type: "image/jpeg".to_owned(),
        picture_key: (state == UploadState::Succeeded).then(|| KEY.to_owned()),
        failure: None,
        revision,
        created_at: ACCEPTED,
        updated_at,
        finished_at: state.is_final().then_some(updated_at),
    }
}
