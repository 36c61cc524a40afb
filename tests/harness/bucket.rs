//! A look into the bucket, past our own code's rows.

use futures_util::TryStreamExt;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use pfp_shared::{
    config::{Connections, Settings, UsedBy},
    storage::{PICTURES_PREFIX, STAGING_PREFIX, Storage},
};
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
    let bucket = settings["PFP_STORAGE_URL"].trim_start_matches("s3://");
    let url = format!("{}/{bucket}?prefix={}&uploads=", settings["PFP_S3_ENDPOINT"], key.replace('/', "%2F"));
    let mut request = hyper::Request::get(&url).body(HttpRequestBody::empty()).expect("a request");
    let credential = AwsCredential {
        key_id: settings["PFP_S3_ACCESS_KEY"].clone(),
        secret_key: settings["PFP_S3_SECRET_KEY"].clone(),
        token: None,
    };
    let authorizer = AwsAuthorizer::new(&credential, "s3", "us-east-1");
    authorizer.try_authorize(&mut request, None).expect("a signature");
    let sent = reqwest::Client::new().get(&url).headers(request.headers().clone()).send().await;
    let answer = sent.expect("the store's answer");
    let status = answer.status();
    let text = answer.text().await.expect("the store's answer");
    assert!(status.is_success() && text.contains("ListMultipartUploadsResult"), "{status}: {text}");
    text.matches("<Upload>").count()
}
