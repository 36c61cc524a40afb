//! What the other model leaves out: messages. Two uploads whose messages are sent, noted as sent, lost, sent again, with
//! a clock that counts leases. Every history within bounds is searched: an upload that is due always gets a message, and a
//! backlog whose messages are all there is never sent again.

use std::collections::{HashSet, VecDeque};

/// Time, in leases.
const LAST_TICK: i8 = 5;

/// An upload that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Upload {
    status: Status,
    claims: u8,
    run_after: i8,
    published_at: Option<i8>,
    /// It may have been sent more than once, or in another order than it was noted.
    requeued: bool,
    /// Whether its API hasn't sent its message yet, or is about to note that it has.
    api: Api,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Status {
    Queued,
    Processing,
    Final,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Api {
    Sends,
    Notes,
    Done,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    now: i8,
    uploads: [Upload; 2],
    queue: VecDeque<usize>,
    /// When a sweeper saw that the queue was empty.
    was_empty: Option<i8>,
    /// Whether any message was lost, or never sent by who had noted it as sent.
    lost: bool,
}

/// How the protocol may be weakened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    AsItIs,
    /// `least(now(), NULL)` is `now()`.
    NothingClaimedIsNothingKnown,
    /// A late note is taken, whatever became of the job meanwhile.
    NotesWithoutClaims,
    /// An upload that a sweeper sends counts as sent once, though its API may have sent it and not noted that.
    WhatASweeperSendsIsInOrder,
    /// That the queue was empty once counts for what was sent since.
    EmptyOnceIsEmptyNow,
    /// What is noted as sent is never sent again.
    NothingIsLost,
    /// What is old is taken for lost, however long the queue.
    WhateverTheQueue,
}

const START: Upload = Upload {
    status: Status::Queued,
    claims: 0,
    run_after: 0,
    published_at: None,
    requeued: false,
    api: Api::Sends,
};

impl World {
    fn new() -> Self {
        Self { now: 0, uploads: [START; 2], queue: VecDeque::new(), was_empty: None, lost: false }
    }

    fn is_due(&self, upload: usize) -> bool {
        self.uploads[upload].status == Status::Queued && self.uploads[upload].run_after <= self.now
    }

    /// A message of an upload that was sent before this is lost.
    fn lost_before(&self, protocol: Protocol) -> i8 {
        let claimed =
            self.uploads.iter().filter(|upload| upload.status != Status::Queued && !upload.requeued);
        let last = claimed.filter_map(|upload| upload.published_at).max();
        let until = match (protocol, last.max(self.was_empty)) {
            (Protocol::NothingIsLost, _) => i8::MIN + 1,
            (Protocol::WhateverTheQueue, _) => self.now,
            (Protocol::EmptyOnceIsEmptyNow, _) if self.was_empty.is_some() => self.now,
            (_, Some(known)) => known,
            (Protocol::NothingClaimedIsNothingKnown, None) => self.now,
            (_, None) => i8::MIN + 1,
        };
        until.saturating_sub(1)
    }

    /// Whether a message of an upload counts as sent and is taken for lost.
    fn is_taken_for_lost(&self, number: usize, protocol: Protocol) -> bool {
        let at = self.uploads[number].published_at;
        self.is_due(number) && at.is_some_and(|at| at < self.lost_before(protocol))
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// Whatever may happen next.
    fn steps(&self, protocol: Protocol) -> Vec<Self> {
        let mut next = Vec::new();
        for number in 0..self.uploads.len() {
            self.steps_of_the_api(number, protocol, &mut next);
            self.steps_of_a_worker(number, &mut next);
            self.steps_of_a_sweeper(number, protocol, &mut next);
        }
        if let Some(number) = self.queue.front().copied() {
            next.push(self.with(|world| world.receive(number)));
            next.push(self.with(|world| {
                world.queue.clear();
                world.lost = true;
            }));
        }
        // A sweeper looks, and goes by it for however long it likes.
        if self.queue.is_empty() {
            next.push(self.with(|world| world.was_empty = Some(world.now)));
        }
        // An API sends and notes, or dies, within less than a lease.
        if self.now < LAST_TICK && self.uploads.iter().all(|upload| upload.api == Api::Done) {
            next.push(self.with(|world| world.now += 1));
        }
        next
    }

    fn steps_of_the_api(&self, number: usize, protocol: Protocol, next: &mut Vec<Self>) {
        if self.uploads[number].api == Api::Done {
            return;
        }
        next.push(self.with(|world| world.uploads[number].api = Api::Done));
        if self.uploads[number].api == Api::Sends {
            next.push(self.with(|world| {
                world.queue.push_back(number);
                world.uploads[number].api = Api::Notes;
            }));
            return;
        }
        next.push(self.with(|world| {
            let now = world.now;
            let upload = &mut world.uploads[number];
            upload.api = Api::Done;
            let is_unclaimed = upload.claims == 0 || protocol == Protocol::NotesWithoutClaims;
            if upload.status == Status::Queued && upload.published_at.is_none() && is_unclaimed {
                upload.published_at = Some(now);
            }
        }));
    }

    fn receive(&mut self, number: usize) {
        self.queue.pop_front();
        if self.is_due(number) {
            self.uploads[number].status = Status::Processing;
            self.uploads[number].claims += 1;
        }
    }

    fn steps_of_a_worker(&self, number: usize, next: &mut Vec<Self>) {
        if self.uploads[number].status != Status::Processing {
            return;
        }
        next.push(self.with(|world| world.uploads[number].status = Status::Final));
        // Twice are enough: what comes of a third retry has come of the second.
        if self.uploads[number].claims < 3 {
            // Its lease is lost, or it is to be tried again later.
            for wait in [0, 1] {
                next.push(self.with(|world| {
                    let Upload { claims, api, .. } = world.uploads[number];
                    let run_after = world.now + wait;
                    world.uploads[number] = Upload { claims, run_after, requeued: true, api, ..START };
                }));
            }
        }
    }

    fn steps_of_a_sweeper(&self, number: usize, protocol: Protocol, next: &mut Vec<Self>) {
        let upload = self.uploads[number];
        let is_left = upload.claims > 0 || upload.api == Api::Done;
        let unsent = self.is_due(number) && upload.published_at.is_none() && is_left;
        let lost = self.is_taken_for_lost(number, protocol);
        if unsent || lost {
            for dies in [false, true] {
                next.push(self.with(|world| world.send_again(protocol, number, lost, dies)));
            }
        }
    }

    fn send_again(&mut self, protocol: Protocol, number: usize, lost: bool, dies: bool) {
        self.uploads[number].published_at = Some(self.now);
        self.uploads[number].requeued |= lost || protocol != Protocol::WhatASweeperSendsIsInOrder;
        if dies {
            self.lost = true;
        } else {
            self.queue.push_back(number);
        }
    }

    /// Why this may not be.
    fn broken(&self, protocol: Protocol) -> Option<&'static str> {
        for number in 0..self.uploads.len() {
            let upload = self.uploads[number];
            let waits = self.is_due(number) && upload.published_at.is_some();
            let has_a_message = self.queue.contains(&number);
            if waits && !self.lost && !has_a_message {
                return Some("it counts as sent, no message is there, and none was lost");
            }
            if self.is_taken_for_lost(number, protocol) && !self.lost {
                return Some("it is taken for lost, and none was lost");
            }
        }
        (!self.clone().comes_to_an_end(protocol)).then_some("it is never done")
    }

    /// Whether all is done in the end if nothing goes wrong any more.
    fn comes_to_an_end(mut self, protocol: Protocol) -> bool {
        self.uploads.iter_mut().for_each(|upload| upload.api = Api::Done);
        for _ in 0..8 {
            while let Some(number) = self.queue.front().copied() {
                self.receive(number);
            }
            let at_work = self.uploads.iter_mut().filter(|upload| upload.status == Status::Processing);
            at_work.for_each(|upload| upload.status = Status::Final);
            self.now += 1;
            self.was_empty = Some(self.now);
            for number in 0..self.uploads.len() {
                let lost = self.is_taken_for_lost(number, protocol);
                if lost || self.is_due(number) && self.uploads[number].published_at.is_none() {
                    self.send_again(protocol, number, lost, false);
                }
            }
        }
        self.uploads.iter().all(|upload| upload.status == Status::Final)
    }
}

/// The number of states, and what is broken in the nearest one in which anything is.
fn explore(protocol: Protocol) -> (usize, Option<(&'static str, World)>) {
    let mut seen = HashSet::from([World::new()]);
    let mut next = VecDeque::from([World::new()]);
    while let Some(world) = next.pop_front() {
        if let Some(why) = world.broken(protocol) {
            return (seen.len(), Some((why, world)));
        }
        // More messages than this are more of the same.
        for step in world.steps(protocol).into_iter().filter(|step| step.queue.len() <= 3) {
            if seen.insert(step.clone()) {
                next.push_back(step);
            }
        }
    }
    (seen.len(), None)
}

#[test]
fn an_upload_that_is_due_always_gets_a_message_and_a_healthy_backlog_none_twice() {
    let (states, broken) = explore(Protocol::AsItIs);
    println!("messages: {states} states");
    assert_eq!(broken, None);
    assert!(states > 10_000, "{states}");
}

#[test]
fn every_way_to_weaken_what_is_sent_is_found_out() {
    for (protocol, expected) in [
        (Protocol::NothingClaimedIsNothingKnown, "it is taken for lost, and none was lost"),
        (Protocol::WhatASweeperSendsIsInOrder, "it is taken for lost, and none was lost"),
        (Protocol::WhateverTheQueue, "it is taken for lost, and none was lost"),
        (Protocol::EmptyOnceIsEmptyNow, "it is taken for lost, and none was lost"),
        (Protocol::NotesWithoutClaims, "it counts as sent, no message is there, and none was lost"),
        (Protocol::NothingIsLost, "it is never done"),
    ] {
        let (_, broken) = explore(protocol);
        assert_eq!(broken.map(|(why, _)| why), Some(expected), "{protocol:?}");
    }
}
