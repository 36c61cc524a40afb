//! A look into the bucket, past our own code's rows.

use futures_util::TryStreamExt;
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
