//! A state as one number: every state has its own, so that a set of them is a set of states.

use crate::{
    keys::Key,
    world::{History, Row, Upload, User, Worker, World},
};
use pfp_shared::upload::UploadState;

/// Digits, each in a system of its own.
struct Digits(u128);

impl Digits {
    fn push(&mut self, digit: impl Into<u128>, bits: u32) {
        let digit = digit.into();
        debug_assert!(digit < 1 << bits && self.0.leading_zeros() >= bits, "{digit} in {bits} bits");
        self.0 = (self.0 << bits) | digit;
    }

    fn push_upload(&mut self, upload: Upload) {
        let Upload { request, accept_under_way, row, claims, generation, removed_rightly } = upload;
        self.push(request as u8, 4);
        self.push(accept_under_way, 1);
        self.push(row.map_or(0, state), 4);
        self.push(key(row.and_then(|row| row.picture)), 4);
        self.push(claims, 3);
        self.push(generation, 3);
        self.push(removed_rightly, 1);
    }
}

impl World {
    /// What tells this state from every other. Taken apart by name: a field that is forgotten is a warning.
    pub(crate) fn fingerprint(&self) -> u128 {
        let Self {
            uploads,
            user,
            workers,
            objects,
            late,
            listed,
            deleted,
            listing,
            sequence,
            history,
            faults_left,
            wishes_left,
        } = *self;
        let mut digits = Digits(0);
        uploads.into_iter().for_each(|upload| digits.push_upload(upload));
        let User { exists, picture, picture_generation } = user;
        digits.push(exists, 1);
        digits.push(key(picture), 4);
        digits.push(picture_generation, 3);
        for worker in workers {
            let job = worker.job();
            digits.push(kind(worker), 3);
            digits.push(job.map_or(0, |job| job.upload), 1);
            digits.push(job.map_or(0, |job| job.claim), 3);
        }
        for keys in [objects, late, listed, deleted] {
            digits.push(keys.bits(), 10);
        }
        digits.push(key(listing), 4);
        let History { generation, shows, off_table } = history;
        for number in [sequence, generation, faults_left, wishes_left] {
            digits.push(number, 3);
        }
        digits.push(shows, 1);
        digits.push(off_table, 1);
        digits.0
    }
}

fn key(key: Option<Key>) -> u8 {
    key.map_or(0, |key| key.index() + 1)
}

fn state(row: Row) -> u8 {
    (1..)
        .zip(UploadState::ALL)
        .find_map(|(number, state)| (state == row.state).then_some(number))
        .unwrap_or(0)
}

const fn kind(worker: Worker) -> u8 {
    match worker {
        Worker::Idle => 0,
        Worker::Unanswered(_) => 1,
        Worker::Working(_) => 2,
        Worker::Made(_) => 3,
        Worker::OldDeleted(_) => 4,
        Worker::GivingUp(_) => 5,
        Worker::ClaimGone(_) => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        protocol::{Bounds, Protocol},
        steps::Steps,
    };
    use std::collections::{HashMap, VecDeque};

    #[test]
    fn two_states_have_two_fingerprints() {
        // Without its rules, what is shown and what ought to be differ too.
        let protocol = Protocol { no_claim_token: true, no_generation_check: true, ..Protocol::default() };
        let bounds = Bounds { uploads: 1, ..Bounds::everything(2, 2, 2) };
        let mut steps = Steps::new(protocol, bounds);
        let mut next = VecDeque::from([World::new(bounds)]);
        let mut seen = HashMap::new();
        while seen.len() < 60_000
            && let Some(world) = next.pop_front()
        {
            // Every field in words.
            let words = format!("{world:?}");
            if let Some(other) = seen.insert(world.fingerprint(), words.clone()) {
                assert_eq!(other, words);
                continue;
            }
            steps.out_of(world);
            next.extend(steps.taken.iter().map(|(_, to)| *to));
        }
    }
}
