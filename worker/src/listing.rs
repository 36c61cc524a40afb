//! The last line against leaks: the bucket listed against the rows, for what no row names.
//!
//! List first, ask second: every key is named by a row before it is put, and no key is ever named again, so an
//! object that was listed and that no row names afterwards is garbage for ever.

use crate::worker::Worker;
use futures_util::StreamExt;
use pfp_shared::{
    database::{Database, DatabaseError, Session},
    dependencies::Dependency,
    failpoint::Failpoint,
    queries::{self, ListingProgress},
    storage::{PICTURES_PREFIX, STAGING_PREFIX, StorageError},
};
use std::{pin::pin, sync::Arc, time::Duration};

/// Keys that the database is asked about at once.
const BATCH: usize = 1_000;

/// Held deletions that are judged in one statement: there may be millions.
const HELD: i64 = 10_000;

/// How long a listing that broke off waits before it goes on.
const PAUSE: Duration = Duration::from_secs(60);

/// So many may go in any case; above, at most one in a hundred of what was compared. A database that was restored
/// from a backup must not cost the pictures.
const ALWAYS_ALLOWED: i64 = 100;

/// How many of so many may be deleted, or changed for good, before somebody has looked.
#[must_use]
pub fn allowed(compared: i64) -> i64 {
    ALWAYS_ALLOWED.max(compared / 100)
}

/// Why a listing broke off; the next one goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What a listing found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Objects that were looked at.
    pub objects: i64,
    /// Objects that no row names.
    pub unnamed: i64,
    /// Whether there were too many, so that none of them is deleted.
    pub alarm: bool,
}

/// What became of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// It came to its end.
    Done(Listed),
    /// Another worker lists just now, or the last listing isn't long enough ago.
    NotDue,
    /// The storage is out.
    StorageOut,
    /// The worker stops; the next listing goes on where this one stopped.
    Stopped,
}

/// Lists the bucket whenever that is due, beside the sweeps: a listing of a large bucket takes its time. One that
/// broke off is gone on with after a pause.
pub async fn list_regularly(worker: Arc<Worker>) {
    let mut wait = worker.config.sweep_interval;
    loop {
        tokio::select! {
            () = worker.stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = worker.config.sweep_interval;
        if worker.services.dependencies.trouble(Dependency::Database).is_some() {
            continue;
        }
        tokio::select! {
            () = worker.must_release.cancelled() => return,
            listed = list_if_due(&worker, Some(worker.config.listing_interval), false) => {
                if let Err(error) = listed {
                    tracing::warn!(%error, "a listing broke off");
                    wait = wait.max(PAUSE);
                }
            }
        }
    }
}

/// Lists the bucket if no other worker does, and the last listing is at least `interval` ago (`None`: in any
/// case). `force` deletes also where there is suspiciously much to delete.
///
/// # Errors
/// The database or the store failed; the next listing goes on where this one stopped.
pub async fn list_if_due(
    worker: &Worker,
    interval: Option<Duration>,
    force: bool,
) -> Result<Listing, ListingError> {
    if worker.services.dependencies.trouble(Dependency::Storage).is_some() {
        return Ok(Listing::StorageOut);
    }
    let Some(mut session) = queries::try_lock_listing(&worker.services.database, interval).await? else {
        return Ok(Listing::NotDue);
    };
    let database = &worker.services.database;
    let mut progress = database.within(queries::resume_listing(&mut session)).await?;
    if progress.cursor.is_none() {
        // What an earlier one has held and not judged.
        forget_held(database, &mut session).await?;
    }
    let resumed_at = progress.cursor.clone();
    for prefix in [PICTURES_PREFIX, STAGING_PREFIX] {
        // "pictures/…" comes before "staging/…": a cursor under a later prefix has passed the earlier one.
        let after = match &resumed_at {
            Some(key) if key.starts_with(prefix) => Some(key.as_str()),
            Some(key) if key.as_str() > prefix => continue,
            _ => None,
        };
        if !list_prefix(worker, &mut session, &mut progress, prefix, after).await? {
            return Ok(Listing::Stopped);
        }
    }
    let found = judge(database, &mut session, progress.objects, force).await?;
    worker.services.storage.remove_left_over_parts().await;
    Ok(Listing::Done(found))
}

/// Lists one prefix; false: it broke off, and the progress that was saved says where to go on.
async fn list_prefix(
    worker: &Worker,
    session: &mut Session,
    progress: &mut ListingProgress,
    prefix: &str,
    after: Option<&str>,
) -> Result<bool, ListingError> {
    let mut batches = pin!(worker.services.storage.list(prefix, after).chunks(BATCH));
    while let Some(batch) = batches.next().await {
        let keys = match batch.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(keys) => keys,
            Err(error) => return Err(ListingError::Storage(error)),
        };
        let database = &worker.services.database;
        let unnamed = database.within(queries::unnamed_keys(session, &keys)).await?;
        database.within(queries::hold_deletions(session, &unnamed)).await?;
        progress.objects += i64::try_from(keys.len()).unwrap_or(i64::MAX);
        if worker.services.storage.lists_in_order() {
            progress.cursor = keys.last().cloned();
            database.within(queries::save_listing(session, progress)).await?;
            Failpoint::ListingSaved.reached();
        }
        if worker.stop.is_cancelled() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Decides over what the listing has held.
async fn judge(
    database: &Database,
    session: &mut Session,
    objects: i64,
    force: bool,
) -> Result<Listed, DatabaseError> {
    let unnamed = database.within(queries::held_deletions(session)).await?;
    let allowed = allowed(objects);
    let alarm = unnamed > allowed && !force;
    if alarm {
        tracing::error!(
            unnamed,
            objects,
            allowed,
            "too many objects that no row names: is this database complete? `pfp-worker sweep --force` deletes them"
        );
        // First of all: if this breaks off, what is still held is too little for an alarm, and isn't to be judged.
        database.within(queries::finish_listing(session)).await?;
        forget_held(database, session).await?;
    } else {
        if unnamed > 0 {
            tracing::warn!(unnamed, objects, "objects that no row names are deleted");
        }
        while database.within(queries::release_held(session, HELD)).await? > 0 {}
        database.within(queries::finish_listing(session)).await?;
    }
    Ok(Listed { objects, unnamed, alarm })
}

async fn forget_held(database: &Database, session: &mut Session) -> Result<(), DatabaseError> {
    while database.within(queries::forget_held(session, HELD)).await? > 0 {}
    Ok(())
}
