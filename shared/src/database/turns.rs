//! Who gets a connection of the pool, and who waits: no more at once for one user than a few, and always one left for the
//! question whether the database answers.

use super::DatabaseError;
use crate::lock::lock;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Unused users are looked for when so many have been added.
const FORGET_AFTER: usize = 64;

/// The connections that are out, and who has them.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    for_each_user: usize,
    users: Mutex<Users>,
    /// How many came back in good order: as long as this grows the database answers.
    given_back: AtomicU64,
    wait: Duration,
}

#[derive(Debug, Default)]
struct Users {
    turns: HashMap<String, Weak<Semaphore>>,
    forget_at: usize,
}

/// The right to one connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Turns {
    /// For so many connections, of which one user has so many at most. `wait` is how long a request waits for one.
    pub(super) fn new(connections: usize, for_each_user: usize, wait: Duration) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(connections.max(1))),
            for_each_user,
            users: Mutex::default(),
            given_back: AtomicU64::new(0),
            wait,
        })
    }

    /// The turns of a user; the same ones for as long as somebody has them.
    pub(super) fn of_user(&self, user: &str) -> Arc<Semaphore> {
        let mut users = lock(&self.users);
        if let Some(turns) = users.turns.get(user).and_then(Weak::upgrade) {
            return turns;
        }
        if users.turns.len() >= users.forget_at {
            users.turns.retain(|_, turns| turns.strong_count() > 0);
            users.forget_at = users.turns.len() * 2 + FORGET_AFTER;
        }
        let turns = Arc::new(Semaphore::new(self.for_each_user));
        users.turns.insert(user.to_owned(), Arc::downgrade(&turns));
        turns
    }

    /// Waits for a connection's turn: first for the user's own, so that one who asks a thousand times waits behind
    /// themselves and not before everybody else.
    pub(super) async fn take(self: &Arc<Self>, user: Option<&Arc<Semaphore>>) -> Result<Turn, DatabaseError> {
        let before = self.given_back.load(Ordering::Relaxed);
        let taking = async {
            let mut permits = Vec::with_capacity(2);
            for turns in user.into_iter().chain([&self.all]) {
                // Nobody closes them.
                permits.extend(Arc::clone(turns).acquire_owned().await.ok());
            }
            permits
        };
        match timeout(self.wait, taking).await {
            Ok(permits) => Ok(Turn { turns: Arc::clone(self), _permits: permits }),
            // Not one came back meanwhile: it isn't that we are many.
            Err(_) if self.given_back.load(Ordering::Relaxed) == before => {
                Err(DatabaseError::Timeout(self.wait))
            }
            Err(_) => Err(DatabaseError::Busy(self.wait)),
        }
    }
}

impl Turn {
    /// The database has done what was asked of it.
    pub(super) fn went_well(&self) {
        self.turns.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn turns() -> Arc<Turns> {
        Turns::new(3, 2, Duration::from_secs(1))
    }

    #[tokio::test(start_paused = true)]
    async fn one_user_has_no_more_at_once_than_a_few_and_the_others_are_left_to_others() {
        let turns = turns();
        let (ada, bob) = (turns.of_user("ada"), turns.of_user("bob"));
        let hers = [turns.take(Some(&ada)).await.unwrap(), turns.take(Some(&ada)).await.unwrap()];
        assert!(turns.take(Some(&turns.of_user("ada"))).now_or_never().is_none(), "by whatever handle");
        let his = turns.take(Some(&bob)).now_or_never().unwrap().unwrap();
        assert!(turns.take(None).now_or_never().is_none());
        drop((hers, his));
        assert!(turns.take(None).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_in_vain_is_told_apart_from_a_database_that_does_not_answer() {
        let turns = turns();
        let held = [turns.take(None).await.unwrap(), turns.take(None).await.unwrap()];
        let third = turns.take(None).await.unwrap();
        assert!(matches!(turns.take(None).await.unwrap_err(), DatabaseError::Timeout(_)));
        let (waiting, ()) = tokio::join!(turns.take(None), async { held[0].went_well() });
        assert!(matches!(waiting.unwrap_err(), DatabaseError::Busy(_)));
        drop((held, third));
    }

    #[tokio::test]
    async fn users_who_have_gone_are_forgotten() {
        let turns = turns();
        let stays = turns.of_user("stays");
        for number in 0..10_000 {
            turns.of_user(&format!("user-{number}"));
        }
        let known = turns.users.lock().unwrap().turns.len();
        assert!(known <= 2 * FORGET_AFTER, "{known}");
        assert!(Arc::ptr_eq(&stays, &turns.of_user("stays")));
    }
}
