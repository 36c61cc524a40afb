//! What a request that can't be served is answered with: a problem document (RFC 9457).

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use pfp_shared::{
    database::DatabaseError,
    failure::{Failure, FailureCode},
    storage::StorageError,
};
use serde::Serialize;
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};
use utoipa::ToSchema;

/// Why a request isn't served: what the client is told, and what only the log is told.
#[derive(Debug)]
pub struct ApiError {
    /// What the client is told.
    pub failure: Failure,
    retry_after: Option<u64>,
    cause: Option<String>,
}

impl ApiError {
    /// A fault of ours. The cause is for the log only.
    #[must_use]
    pub fn internal(code: FailureCode, cause: impl Into<String>) -> Self {
        let detail = match code {
            FailureCode::DatabaseUnavailable => "The database is not available. Try again in a second.",
            FailureCode::StorageUnavailable => "The object store is not available. Try again in a second.",
            _ => "Something went wrong on our side; it was logged under the request's id.",
        };
        Self { failure: Failure::new(code, detail), retry_after: None, cause: Some(cause.into()) }
    }

    /// A panic that was caught.
    #[must_use]
    pub fn panicked(cause: impl Into<String>) -> Self {
        metrics::counter!("pfp_panics_total").increment(1);
        Self::internal(FailureCode::UnexpectedError, cause)
    }

    /// Says when to try again, in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Why, for the log, where it is a fault of ours.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// When to try again, in seconds, where trying again can help.
    fn seconds_to_wait(&self) -> Option<u64> {
        let helps = matches!(self.failure.code.status(), 429 | 503)
            || self.failure.code == FailureCode::IdempotencyKeyInUse;
        self.retry_after.or(helps.then_some(1))
    }

    /// RFC 6750: no error is named where the request has no token.
    fn challenge(&self) -> Option<&'static str> {
        match self.failure.code {
            FailureCode::TokenMissing => Some("Bearer"),
            FailureCode::TokenExpired => {
                Some(r#"Bearer error="invalid_token", error_description="The token has expired""#)
            }
            FailureCode::TokenInvalid => {
                Some(r#"Bearer error="invalid_token", error_description="The token is not valid""#)
            }
            _ => None,
        }
    }

    /// The whole answer.
    #[must_use]
    pub fn answer(&self, request_id: &str) -> Response {
        let problem = Problem::new(&self.failure).of_request(request_id);
        let mut response = (self.status(), Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.seconds_to_wait() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self { failure, retry_after: None, cause: None }
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        if let DatabaseError::Busy(_) = error {
            // Without a cause: it is no fault, and there may be thousands.
            let detail = "As many requests as there are database connections for are on their way. Try again in a second.";
            return Failure::new(FailureCode::Overloaded, detail).into();
        }
        let code = if error.is_unavailable() {
            FailureCode::DatabaseUnavailable
        } else {
            FailureCode::UnexpectedError
        };
        Self::internal(code, error.to_string())
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let code = match error {
            StorageError::Unavailable(_) => FailureCode::StorageUnavailable,
            StorageError::PermissionDenied(_) => FailureCode::StoragePermissionDenied,
            StorageError::NotFound(_) | StorageError::TooLarge { .. } | StorageError::Other(_) => {
                FailureCode::StorageError
            }
        };
        Self::internal(code, error.to_string())
    }
}

impl IntoResponse for ApiError {
    /// The error travels in the answer's extensions to where the request's id is known and it is logged.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// A problem document, RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// The page that explains the code: `/problems/<code>`.
    #[serde(rename = "type")]
    #[schema(example = "/problems/file_too_large")]
    kind: String,
    /// A short title, the same for every occurrence.
    #[schema(value_type = String)]
    title: Cow<'static, str>,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// A sentence for a person that names the limit, the actual value and what is allowed.
    detail: String,
    /// The stable code of the failure.
    #[schema(value_type = String, example = "file_too_large")]
    code: FailureCode,
    /// The request's id, as in `X-Request-Id`. Not within an Upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The limit that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    limit: Option<Value>,
    /// The value that was found, in the limit's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    actual: Option<Value>,
    /// What would have been taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    allowed: Option<Value>,
    /// What the content or its declared type was recognised as, for `invalid_format`.
    #[serde(skip_serializing_if = "Option::is_none")]
    detected: Option<String>,
}

impl Problem {
    /// The same, of a request with this id.
    #[must_use]
    pub fn of_request(mut self, request_id: &str) -> Self {
        self.request_id = Some(request_id.to_owned());
        self
    }

    /// The document of a failure.
    #[must_use]
    pub fn new(failure: &Failure) -> Self {
        let Failure { code, detail, limit, actual, allowed, detected } = failure.clone();
        Self {
            kind: format!("/problems/{code}"),
            title: Cow::Borrowed(code.title()),
            status: code.status(),
            detail,
            code,
            request_id: None,
            limit,
            actual,
            allowed,
            detected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use serde_json::json;

    async fn json_of(response: Response) -> Value {
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_contract_and_the_facts_that_there_are() {
        let failure = Failure::new(FailureCode::FileTooLarge, "The file has 7 bytes; at most 5 are taken.");
        let response = ApiError::from(failure.limit(5).actual(7)).answer("r-1");
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(
            json_of(response).await,
            json!({
                "type": "/problems/file_too_large", "title": "The file is too large", "status": 400,
                "detail": "The file has 7 bytes; at most 5 are taken.", "code": "file_too_large",
                "request_id": "r-1", "limit": 5, "actual": 7
            })
        );
    }

    #[tokio::test]
    async fn nothing_internal_is_told_to_the_client() {
        let error = StorageError::PermissionDenied("bucket s3cret at 10.0.0.1".to_owned());
        let error = ApiError::from(error);
        assert!(error.cause().unwrap().contains("10.0.0.1"));
        let response = error.answer("r-1");
        assert_eq!(response.status(), 500);
        let body = json_of(response).await;
        assert_eq!(body["code"], "storage_permission_denied");
        assert!(!body.to_string().contains("s3cret"));
    }

    #[test]
    fn retry_after_is_told_where_trying_again_can_help() {
        let retry_after = |code: FailureCode| {
            let response = ApiError::from(Failure::new(code, "")).answer("r");
            response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned())
        };
        for code in FailureCode::ALL {
            let expected = matches!(code.status(), 429 | 503) || *code == FailureCode::IdempotencyKeyInUse;
            assert_eq!(retry_after(*code).is_some(), expected, "{code}");
        }
        let error = ApiError::from(Failure::new(FailureCode::RateLimited, "")).retry_after(7);
        assert_eq!(error.answer("r").headers()[RETRY_AFTER], "7");
    }

    #[test]
    fn a_missing_token_is_asked_for_without_an_error_and_a_bad_one_with_it() {
        let challenge = |code: FailureCode| {
            let response = ApiError::from(Failure::new(code, "")).answer("r");
            response.headers()[WWW_AUTHENTICATE].to_str().unwrap().to_owned()
        };
        assert_eq!(challenge(FailureCode::TokenMissing), "Bearer");
        assert!(challenge(FailureCode::TokenInvalid).starts_with(r#"Bearer error="invalid_token""#));
        assert!(challenge(FailureCode::TokenExpired).starts_with(r#"Bearer error="invalid_token""#));
    }
}
