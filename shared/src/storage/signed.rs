//! Requests about the bucket itself, which the library has no calls for.

use super::{Storage, StorageError};
use crate::config::StorageLocation;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, StatusCode};
use object_store::{
    aws::AwsAuthorizer,
    client::{HttpConnector, HttpRequestBody, ReqwestConnector},
};
use sha2::{Digest, Sha256};

impl Storage {
    /// Sends a signed request about the bucket and returns what is answered. `query` begins with a question mark, or
    /// is empty.
    ///
    /// # Errors
    /// There is no answer, or no bucket: objects are kept in a folder.
    pub(super) async fn ask_about_bucket(
        &self,
        method: Method,
        query: &str,
        body: String,
    ) -> Result<(StatusCode, String), StorageError> {
        let (StorageLocation::S3 { bucket, endpoint, region, .. }, Some(s3)) = (&self.location, &self.s3)
        else {
            return Err(StorageError::Other("a folder isn't a bucket".to_owned()));
        };
        let asking = async {
            let credential = s3.credentials().get_credential().await?;
            let base = endpoint.clone().unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
            let mut request = http::Request::builder().method(method).uri(format!("{base}/{bucket}{query}"));
            if !body.is_empty() {
                // What S3 asks for where it would be costly to get the body wrong.
                let checksum = BASE64_STANDARD.encode(Sha256::digest(&body));
                request = request.header("x-amz-checksum-sha256", checksum);
            }
            let request = request.body(HttpRequestBody::from(body));
            let mut request = request.map_err(|error| StorageError::Other(error.to_string()))?;
            AwsAuthorizer::new(&credential, "s3", region).try_authorize(&mut request, None)?;
            let client = ReqwestConnector::default().connect(&self.client_options)?;
            let unavailable = |error: &dyn std::fmt::Display| StorageError::Unavailable(error.to_string());
            let response = client.execute(request).await.map_err(|error| unavailable(&error))?;
            let status = response.status();
            let text = response.into_body().bytes().await.map_err(|error| unavailable(&error))?;
            Ok((status, String::from_utf8_lossy(&text).into_owned()))
        };
        let waited = format!("no answer within {} ms", self.limit.as_millis());
        tokio::time::timeout(self.limit, asking).await.unwrap_or(Err(StorageError::Unavailable(waited)))
    }
}

/// The code in S3's answer, if that is an error of S3.
pub(super) fn code_in(answer: &str) -> Option<&str> {
    answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code)
}
