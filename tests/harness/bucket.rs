//! A look into the bucket, past our own code's rows.

use futures_util::TryStreamExt;
use pfp_shared::storage::{PICTURES_PREFIX, STAGING_PREFIX, Storage};

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
