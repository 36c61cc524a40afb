//! Deleting many objects at once, without taking one for deleted that isn't.

use super::{Storage, StorageError, in_time, keys::object_path};
use futures_util::{StreamExt, stream};
use object_store::{ObjectStore, path::Path};

impl Storage {
    /// Deletes objects; one that isn't there counts as deleted. Returns the keys that couldn't be, with why.
    pub async fn delete(&self, keys: &[String]) -> Vec<(String, StorageError)> {
        let paths = keys.iter().map(|key| Ok(object_path(key))).collect::<Vec<_>>();
        let work = async {
            let results = self.store.delete_stream(stream::iter(paths).boxed());
            Ok(undeleted(keys, results.collect().await))
        };
        match in_time(self.limit, work).await {
            Ok(failed) => failed,
            Err(error) => all_undeleted(keys, &error),
        }
    }
}

/// The keys that a deletion failed for. Many are deleted by one request; when that fails there is one error for
/// all of them, and whatever doesn't line up with its key counts as not deleted: deleting twice does no harm.
fn undeleted(keys: &[String], results: Vec<object_store::Result<Path>>) -> Vec<(String, StorageError)> {
    if results.len() != keys.len() {
        let error = results.into_iter().find_map(Result::err).map(StorageError::from);
        let error = error.unwrap_or_else(|| StorageError::Other("a deletion without a result".to_owned()));
        return all_undeleted(keys, &error);
    }
    let outcome = keys.iter().zip(results).filter_map(|(key, result)| {
        let error = StorageError::from(result.err()?);
        (!matches!(error, StorageError::NotFound(_))).then(|| (key.clone(), error))
    });
    outcome.collect()
}

fn all_undeleted(keys: &[String], error: &StorageError) -> Vec<(String, StorageError)> {
    let text = error.to_string();
    keys.iter().map(|key| (key.clone(), StorageError::Unavailable(text.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure() -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: "500".into() }
    }

    fn missing(key: &str) -> object_store::Error {
        object_store::Error::NotFound { path: key.to_owned(), source: "404".into() }
    }

    #[test]
    fn one_error_for_a_whole_request_leaves_none_of_its_keys_deleted() {
        let keys = ["staging/a".to_owned(), "pictures/b".to_owned()];
        let failed = undeleted(&keys, vec![Err(failure())]);
        assert_eq!(failed.iter().map(|(key, _)| key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
    }

    #[test]
    fn a_key_that_is_not_there_counts_as_deleted_and_each_failure_keeps_its_key() {
        let keys = ["a", "b", "c"].map(str::to_owned);
        let failed = undeleted(&keys, vec![Ok(Path::from("a")), Err(missing("b")), Err(failure())]);
        assert_eq!(failed.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["c"]);
    }
}
