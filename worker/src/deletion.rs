//! Deleting what is listed for deletion, and striking it off.

use pfp_shared::{
    database::DatabaseError,
    failpoint::Failpoint,
    queries::{self, Deletion},
    services::Services,
    storage::StorageError,
};

/// Deletes objects and strikes them off the list. Returns the keys that couldn't be deleted, with why; they stay
/// listed.
///
/// # Errors
/// The database failed: what was deleted stays listed, and is deleted once more later.
pub async fn delete_listed(
    services: &Services,
    listed: &[Deletion],
) -> Result<Vec<(String, StorageError)>, DatabaseError> {
    let keys: Vec<_> = listed.iter().map(|deletion| deletion.key.clone()).collect();
    let failed = services.storage.delete(&keys).await;
    let deleted: Vec<_> =
        listed.iter().filter(|deletion| failed.iter().all(|(key, _)| *key != deletion.key)).collect();
    Failpoint::JobDeleted.reached();
    if !deleted.is_empty() {
        queries::deletions_done(&services.database, &deleted).await?;
    }
    Ok(failed)
}
