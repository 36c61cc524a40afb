//! What may happen next.

mod api;
mod clients;
mod listing;
mod sweeper;
mod worker;

use crate::{
    keys::Key,
    protocol::{Bounds, Fault, Protocol},
    world::{Job, World},
};
use std::fmt;

/// Who takes a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// The API process that has this upload.
    Api(u8),
    /// The worker that has this claim.
    Worker(Job),
    Client,
    Operator,
    Sweeper,
    Listing,
    Store,
    Database,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(upload) => write!(f, "the API process of upload {upload}"),
            Self::Worker(Job { upload, claim }) => write!(f, "the worker of claim {upload}.{claim}"),
            Self::Client => f.write_str("the user"),
            Self::Operator => f.write_str("an operator"),
            Self::Sweeper => f.write_str("a sweep"),
            Self::Listing => f.write_str("the listing"),
            Self::Store => f.write_str("the store"),
            Self::Database => f.write_str("the database"),
        }
    }
}

/// A step: who does what, and on which object where that isn't plain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) who: Who,
    pub(crate) what: &'static str,
    pub(crate) key: Option<Key>,
}

/// The steps out of one state, each with the state that it leads to.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) protocol: Protocol,
    pub(crate) bounds: Bounds,
    pub(crate) from: World,
    pub(crate) taken: Vec<(Step, World)>,
}

impl Steps {
    pub(crate) fn new(protocol: Protocol, bounds: Bounds) -> Self {
        Self { protocol, bounds, from: World::new(bounds), taken: Vec::new() }
    }

    /// Everything that may happen in a state.
    pub(crate) fn out_of(&mut self, from: World) {
        self.from = from;
        self.taken.clear();
        self.api();
        self.workers();
        self.sweeper();
        self.store();
        self.clients();
        self.listing();
    }

    /// Something that happens in an ordinary run.
    fn may(&mut self, who: Who, what: &'static str, change: impl FnOnce(&mut World)) {
        let mut world = self.from;
        change(&mut world);
        self.taken.push((Step { who, what, key: None }, world));
    }

    /// The same, to an object.
    fn may_with(&mut self, who: Who, what: &'static str, key: Key, change: impl FnOnce(&mut World)) {
        self.may(who, what, change);
        if let Some((step, _)) = self.taken.last_mut() {
            step.key = Some(key);
        }
    }

    /// Something that goes wrong: so many times in a history.
    fn fault(&mut self, kind: Fault, who: Who, what: &'static str, change: impl FnOnce(&mut World)) {
        if self.from.faults_left > 0 && self.bounds.kinds.contains(&kind) {
            self.may(who, what, |world| {
                world.faults_left -= 1;
                change(world);
            });
        }
    }

    /// A put that is carried out later.
    fn late(&mut self, who: Who, what: &'static str, key: Key, change: impl FnOnce(&mut World)) {
        self.fault(Fault::LatePut, who, what, |world| {
            world.late.add(key);
            change(world);
        });
    }

    /// What a lost lease allows: at any time once its holder is dead; while it lives, it was frozen.
    fn when_lease_is_lost(
        &mut self,
        alive: bool,
        who: Who,
        what: &'static str,
        change: impl FnOnce(&mut World),
    ) {
        if alive { self.fault(Fault::LostLease, who, what, change) } else { self.may(who, what, change) }
    }

    /// What somebody asks for: so many times in a history.
    fn wish(&mut self, who: Who, what: &'static str, change: impl FnOnce(&mut World)) {
        if self.from.wishes_left > 0 {
            self.may(who, what, |world| {
                world.wishes_left -= 1;
                change(world);
            });
        }
    }
}
