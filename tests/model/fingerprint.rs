//! A state as one number: every state has its own, so that a set of them is a set of states.

use crate::{
    keys::Key,
    world::{Request, Row, Worker, World},
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
}

impl World {
    /// What tells this state from every other.
    pub(crate) fn fingerprint(&self) -> u128 {
        let mut digits = Digits(0);
        for upload in &self.uploads {
            digits.push(request(upload.request), 4);
            digits.push(upload.accept_under_way, 1);
            digits.push(upload.row.map_or(0, state), 4);
            digits.push(key(upload.row.and_then(|row| row.picture)), 4);
            digits.push(upload.claims, 3);
            digits.push(upload.generation, 3);
            digits.push(upload.removed_rightly, 1);
        }
        digits.push(self.user.exists, 1);
        digits.push(key(self.user.picture), 4);
        digits.push(self.user.picture_generation, 3);
        for worker in self.workers {
            let job = worker.job();
            digits.push(kind(worker), 3);
            digits.push(job.map_or(0, |job| job.upload), 1);
            digits.push(job.map_or(0, |job| job.claim), 3);
        }
        for keys in [self.objects, self.late, self.listed, self.deleted] {
            digits.push(keys.bits(), 10);
        }
        digits.push(key(self.listing), 4);
        digits.push(self.sequence, 3);
        digits.push(self.history.generation, 3);
        digits.push(self.history.shows, 1);
        digits.push(self.history.off_table, 1);
        digits.push(self.faults_left, 3);
        digits.push(self.wishes_left, 3);
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

const fn request(request: Request) -> u8 {
    request as u8
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
