//! The one catalogue of what can go wrong for a client: every code that an answer, a stored rejection or a
//! metric may carry, with its HTTP status and title.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

macro_rules! catalogue {
    ($($variant:ident $code:literal $status:literal $title:literal $explanation:literal)*) => {
        /// A stable code for a failure that a client can see.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailureCode {
            $(#[doc = $explanation] $variant,)*
        }

        impl FailureCode {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [FailureCode] = &[$(FailureCode::$variant),*];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(FailureCode::$variant => $code,)* }
            }

            /// The HTTP status of an answer that carries this code.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(FailureCode::$variant => $status,)* }
            }

            /// A short title, the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(FailureCode::$variant => $title,)* }
            }

            /// What it means and what a client can do about it.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $(FailureCode::$variant => $explanation,)* }
            }
        }
    };
}

#[rustfmt::skip]
catalogue! {
    // The request is at fault: told by the API before anything is stored.
    FileMissing            "file_missing"               400 "No file in the request"            "The form has no part named `file` with a file name. Send exactly one."
    FileEmpty              "file_empty"                 400 "The file is empty"                 "The file has no bytes."
    FileRepeated           "file_repeated"              400 "More than one file"                "The form has more than one part named `file`. Send exactly one."
    MultipartMalformed     "multipart_malformed"        400 "The form can't be read"            "The body isn't well-formed multipart/form-data: the boundary or a part's header is wrong, or the body ends before its closing boundary."
    UploadIncomplete       "upload_incomplete"          400 "The upload broke off"              "The connection ended before the whole body arrived. Nothing was kept; send it again."
    CropInvalid            "crop_invalid"               400 "The crop can't be used"            "A crop is a rectangle of the upright picture in pixels: x and y from 0, width and height above 0, at least partly inside the picture."
    InvalidFormat          "invalid_format"             400 "Not a picture type that is taken"  "The content, or the type declared for it, isn't one of the allowed types, or is a kind of them that isn't supported."
    FileTooLarge           "file_too_large"             400 "The file is too large"             "The file has more bytes than the limit."
    IdempotencyKeyInvalid  "idempotency_key_invalid"    400 "The idempotency key can't be used" "An Idempotency-Key has 1 to 255 visible ASCII characters."
    QueryInvalid           "query_invalid"              400 "A query parameter can't be used"   "A query parameter has a value outside its range, or isn't known."
    RequestMalformed       "request_malformed"          400 "The request isn't well-formed"     "HTTP/1.1 asks for exactly one header Host, and takes no other Transfer-Encoding than chunked here."
    // The picture is at fault: told by the worker, as a rejection of the upload.
    PictureCorrupt         "picture_corrupt"            400 "The picture is damaged"            "The file is truncated or damaged and can't be decoded to its end."
    PictureTooManyPixels   "picture_too_many_pixels"    400 "Too many pixels"                   "The picture's width times height is above the limit."
    PictureSideTooLong     "picture_side_too_long"      400 "A side is too long"                "The picture's width or height is above the limit."
    PictureTooManyFrames   "picture_too_many_frames"    400 "Too many frames"                   "The animation has more frames than the limit, or more pixels over all its frames."
    PictureTooComplex      "picture_too_complex"        400 "The picture takes too much work"   "Decoding the picture would take more scans, memory or processor time than the limit."
    // Who asks.
    TokenMissing           "token_missing"              401 "No token"                          "The request has no `Authorization: Bearer` header."
    TokenInvalid           "token_invalid"              401 "The token isn't valid"             "The token can't be read, isn't signed by a known key, or lacks a claim that is required."
    TokenExpired           "token_expired"              401 "The token has expired"             "The token's time is up. Get a new one."
    // What is asked for.
    UserNotFound           "user_not_found"             404 "No such user"                      "The token's user isn't known here."
    UploadNotFound         "upload_not_found"           404 "No such upload"                    "There is no upload of yours with this id."
    PictureNotFound        "picture_not_found"          404 "No such picture"                   "There is no picture at this address: it was replaced or deleted, or never was."
    NotFound               "not_found"                  404 "No such page"                      "There is nothing at this address."
    MethodNotAllowed       "method_not_allowed"         405 "The method isn't allowed here"     "The address exists, but not for this method; the header Allow names those that it takes."
    RequestTimeout         "request_timeout"            408 "The request came too slowly"       "The body stalled, or came more slowly than the minimum rate. Nothing was kept; send it again."
    UploadNotCancellable   "upload_not_cancellable"     409 "Too late to cancel"                "Only a queued upload can be cancelled; this one is being worked on or is final."
    UploadCancelled        "upload_cancelled"           409 "The upload was cancelled"          "The upload was cancelled before a worker took it."
    IdempotencyKeyInUse    "idempotency_key_in_use"     409 "The first request is still running" "A request with this Idempotency-Key is still being received. Try again shortly."
    UnsupportedMediaType   "unsupported_media_type"     415 "The body's type isn't supported"   "Send multipart/form-data, or the picture's bytes as image/* or application/octet-stream."
    IdempotencyKeyReused   "idempotency_key_reused"     422 "The idempotency key was used before" "This Idempotency-Key belongs to another upload of yours, with other bytes or another crop."
    // How much is asked.
    RateLimited            "rate_limited"               429 "Too many uploads"                  "You have sent more uploads than the limit per minute. The header Retry-After tells when to try again."
    TooManyUploadsInFlight "too_many_uploads_in_flight" 429 "Too many unfinished uploads"       "You have as many unfinished uploads as the limit allows. Wait until one is final."
    // The system is at fault.
    UnexpectedError        "unexpected_error"           500 "Something went wrong"              "An error of ours; it was logged under the request's id."
    StoragePermissionDenied "storage_permission_denied" 500 "The storage refused us"            "An error of ours: the object store refused our credentials. It was logged under the request's id."
    StorageError           "storage_error"              500 "The storage failed"                "An error of ours in the object store, or an upload's bytes are gone from it, and have to be sent again. It was logged."
    AttemptsExhausted      "attempts_exhausted"         500 "The upload could not be worked on" "All attempts at this upload failed through no fault that we could lay on the picture. Its bytes are kept, so that it can be worked on again."
    StorageUnavailable     "storage_unavailable"        503 "The storage is not available"      "The object store doesn't answer. Nothing was kept; try again after the time in Retry-After."
    DatabaseUnavailable    "database_unavailable"       503 "The database is not available"     "The database doesn't answer. Try again after the time in Retry-After."
    TokenKeysUnavailable   "token_keys_unavailable"     503 "Tokens can't be checked"           "The keys that tokens are checked with can't be had. The token may well be good; try again after the time in Retry-After."
    Overloaded             "overloaded"                 503 "Too busy"                          "As many requests as memory and connections allow are on their way. Try again after the time in Retry-After."
    ShuttingDown           "shutting_down"              503 "Going down"                        "This server is being stopped. Try again; another one will answer."
}

impl FailureCode {
    /// The code of this name, if the catalogue has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FailureCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FailureCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown failure code {name}")))
    }
}

/// One occurrence of a failure: the code and the facts that a person or a program can act on.
///
/// This is what `uploads.failure` holds as JSON and what a problem document is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Which failure it is.
    pub code: FailureCode,
    /// A sentence for a person that names the limit, the actual value and what is allowed.
    pub detail: String,
    /// The limit that was passed, in the unit that `detail` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Value>,
    /// The value that was found, in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
    /// What would have been taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Value>,
    /// What the content was recognised as, for `invalid_format`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected: Option<String>,
}

impl Failure {
    /// A failure with a sentence and no facts yet.
    pub fn new(code: FailureCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), limit: None, actual: None, allowed: None, detected: None }
    }

    /// Adds the limit that was passed.
    #[must_use]
    pub fn limit(mut self, limit: impl Into<Value>) -> Self {
        self.limit = Some(limit.into());
        self
    }

    /// Adds the value that was found.
    #[must_use]
    pub fn actual(mut self, actual: impl Into<Value>) -> Self {
        self.actual = Some(actual.into());
        self
    }

    /// Adds what would have been taken.
    #[must_use]
    pub fn allowed(mut self, allowed: impl Into<Value>) -> Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Adds what the content was recognised as.
    #[must_use]
    pub fn detected(mut self, detected: impl Into<String>) -> Self {
        self.detected = Some(detected.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_by_its_name_and_no_name_is_used_twice() {
        let mut names: Vec<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        for code in FailureCode::ALL {
            assert_eq!(FailureCode::from_name(code.as_str()), Some(*code));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FailureCode::ALL.len());
    }

    #[test]
    fn a_failure_is_stored_without_the_facts_that_it_lacks() {
        let failure = Failure::new(FailureCode::FileEmpty, "The file is empty.");
        let json = serde_json::to_value(&failure).unwrap();
        assert_eq!(json, serde_json::json!({"code": "file_empty", "detail": "The file is empty."}));
        assert_eq!(serde_json::from_value::<Failure>(json).unwrap(), failure);
    }
}
