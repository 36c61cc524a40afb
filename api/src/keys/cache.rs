//! The keys of a key set, kept fresh in the background.
//!
//! One task fetches, so that there is never more than one fetch and a client that hangs up stops none. It
//! fetches before the set gets old, again and again while that fails, and at once when a token names a key that
//! isn't known; the last within a cool-down, so that a flood of such tokens doesn't become one of fetches. A
//! fetch that fails takes no key away until they are too old to be trusted.

use super::{NoKey, SourceState, VerificationKey, for_algorithm, key_set::KeySet};
use crate::token::KeySetSource;
use jsonwebtoken::Header;
use pfp_shared::backoff::{Backoff, delay};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How soon a fetch that failed is tried again, at first and at last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// A dependency's name in readiness and metrics.
pub(crate) const TOKEN_KEYS: &str = "token_keys";

/// How long keys are good, and how often they may be asked for.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// How old they get before they are fetched again.
    pub max_age: Duration,
    /// How much longer they are used while they can't be fetched.
    pub max_stale: Duration,
    /// The least time between two fetches because of tokens.
    pub cooldown: Duration,
    /// The longest that a token waits for a fetch.
    pub patience: Duration,
}

impl Lifetimes {
    /// Those of a source.
    #[must_use]
    pub const fn of(source: &KeySetSource) -> Self {
        let KeySetSource { max_age, max_stale, cooldown, timeout, .. } = *source;
        Self { max_age, max_stale, cooldown, patience: timeout }
    }
}

/// The keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyCache(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    lifetimes: Lifetimes,
    known: watch::Sender<Known>,
    wanted: Notify,
}

#[derive(Debug, Clone, Default)]
struct Known {
    keys: Arc<[VerificationKey]>,
    fetched_at: Option<Instant>,
    /// The last fetch failed.
    is_out: bool,
    /// A fetch runs, or was just asked for.
    under_way: bool,
    /// When a token last asked for a fetch.
    asked_at: Option<Instant>,
    /// What was left out of the set, as it was logged.
    ignored: Vec<String>,
}

impl KeyCache {
    /// A cache that holds nothing yet.
    #[must_use]
    pub fn new(lifetimes: Lifetimes) -> Self {
        metrics::gauge!("pfp_dependency_up", "dependency" => TOKEN_KEYS).set(0.0);
        for outcome in ["succeeded", "failed"] {
            metrics::counter!("pfp_token_key_fetches_total", "outcome" => outcome).absolute(0);
        }
        Self(Arc::new(Shared { lifetimes, known: watch::Sender::default(), wanted: Notify::new() }))
    }

    /// The keys, unless they are too old to be trusted.
    #[must_use]
    pub fn keys(&self) -> Arc<[VerificationKey]> {
        let Lifetimes { max_age, max_stale, .. } = self.0.lifetimes;
        if self.age().is_some_and(|age| age <= max_age + max_stale) {
            Arc::clone(&self.0.known.borrow().keys)
        } else {
            Arc::default()
        }
    }

    /// Since the keys were fetched.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.0.known.borrow().fetched_at.map(|at| at.elapsed())
    }

    /// Whether the source answers, and whether there are keys.
    #[must_use]
    pub fn state(&self) -> SourceState {
        let has_keys = !self.keys().is_empty();
        let known = self.0.known.borrow();
        SourceState { is_up: known.fetched_at.is_some() && !known.is_out, has_keys }
    }

    /// The keys that a token with this header may be signed with. A token that names a key which isn't known
    /// waits for a fetch if there may be one. One that names none is checked with every key of its algorithm.
    ///
    /// # Errors
    /// None fits.
    pub async fn find(&self, header: &Header) -> Result<Vec<VerificationKey>, NoKey> {
        // Twice: a fetch that ran already may have been answered before the key was there.
        for _ in 0..2 {
            match among(&self.keys(), header) {
                Err(NoKey::UnknownId) if self.ask() => self.fetched().await,
                found => return self.unless_out(found),
            }
        }
        self.unless_out(among(&self.keys(), header))
    }

    /// Waits until no fetch is under way, in vain or not: what is known then decides.
    async fn fetched(&self) {
        let mut known = self.0.known.subscribe();
        let _ = timeout(self.0.lifetimes.patience, known.wait_for(|known| !known.under_way)).await;
    }

    /// A key that isn't known may have been added since: that is for the source to say, if it answers.
    fn unless_out(&self, found: Result<Vec<VerificationKey>, NoKey>) -> Result<Vec<VerificationKey>, NoKey> {
        match found {
            Err(NoKey::UnknownId) if self.0.known.borrow().is_out => Err(NoKey::Unavailable),
            found => found,
        }
    }

    /// Asks for a fetch, and returns whether one is under way.
    fn ask(&self) -> bool {
        let (mut is_first, mut under_way) = (false, false);
        self.0.known.send_if_modified(|known| {
            let has_cooled = known.asked_at.is_none_or(|at| at.elapsed() >= self.0.lifetimes.cooldown);
            is_first = !known.under_way && has_cooled;
            if is_first {
                known.asked_at = Some(Instant::now());
                known.under_way = true;
            }
            under_way = known.under_way;
            false
        });
        if is_first {
            self.0.wanted.notify_one();
        }
        under_way
    }

    /// Fetches and keeps the keys, until told to stop.
    pub async fn keep<F>(&self, fetch: impl Fn() -> F, stop: &CancellationToken)
    where
        F: Future<Output = Result<KeySet, String>>,
    {
        let max_age = self.0.lifetimes.max_age;
        let mut backoff = Backoff::new(FIRST_RETRY, LAST_RETRY.min(max_age));
        while !stop.is_cancelled() {
            self.0.known.send_modify(|known| known.under_way = true);
            let fetched = tokio::select! {
                fetched = fetch() => fetched,
                () = stop.cancelled() => return,
            };
            let wait = match fetched {
                Ok(set) => {
                    self.succeeded(set);
                    backoff.reset();
                    // Earlier than need be, and many processes not in step.
                    delay(max_age, max_age, 0)
                }
                Err(reason) => {
                    self.failed(&reason);
                    backoff.next_wait()
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.0.wanted.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    fn succeeded(&self, set: KeySet) {
        let before = self.0.known.borrow().clone();
        if before.fetched_at.is_none() || before.is_out {
            tracing::info!(keys = set.keys.len(), "the key set of tokens is known");
        }
        if before.ignored != set.ignored {
            tracing::warn!(ignored = set.ignored.join("; "), "keys of the key set are left out");
        }
        metrics::counter!("pfp_token_key_fetches_total", "outcome" => "succeeded").increment(1);
        metrics::gauge!("pfp_dependency_up", "dependency" => TOKEN_KEYS).set(1.0);
        self.0.known.send_modify(|known| {
            known.keys = set.keys.into();
            known.ignored = set.ignored;
            known.fetched_at = Some(Instant::now());
            (known.is_out, known.under_way) = (false, false);
        });
    }

    fn failed(&self, reason: &str) {
        let before = self.0.known.borrow().clone();
        let has_keys = !self.keys().is_empty();
        let has_told_of_none = before.is_out && before.keys.is_empty();
        // A line for each change, not for each fetch.
        if has_keys {
            if !before.is_out {
                tracing::warn!(
                    reason,
                    "the key set of tokens can't be fetched: the keys that are known are still used"
                );
            }
        } else if !has_told_of_none {
            tracing::error!(
                reason,
                "the key set of tokens can't be fetched, and no key is known: no token can be checked"
            );
        }
        metrics::counter!("pfp_token_key_fetches_total", "outcome" => "failed").increment(1);
        metrics::gauge!("pfp_dependency_up", "dependency" => TOKEN_KEYS).set(0.0);
        self.0.known.send_modify(|known| {
            if !has_keys {
                known.keys = Arc::default();
            }
            (known.is_out, known.under_way) = (true, false);
        });
    }
}

/// The keys for a token, among those that are known.
fn among(keys: &[VerificationKey], header: &Header) -> Result<Vec<VerificationKey>, NoKey> {
    if keys.is_empty() {
        return Err(NoKey::Unavailable);
    }
    let Some(id) = header.kid.as_deref() else { return for_algorithm(keys.iter(), header.alg) };
    let mut named = keys.iter().filter(|key| key.id.as_deref() == Some(id)).peekable();
    if named.peek().is_none() {
        return Err(NoKey::UnknownId);
    }
    for_algorithm(named, header.alg)
}

#[cfg(test)]
mod tests;
