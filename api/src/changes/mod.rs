//! How waiting clients hear of what becomes of their uploads, however many they are.
//!
//! - [`Changes`]: who waits for which upload. A waiter subscribes before it reads the row, so that nothing that
//!   changes in between is missed.
//! - `follow`: one task of the process that hears the database's notifications, reads the rows of all waiters
//!   together, and hands them out. What is read is at most one statement at a time, whatever number waits.

mod follow;

pub use follow::follow;

use pfp_shared::{lock::lock, queries::UploadRow, upload::UploadId};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};
use tokio::sync::{Notify, watch};

/// What was last read of an upload.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Nothing yet.
    Nothing,
    /// The row.
    Row(Arc<UploadRow>),
    /// There was no row any more.
    Gone,
}

impl Seen {
    fn revision(&self) -> Option<i64> {
        match self {
            Self::Row(row) => Some(row.revision),
            Self::Nothing | Self::Gone => None,
        }
    }
}

/// Who waits for which upload. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Changes(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<HashMap<UploadId, watch::Sender<Seen>>>,
    changed: Mutex<HashSet<UploadId>>,
    some_changed: Notify,
}

impl Changes {
    /// Waits for changes of an upload from now on.
    #[must_use]
    pub fn subscribe(&self, id: UploadId) -> Subscription {
        let mut waiting = lock(&self.0.waiting);
        let rows = waiting.entry(id).or_insert_with(|| watch::channel(Seen::Nothing).0).subscribe();
        Subscription { changes: self.clone(), id, rows: Some(rows) }
    }

    /// Notes that an upload has changed, if anybody waits for it.
    fn note(&self, id: UploadId) {
        if lock(&self.0.waiting).contains_key(&id) {
            lock(&self.0.changed).insert(id);
            self.0.some_changed.notify_one();
        }
    }

    /// Waits until uploads have changed, and returns them.
    async fn changed(&self) -> Vec<UploadId> {
        loop {
            let changed: Vec<_> = lock(&self.0.changed).drain().collect();
            if !changed.is_empty() {
                return changed;
            }
            self.0.some_changed.notified().await;
        }
    }

    /// Shows in the metrics how many wait.
    pub fn show(&self) {
        let waiting: usize = lock(&self.0.waiting).values().map(watch::Sender::receiver_count).sum();
        metrics::gauge!("pfp_waiting_clients").set(f64::from(u32::try_from(waiting).unwrap_or(u32::MAX)));
    }

    /// Every upload that somebody waits for.
    fn waited_for(&self) -> Vec<UploadId> {
        lock(&self.0.waiting).keys().copied().collect()
    }

    /// Hands out what was read of these uploads: those without a row are gone.
    fn hand_out(&self, ids: &[UploadId], rows: Vec<UploadRow>) {
        let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, Arc::new(row))).collect();
        let waiting = lock(&self.0.waiting);
        for id in ids {
            let Some(waiters) = waiting.get(id) else { continue };
            let seen = rows.remove(id).map_or(Seen::Gone, Seen::Row);
            waiters.send_if_modified(|last| {
                let is_news = match (&*last, &seen) {
                    (Seen::Gone, _) => false,
                    (last, Seen::Row(row)) => last.revision().is_none_or(|revision| revision < row.revision),
                    (_, _) => true,
                };
                if is_news {
                    *last = seen;
                }
                is_news
            });
        }
    }
}

/// A wait for changes of one upload, until dropped.
#[derive(Debug)]
pub struct Subscription {
    changes: Changes,
    id: UploadId,
    /// There until dropped.
    rows: Option<watch::Receiver<Seen>>,
}

impl Subscription {
    /// The next row that is newer than this revision; `None`: the row is gone.
    pub async fn newer_than(&mut self, revision: i64) -> Option<Arc<UploadRow>> {
        let is_news = |seen: &Seen| match seen {
            Seen::Nothing => false,
            Seen::Row(row) => row.revision > revision,
            Seen::Gone => true,
        };
        let rows = self.rows.as_mut()?;
        // The sender lives in the map for as long as this subscription does.
        match rows.wait_for(is_news).await.as_deref() {
            Ok(Seen::Row(row)) => Some(Arc::clone(row)),
            _ => None,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut waiting = lock(&self.changes.0.waiting);
        // Under the lock, so that of two that end at once the second one sees that it is the last.
        self.rows = None;
        if waiting.get(&self.id).is_some_and(|waiters| waiters.receiver_count() == 0) {
            waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use pfp_shared::upload::UploadState;
    use time::OffsetDateTime;

    fn row(id: UploadId, revision: i64) -> UploadRow {
        UploadRow {
            id,
            state: UploadState::Queued,
            attempts: 0,
            size_bytes: 1,
            content_type: "image/png".to_owned(),
            picture_key: None,
            failure: None,
            revision,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            finished_at: None,
        }
    }

    #[tokio::test]
    async fn a_waiter_is_told_only_what_is_newer_than_what_it_knows() {
        let (changes, id) = (Changes::default(), UploadId::generate());
        let mut subscription = changes.subscribe(id);
        changes.hand_out(&[id], vec![row(id, 3)]);
        assert!(subscription.newer_than(3).now_or_never().is_none());
        changes.hand_out(&[id], vec![row(id, 2)]);
        assert_eq!(subscription.newer_than(1).now_or_never().unwrap().unwrap().revision, 3);
        changes.hand_out(&[id], Vec::new());
        assert!(subscription.newer_than(3).now_or_never().unwrap().is_none(), "it is gone");
    }

    #[tokio::test]
    async fn only_what_somebody_waits_for_is_noted_and_nothing_stays_when_nobody_waits() {
        let (changes, id) = (Changes::default(), UploadId::generate());
        changes.note(id);
        assert!(changes.changed().now_or_never().is_none());
        let (one, other) = (changes.subscribe(id), changes.subscribe(id));
        changes.note(id);
        changes.note(id);
        assert_eq!(changes.changed().now_or_never(), Some(vec![id]));
        drop(one);
        assert_eq!(changes.waited_for(), [id]);
        drop(other);
        assert!(changes.waited_for().is_empty());
    }

    #[test]
    fn nothing_stays_of_waiters_that_end_at_the_same_moment() {
        let (changes, id) = (Changes::default(), UploadId::generate());
        for _ in 0..5_000 {
            let start = std::sync::Barrier::new(2);
            let subscriptions = [changes.subscribe(id), changes.subscribe(id)];
            std::thread::scope(|scope| {
                for subscription in subscriptions {
                    let start = &start;
                    scope.spawn(move || {
                        start.wait();
                        drop(subscription);
                    });
                }
            });
            assert!(changes.waited_for().is_empty());
        }
    }
}
