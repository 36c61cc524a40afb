//! What is known of database, broker and object store: for readiness, for metrics, and so that workers take no
//! jobs that they couldn't finish.

use crate::lock::lock;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The dependencies, as metrics and readiness name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// Postgres.
    Database,
    /// RabbitMQ.
    Broker,
    /// The object store.
    Storage,
}

impl Dependency {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Database, Self::Broker, Self::Storage];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Broker => "broker",
            Self::Storage => "storage",
        }
    }
}

/// The state before the first look.
const UNKNOWN: &str = "not connected yet";

/// What was last seen of the three; `None` is up, a text is why not.
type States = [Option<Arc<str>>; 3];

/// The state of all dependencies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dependencies {
    states: Arc<watch::Sender<States>>,
    heard: Arc<Mutex<[Heard; 3]>>,
    longest_silence: Duration,
}

/// When a dependency was heard of.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// Since when it has been as it is.
    since: Instant,
    /// When it was last seen to work.
    last: Instant,
}

impl Default for Dependencies {
    fn default() -> Self {
        Self::new(Duration::MAX)
    }
}

impl Dependencies {
    /// Nothing is known of any yet. A database that isn't seen to work for longer than `longest_silence` counts as having
    /// been out meanwhile, whether that was noticed or not.
    #[must_use]
    pub fn new(longest_silence: Duration) -> Self {
        let unknown: Arc<str> = Arc::from(UNKNOWN);
        for dependency in Dependency::ALL {
            metrics::gauge!("pfp_dependency_up", "dependency" => dependency.as_str()).set(0.0);
        }
        Self {
            states: Arc::new(watch::Sender::new([
                Some(Arc::clone(&unknown)),
                Some(Arc::clone(&unknown)),
                Some(unknown),
            ])),
            heard: Arc::new(Mutex::new([Heard { since: Instant::now(), last: Instant::now() }; 3])),
            longest_silence,
        }
    }

    /// The handle by which one dependency's state is told.
    #[must_use]
    pub fn health(&self, dependency: Dependency) -> Health {
        Health { all: self.clone(), dependency }
    }

    /// Why a dependency is out; `None`: it is up.
    #[must_use]
    pub fn trouble(&self, dependency: Dependency) -> Option<Arc<str>> {
        self.states.borrow()[dependency as usize].clone()
    }

    /// For how long a dependency has been up without a silence that is too long; nothing while it is out.
    #[must_use]
    pub fn up_for(&self, dependency: Dependency) -> Duration {
        if self.trouble(dependency).is_some() {
            return Duration::ZERO;
        }
        let heard = lock(&self.heard)[dependency as usize];
        if self.is_too_long(dependency, heard) { Duration::ZERO } else { heard.since.elapsed() }
    }

    /// Only the database is checked regularly for whether it works; the broker tells of itself when it doesn't.
    fn is_too_long(&self, dependency: Dependency, heard: Heard) -> bool {
        dependency == Dependency::Database && heard.last.elapsed() > self.longest_silence
    }

    /// Waits until all of the named are up.
    pub async fn wait_for(&self, needed: &[Dependency]) {
        let mut states = self.states.subscribe();
        // The sender lives in `self`, so the channel can't be closed here.
        let _ = states
            .wait_for(|states| needed.iter().all(|dependency| states[*dependency as usize].is_none()))
            .await;
    }

    fn set(&self, dependency: Dependency, state: Option<&str>) {
        let index = dependency as usize;
        let mut before = None;
        self.states.send_if_modified(|states| {
            before = states[index].clone();
            let changed = states[index].as_deref() != state;
            if changed {
                states[index] = state.map(Arc::from);
            }
            changed
        });
        metrics::gauge!("pfp_dependency_up", "dependency" => dependency.as_str()).set(if state.is_none() {
            1.0
        } else {
            0.0
        });
        let heard = &mut lock(&self.heard)[index];
        let was_silent = self.is_too_long(dependency, *heard);
        if before.is_none() != state.is_none() || (state.is_none() && was_silent) {
            heard.since = Instant::now();
        }
        if state.is_none() {
            heard.last = Instant::now();
        }
        // A line for each change, not for each look. The first look is a change: a process that never gets on
        // has to say why.
        match (before.as_deref(), state) {
            (None | Some(UNKNOWN), Some(reason)) => {
                tracing::error!(dependency = dependency.as_str(), reason, "dependency is down")
            }
            (Some(_), None) => tracing::info!(dependency = dependency.as_str(), "dependency is up"),
            _ => {}
        }
    }
}

/// Tells the state of one dependency.
#[derive(Debug, Clone)]
pub struct Health {
    all: Dependencies,
    dependency: Dependency,
}

impl Health {
    /// It works.
    pub fn up(&self) {
        self.all.set(self.dependency, None);
    }

    /// Waits until somebody says that it doesn't.
    pub async fn is_down(&self) {
        let mut states = self.all.states.subscribe();
        // The sender lives in `self`.
        let _ = states.wait_for(|states| states[self.dependency as usize].is_some()).await;
    }

    /// It doesn't, and why.
    pub fn down(&self, reason: &str) {
        self.all.set(self.dependency, Some(reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_silent_for_too_long_has_not_been_up_meanwhile() {
        let silence = Duration::from_millis(50);
        let (strict, lenient) = (Dependencies::new(silence), Dependencies::default());
        for dependencies in [&strict, &lenient] {
            dependencies.health(Dependency::Database).up();
        }
        tokio::time::sleep(silence * 2).await;
        assert_eq!(strict.up_for(Dependency::Database), Duration::ZERO, "it is silent");
        for dependencies in [&strict, &lenient] {
            dependencies.health(Dependency::Database).up();
        }
        assert!(strict.up_for(Dependency::Database) < silence, "it was silent");
        assert!(lenient.up_for(Dependency::Database) >= silence * 2);
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_all_that_is_needed_is_up() {
        let dependencies = Dependencies::default();
        let waiting = tokio::spawn({
            let dependencies = dependencies.clone();
            async move { dependencies.wait_for(&[Dependency::Database, Dependency::Storage]).await }
        });
        dependencies.health(Dependency::Database).up();
        assert!(!waiting.is_finished());
        dependencies.health(Dependency::Storage).up();
        waiting.await.unwrap();
        dependencies.health(Dependency::Storage).down("gone");
        assert_eq!(dependencies.trouble(Dependency::Storage).as_deref(), Some("gone"));
        assert_eq!(dependencies.trouble(Dependency::Database), None);
    }
}
