//! The last line against leaks: the bucket listed against the rows, for what no row names.
//!
//! List first, ask second: every key is named by a row before it is put, and no key is ever named again, so an
//! object that was listed and that no row names afterwards is garbage for ever.

use crate::worker::Worker;
use futures_util::StreamExt;
use pfp_shared::{
    database::{DatabaseError, Session},
    dependencies::Dependency,
    queries,
    storage::{PICTURES_PREFIX, STAGING_PREFIX},
};
use std::{pin::pin, time::Duration};

/// Keys that the database is asked about at once.
const BATCH: usize = 1_000;

/// So many may go in any case; above, at most one in a hundred of what was listed. A database that was restored
/// from a backup must not cost the pictures.
const ALWAYS_ALLOWED: usize = 100;

/// What a listing found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Objects that were looked at.
    pub objects: usize,
    /// Objects that no row names.
    pub unnamed: usize,
    /// Whether there were too many, so that none of the rest was listed for deletion.
    pub alarm: bool,
}

/// Lists the bucket if no other worker does, and the last listing is at least `interval` ago (`None`: in any
/// case). `force` goes on where there is too much to delete.
///
/// # Errors
/// The database failed; the next listing goes on where this one stopped.
pub async fn list_if_due(
    worker: &Worker,
    interval: Option<Duration>,
    force: bool,
) -> Result<Option<Listed>, DatabaseError> {
    if worker.services.dependencies.trouble(Dependency::Storage).is_some() {
        return Ok(None);
    }
    let Some(mut session) = queries::try_lock_listing(&worker.services.database, interval).await? else {
        return Ok(None);
    };
    let mut listing = Listing { force, ..Listing::default() };
    let cursor = queries::listing_cursor(&mut session).await?;
    for prefix in [PICTURES_PREFIX, STAGING_PREFIX] {
        // "pictures/…" comes before "staging/…": a cursor under a later prefix has passed the earlier one.
        let after = match &cursor {
            Some(key) if key.starts_with(prefix) => Some(key.as_str()),
            Some(key) if key.as_str() > prefix => continue,
            _ => None,
        };
        if !listing.run(worker, &mut session, prefix, after).await? {
            return Ok(Some(listing.found));
        }
    }
    listing.end(worker, &mut session).await?;
    worker.services.storage.remove_left_over_parts().await;
    Ok(Some(listing.found))
}

#[derive(Debug, Default)]
struct Listing {
    found: Listed,
    held_back: Vec<String>,
    force: bool,
}

impl Listing {
    /// Lists one prefix; false: the store failed, and the cursor says where to go on.
    async fn run(
        &mut self,
        worker: &Worker,
        session: &mut Session,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<bool, DatabaseError> {
        let mut batches = pin!(worker.services.storage.list(prefix, after).chunks(BATCH));
        while let Some(batch) = batches.next().await {
            let keys = match batch.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(keys) => keys,
                Err(error) => {
                    tracing::warn!(%error, "the listing broke off");
                    return Ok(false);
                }
            };
            self.compare(worker, session, keys).await?;
            if worker.stop.is_cancelled() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn compare(
        &mut self,
        worker: &Worker,
        session: &mut Session,
        keys: Vec<String>,
    ) -> Result<(), DatabaseError> {
        let unnamed = queries::unnamed_keys(session, &keys).await?;
        self.found.objects += keys.len();
        self.found.unnamed += unnamed.len();
        self.held_back.extend(unnamed);
        if self.found.unnamed > ALWAYS_ALLOWED && !self.force {
            // Judged at the end, by how many there are of how many.
            return Ok(());
        }
        self.delete_held_back(worker).await?;
        if let Some(last) = keys.iter().max().filter(|_| worker.services.storage.lists_in_order()) {
            queries::save_listing_cursor(session, last).await?;
        }
        Ok(())
    }

    async fn delete_held_back(&mut self, worker: &Worker) -> Result<(), DatabaseError> {
        if !self.held_back.is_empty() {
            tracing::warn!(
                count = self.held_back.len(),
                first = self.held_back[0],
                "objects that no row names"
            );
            queries::list_deletions(&worker.services.database, &self.held_back).await?;
            self.held_back.clear();
        }
        Ok(())
    }

    async fn end(&mut self, worker: &Worker, session: &mut Session) -> Result<(), DatabaseError> {
        let allowed = ALWAYS_ALLOWED.max(self.found.objects / 100);
        if self.found.unnamed <= allowed || self.force {
            self.delete_held_back(worker).await?;
        } else {
            self.found.alarm = true;
            let (unnamed, objects) = (self.found.unnamed, self.found.objects);
            tracing::error!(
                unnamed,
                objects,
                allowed,
                "too many objects that no row names: is this database complete? `pfp-worker sweep --force` deletes them"
            );
        }
        queries::finish_listing(session).await
    }
}
