//! A look into the bucket, past our own code's rows.

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::TryStreamExt;
use hyper::Method;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use pfp_shared::{
    config::{Connections, Settings, UsedBy},
    storage::{PICTURES_PREFIX, STAGING_PREFIX, Storage},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The keys of all objects but our markers, sorted.
///
/// # Panics
/// The store fails.
pub async fn objects(storage: &Storage) -> Vec<String> {
    let mut keys = Vec::new();
    for prefix in [PICTURES_PREFIX, STAGING_PREFIX] {
        let listed: Vec<String> = storage.list(prefix, None).try_collect().await.expect("a listing");
        keys.extend(listed);
    }
    keys.sort();
    keys
}

/// Makes the bucket that settings name, also where they say that we may not.
///
/// # Panics
/// It can't be made.
pub async fn make(settings: &BTreeMap<String, String>) {
    let mut settings = settings.clone();
    settings.insert("PFP_S3_CREATE_BUCKET".to_owned(), "true".to_owned());
    let settings = Settings::from_values(settings, UsedBy::Both).expect("settings");
    let connections = Connections::from_settings(&settings).expect("connections");
    Storage::new(&connections).expect("a store").open_bucket().await.expect("a bucket");
}

/// How many uploads in parts are begun and neither completed nor aborted for a key: the store keeps their parts.
///
/// # Panics
/// The store doesn't say.
pub async fn unfinished_parts(settings: &BTreeMap<String, String>, key: &str) -> usize {
    let query = format!("prefix={}&uploads=", key.replace('/', "%2F"));
    let text = ask(settings, Method::GET, &query, "").await.expect("the store's answer");
    assert!(text.contains("ListMultipartUploadsResult"), "{text}");
    text.matches("<Upload>").count()
}

/// The bucket's lifecycle rules, as XML; empty where there are none.
///
/// # Panics
/// The store doesn't say.
pub async fn lifecycle(settings: &BTreeMap<String, String>) -> String {
    match ask(settings, Method::GET, "lifecycle=", "").await {
        Ok(rules) => rules,
        Err(told) => {
            assert!(told.contains("NoSuchLifecycleConfiguration"), "{told}");
            String::new()
        }
    }
}

/// Sets the bucket's lifecycle rules as an operator would, or takes all of them away.
///
/// # Panics
/// The store refuses them.
pub async fn set_lifecycle(settings: &BTreeMap<String, String>, rules: &str) {
    let method = if rules.is_empty() { Method::DELETE } else { Method::PUT };
    ask(settings, method, "lifecycle=", rules).await.unwrap_or_else(|told| panic!("{told}"));
}

/// A signed request about the bucket: what is answered, or what it was refused with.
async fn ask(
    settings: &BTreeMap<String, String>,
    method: Method,
    query: &str,
    body: &str,
) -> Result<String, String> {
    let bucket = settings["PFP_STORAGE_URL"].trim_start_matches("s3://");
    let url = format!("{}/{bucket}?{query}", settings["PFP_S3_ENDPOINT"]);
    let checksum = BASE64_STANDARD.encode(Sha256::digest(body));
    let request = hyper::Request::builder().method(method.clone()).uri(&url);
    let request = request.header("x-amz-checksum-sha256", checksum);
    let mut request = request.body(HttpRequestBody::from(body.to_owned())).expect("a request");
    let credential = AwsCredential {
        key_id: settings["PFP_S3_ACCESS_KEY"].clone(),
        secret_key: settings["PFP_S3_SECRET_KEY"].clone(),
        token: None,
    };
    AwsAuthorizer::new(&credential, "s3", "us-east-1")
        .try_authorize(&mut request, None)
        .expect("a signature");
    let sent = reqwest::Client::new().request(method, &url).headers(request.headers().clone());
    let answer = sent.body(body.to_owned()).send().await.expect("the store's answer");
    let status = answer.status();
    let text = answer.text().await.expect("the store's answer");
    if status.is_success() { Ok(text) } else { Err(text) }
}
