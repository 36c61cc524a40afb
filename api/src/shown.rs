//! The JSON that clients are shown.

use crate::error::Problem;
use axum::http::HeaderValue;
use pfp_shared::{
    queries::{UploadRow, UserRow},
    storage::PictureKey,
    upload::UploadState,
};
use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description};
use utoipa::ToSchema;
use uuid::Uuid;

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct Upload {
    /// The upload's id.
    id: Uuid,
    /// Where it is: `queued` and `processing` change by themselves, the others are final.
    #[schema(value_type = UploadStatus)]
    status: UploadState,
    /// When it was accepted.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(serialize_with = "rfc3339")]
    #[schema(value_type = String, format = DateTime, example = "2026-01-31T09:30:00.123456Z")]
    updated_at: OffsetDateTime,
    /// When it became final; null before.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-01-31T09:30:01.123456Z", required)]
    finished_at: Option<OffsetDateTime>,
    /// How often a worker has tried.
    #[schema(minimum = 0, example = 1)]
    attempts: i32,
    /// Bytes of the file.
    #[schema(minimum = 1, example = 3_812_345)]
    size_bytes: i64,
    /// What the content is: `image/jpeg`, `image/png` or `image/gif`.
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// Address of the finished picture; null before it succeeded and once the picture was replaced or deleted.
    #[schema(required, example = "http://127.0.0.1:8000/pictures/0123456789abcdef0123456789abcdef.jpg")]
    picture_url: Option<String>,
    /// Why it was rejected or failed; else null.
    #[schema(required)]
    failure: Option<Problem>,
}

/// A page of a user's uploads.
#[derive(Debug, Serialize, ToSchema)]
pub struct Uploads {
    /// The uploads, newest first.
    #[schema(max_items = 100)]
    pub(crate) uploads: Vec<Upload>,
    /// What the next page is asked for with; null on the last one.
    #[schema(required, example = json!(null))]
    pub(crate) next_cursor: Option<String>,
}

/// Where an upload is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the values of `status` in the OpenAPI document")]
enum UploadStatus {
    Queued,
    Processing,
    Succeeded,
    Rejected,
    Failed,
    Superseded,
    Cancelled,
}

impl Upload {
    /// The upload as its owner sees it, with addresses under this base.
    #[must_use]
    pub fn new(row: &UploadRow, public_url: &str) -> Self {
        Self {
            id: row.id.0,
            status: row.state,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
            attempts: row.attempts,
            size_bytes: row.size_bytes,
            content_type: row.content_type.clone(),
            picture_url: picture_url(row.picture_key.as_deref(), public_url),
            failure: row.failure.as_ref().map(Problem::new),
        }
    }
}

/// The tag of an upload's row: the same from every process.
#[must_use]
pub fn upload_tag(row: &UploadRow) -> String {
    format!("\"{}\"", row.revision)
}

/// Where an upload's status is.
#[must_use]
pub fn upload_location(row: &UploadRow) -> HeaderValue {
    // An id is made of characters that any header may hold.
    HeaderValue::from_str(&format!("/user/uploads/{}", row.id)).unwrap_or(HeaderValue::from_static("/"))
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    /// The user's id: the claim `sub` of the token.
    #[schema(min_length = 1, max_length = 255)]
    id: String,
    /// Address of the picture that the user shows; null without one.
    #[schema(required, example = "http://127.0.0.1:8000/pictures/0123456789abcdef0123456789abcdef.jpg")]
    profile_picture_url: Option<String>,
    /// When the user was first seen; null before the first upload.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    created_at: Option<OffsetDateTime>,
    /// When the user last changed.
    #[serde(serialize_with = "rfc3339_or_null")]
    #[schema(value_type = Option<String>, format = DateTime, required)]
    updated_at: Option<OffsetDateTime>,
}

impl User {
    /// The user as shown to themselves, with addresses under this base; without a row yet, with nulls.
    #[must_use]
    pub fn new(id: String, row: Option<&UserRow>, public_url: &str) -> Self {
        Self {
            id,
            profile_picture_url: picture_url(row.and_then(|row| row.picture_key.as_deref()), public_url),
            created_at: row.map(|row| row.created_at),
            updated_at: row.map(|row| row.updated_at),
        }
    }
}

fn picture_url(key: Option<&str>, public_url: &str) -> Option<String> {
    Some(PictureKey::parse(key?)?.url(public_url))
}

/// Microseconds, which the database has, and always the same width: times sort as text.
const RFC3339: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

fn rfc3339<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    let text = time.to_offset(UtcOffset::UTC).format(RFC3339).map_err(serde::ser::Error::custom)?;
    serializer.serialize_str(&text)
}

fn rfc3339_or_null<S: Serializer>(time: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfp_shared::{
        failure::{Failure, FailureCode},
        upload::UploadId,
    };
    use serde_json::json;
    use time::macros::datetime;

    fn row(state: UploadState) -> UploadRow {
        UploadRow {
            id: UploadId("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
            state,
            attempts: 1,
            size_bytes: 7,
            content_type: "image/png".to_owned(),
            picture_key: None,
            failure: None,
            revision: 4,
            created_at: datetime!(2026-01-31 10:30:00.120 +1),
            updated_at: datetime!(2026-01-31 09:30:01 UTC),
            finished_at: None,
        }
    }

    #[test]
    fn an_upload_has_all_members_of_the_contract_and_times_of_one_width() {
        let shown = serde_json::to_value(Upload::new(&row(UploadState::Queued), "http://h")).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": "01890a5d-ac96-774b-bcce-b302099a8057", "status": "queued",
                "created_at": "2026-01-31T09:30:00.120000Z", "updated_at": "2026-01-31T09:30:01.000000Z",
                "finished_at": null, "attempts": 1, "size_bytes": 7, "content_type": "image/png",
                "picture_url": null, "failure": null
            })
        );
        assert_eq!(upload_tag(&row(UploadState::Queued)), "\"4\"");
        assert_eq!(
            upload_location(&row(UploadState::Queued)),
            "/user/uploads/01890a5d-ac96-774b-bcce-b302099a8057"
        );
    }

    #[test]
    fn addresses_are_made_from_the_key_and_a_failure_is_a_problem() {
        let key = "pictures/0123456789abcdef0123456789abcdef.png";
        let succeeded = UploadRow { picture_key: Some(key.to_owned()), ..row(UploadState::Succeeded) };
        let shown = serde_json::to_value(Upload::new(&succeeded, "https://a.example/img")).unwrap();
        assert_eq!(shown["picture_url"], format!("https://a.example/img/{key}"));
        let failure = Failure::new(FailureCode::PictureCorrupt, "It ends early.");
        let rejected = UploadRow { failure: Some(failure), ..row(UploadState::Rejected) };
        let shown = serde_json::to_value(Upload::new(&rejected, "http://h")).unwrap();
        assert_eq!(
            shown["failure"],
            json!({
                "type": "/problems/picture_corrupt", "title": "The picture is damaged", "status": 400,
                "detail": "It ends early.", "code": "picture_corrupt"
            })
        );
    }

    #[test]
    fn a_user_without_a_row_is_shown_with_nulls() {
        let shown = serde_json::to_value(User::new("u".to_owned(), None, "http://h")).unwrap();
        assert_eq!(
            shown,
            json!({"id": "u", "profile_picture_url": null, "created_at": null, "updated_at": null})
        );
    }
}
