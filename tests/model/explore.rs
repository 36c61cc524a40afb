//! The search: every state that can be reached, the nearest ones first, each once.

use crate::{
    invariants::{Broken, broken},
    protocol::{Bounds, Protocol},
    rest::broken_at_rest,
    steps::{Step, Steps},
    world::World,
};
use pfp_shared::upload::UploadState;
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    fmt,
};

/// What a search came to.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) states: usize,
    /// Steps to the farthest state.
    pub(crate) depth: usize,
    /// The nearest state that breaks a rule.
    pub(crate) counterexample: Option<Counterexample>,
    /// Every change of an upload's state that happened.
    pub(crate) transitions: BTreeSet<(&'static str, &'static str)>,
}

/// How a rule is broken.
#[derive(Debug)]
pub(crate) struct Counterexample {
    pub(crate) broken: Broken,
    /// Whether it breaks only once all has come to rest.
    pub(crate) at_rest: bool,
    pub(crate) trace: Vec<Step>,
    /// Where that leads.
    pub(crate) world: World,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states, depth {}", self.states, self.depth)?;
        let Some(Counterexample { broken, at_rest, trace, world }) = &self.counterexample else {
            return Ok(());
        };
        writeln!(f, "; {broken:?} after {} steps:", trace.len())?;
        for Step { who, what, key } in trace {
            let object = key.map(|key| format!(": {key}")).unwrap_or_default();
            writeln!(f, "  {who} {what}{object}")?;
        }
        if *at_rest {
            writeln!(f, "  and all comes to rest")?;
        }
        write!(f, "  from {world:?}")
    }
}

/// A search under way.
#[derive(Debug)]
struct Search {
    steps: Steps,
    looked_for: Option<Broken>,
    seen: HashSet<u128>,
    /// For every state, the number of the one that it was reached from, and by which of that one's steps.
    reached: Vec<(u32, u16)>,
    /// The states that nobody has gone on from yet.
    next: VecDeque<World>,
    transitions: BTreeSet<(&'static str, &'static str)>,
}

/// Searches everything within the bounds, up to the first state that breaks a rule, or the rule that is looked for.
pub(crate) fn explore(protocol: Protocol, bounds: Bounds, looked_for: Option<Broken>) -> Found {
    let start = World::new(bounds);
    let mut search = Search {
        steps: Steps::new(protocol, bounds),
        looked_for,
        seen: HashSet::from([start.fingerprint()]),
        reached: vec![(0, 0)],
        next: VecDeque::from([start]),
        transitions: BTreeSet::new(),
    };
    let (mut depth, mut number, mut end_of_level) = (0, 0, 1);
    let mut counterexample = None;
    while counterexample.is_none()
        && let Some(from) = search.next.pop_front()
    {
        if number == end_of_level {
            depth += 1;
            end_of_level = search.reached.len();
        }
        counterexample = search.go_on_from(number, from);
        number += 1;
    }
    Found { states: search.reached.len(), depth, counterexample, transitions: search.transitions }
}

impl Search {
    /// Takes every step out of a state.
    fn go_on_from(&mut self, number: usize, from: World) -> Option<Counterexample> {
        let (protocol, bounds) = (self.steps.protocol, self.steps.bounds);
        self.steps.out_of(from);
        for (place, (_, world)) in (0..).zip(&self.steps.taken) {
            let world = world.folded(protocol, bounds);
            if !self.seen.insert(world.fingerprint()) {
                continue;
            }
            self.reached.push((u32::try_from(number).expect("fewer than four thousand million"), place));
            self.transitions.extend(changes(&from, &world));
            let counts = |broken: &Broken| self.looked_for.is_none_or(|looked_for| looked_for == *broken);
            let now = broken(&world).filter(counts);
            let broken = now.or_else(|| broken_at_rest(protocol, bounds.rest, world).filter(counts));
            if let Some(broken) = broken {
                let trace = self.trace();
                return Some(Counterexample { broken, at_rest: now.is_none(), trace, world });
            }
            self.next.push_back(world);
        }
        None
    }

    /// The steps to the state that was reached last.
    fn trace(&mut self) -> Vec<Step> {
        let mut places = Vec::new();
        let mut number = self.reached.len() - 1;
        while number > 0 {
            let (parent, place) = self.reached[number];
            places.push(usize::from(place));
            number = usize::try_from(parent).expect("it was one");
        }
        let mut world = World::new(self.steps.bounds);
        let mut trace = Vec::new();
        for place in places.into_iter().rev() {
            self.steps.out_of(world);
            let (step, to) = self.steps.taken[place];
            trace.push(step);
            world = to.folded(self.steps.protocol, self.steps.bounds);
        }
        trace
    }
}

fn changes(from: &World, to: &World) -> impl Iterator<Item = (&'static str, &'static str)> {
    let state = |world: &World, upload: usize| world.uploads[upload].row.map(|row| row.state);
    let changes = [0, 1].map(|upload| state(from, upload).zip(state(to, upload)));
    changes
        .into_iter()
        .flatten()
        .filter(|(from, to)| from != to)
        .map(|(from, to): (UploadState, UploadState)| (from.as_str(), to.as_str()))
}
