//! What breaks when, from a seed: every fault of every target equally often, in an order that is nobody's.

use pfp_tests::chance::Chance;
use std::{fmt, time::Duration};

/// From one fault to the next.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));

/// How long a server or process stays down.
const DOWN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(6));

/// How long one is frozen.
const FROZEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(25));

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// One of the APIs.
    Api,
    /// One of the workers.
    Worker,
    /// RabbitMQ.
    Broker,
    /// PostgreSQL.
    Database,
    /// MinIO.
    Store,
}

/// How it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `kill -9`, and started again.
    Kill,
    /// Stopped in its tracks, with its connections open.
    Freeze,
    /// Ended in good order, and started again.
    Restart,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) target: Target,
    pub(crate) kind: Kind,
}

/// Faults to come.
#[derive(Debug)]
pub(crate) struct Plan {
    chance: Chance,
    deck: Vec<Fault>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = format!("{:?} {:?}", self.kind, self.target).to_lowercase();
        f.write_str(&what)
    }
}

impl Fault {
    /// Each there is.
    pub(crate) fn all() -> Vec<Self> {
        let targets = [Target::Api, Target::Worker, Target::Broker, Target::Database, Target::Store];
        let kinds = [Kind::Kill, Kind::Freeze, Kind::Restart];
        targets.into_iter().flat_map(|target| kinds.map(|kind| Self { target, kind })).collect()
    }
}

impl Plan {
    pub(crate) const fn new(chance: Chance) -> Self {
        Self { chance, deck: Vec::new() }
    }

    /// How long until the next fault.
    pub(crate) fn pause(&mut self) -> Duration {
        self.chance.between(BETWEEN.0, BETWEEN.1)
    }

    /// The next fault whose target is whole. All faults come once before any comes again, but for those that
    /// wait for their target.
    pub(crate) fn next(&mut self, is_whole: impl Fn(Target) -> bool) -> Option<Fault> {
        if self.deck.len() < Fault::all().len() {
            let mut more = Fault::all();
            self.chance.shuffle(&mut more);
            self.deck.extend(more);
        }
        let at = self.deck.iter().position(|fault| is_whole(fault.target))?;
        Some(self.deck.remove(at))
    }

    /// How long a fault lasts.
    pub(crate) fn length(&mut self, fault: Fault) -> Duration {
        let (least, most) = if fault.kind == Kind::Freeze { FROZEN } else { DOWN };
        self.chance.between(least, most)
    }

    /// Which of several.
    pub(crate) fn which(&mut self, of: usize) -> usize {
        self.chance.below(of)
    }
}
