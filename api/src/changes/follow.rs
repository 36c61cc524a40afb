//! The task that follows the database for everybody who waits.

use super::Changes;
use pfp_shared::{
    backoff::Backoff,
    database::{Database, DatabaseError, Listener},
    queries,
    upload::UploadId,
};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often every upload that is waited for is read, notified or not: a notification that was lost is made up
/// for after this.
const READ_ALL: Duration = Duration::from_secs(5);

/// Uploads in one statement.
const BATCH: usize = 500;

/// Follows until told to stop. While the database is out, waiters keep what they know.
///
/// `reconnect_wait` is the longest wait before a connection that was lost is made anew.
pub async fn follow(changes: Changes, database: Database, reconnect_wait: Duration, stop: CancellationToken) {
    let work = async { tokio::join!(listen(&changes, &database, reconnect_wait), read(&changes, &database)) };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = work => {}
    }
}

/// Hears notifications, on a connection that is made anew whenever it ends.
async fn listen(changes: &Changes, database: &Database, reconnect_wait: Duration) {
    let hears = metrics::gauge!("pfp_change_notifications_up");
    let mut backoff = Backoff::reconnecting(reconnect_wait);
    let mut was_told = false;
    loop {
        match listener(database).await {
            Ok(mut listener) => {
                hears.set(1.0);
                backoff.reset();
                if std::mem::take(&mut was_told) {
                    tracing::info!("changes of uploads are heard of again");
                }
                // What changed while nobody listened.
                changes.waited_for().into_iter().for_each(|id| changes.note(id));
                while let Some(text) = listener.next().await {
                    if let Ok(id) = text.parse() {
                        changes.note(id);
                    }
                }
                tracing::debug!("the connection that hears of changes has ended");
            }
            // Once: it is tried again and again, and a database that is out tells of itself.
            Err(error) if !std::mem::replace(&mut was_told, true) => {
                tracing::warn!(%error, "changes of uploads aren't heard of: waiting clients are told up to 5 s late");
            }
            Err(error) => tracing::debug!(%error, "changes of uploads aren't heard of"),
        }
        hears.set(0.0);
        backoff.wait().await;
    }
}

async fn listener(database: &Database) -> Result<Listener, DatabaseError> {
    let listener = database.listener().await?;
    database.within(queries::listen_for_changes(&listener)).await?;
    Ok(listener)
}

/// Reads what has changed, and every now and then everything that is waited for.
async fn read(changes: &Changes, database: &Database) {
    let mut all = interval(READ_ALL);
    all.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let ids = tokio::select! {
            ids = changes.changed() => ids,
            _ = all.tick() => changes.waited_for(),
        };
        for ids in ids.chunks(BATCH) {
            if let Err(error) = read_some(changes, database, ids).await {
                // They are read again with all others.
                tracing::debug!(%error, "changed uploads can't be read");
            }
        }
    }
}

async fn read_some(changes: &Changes, database: &Database, ids: &[UploadId]) -> Result<(), DatabaseError> {
    let rows = queries::uploads(database, ids).await?;
    changes.hand_out(ids, rows);
    Ok(())
}
