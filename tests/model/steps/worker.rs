//! The job: `worker/src/process_picture.rs` and `settle.rs`.
//!
//! Messages aren't modelled: any worker may try to claim any upload at any time, which is what duplicates, losses and
//! another order come to. Reading the staged bytes is one step with the claim, so that a worker which was frozen puts
//! a picture of bytes that are gone by then. Whether attempts are used up is left open each time.

use super::{Steps, Who};
use crate::{
    protocol::Fault,
    statements::Promotion,
    world::{Job, Worker, World},
};
use pfp_shared::upload::UploadState;

impl Steps {
    pub(super) fn workers(&mut self) {
        for worker in 0..self.bounds.workers {
            let state = self.from.workers[worker];
            // Two that are in the same state are one and the same.
            if worker > 0 && state == self.from.workers[worker - 1] {
                continue;
            }
            self.worker(worker, state);
            if let Some(job) = state.job() {
                self.fault(Fault::Death, Who::Worker(job), "dies", |world| {
                    world.workers[worker] = Worker::Idle;
                });
            }
        }
    }

    fn worker(&mut self, worker: usize, state: Worker) {
        match state {
            Worker::Idle => (0..self.bounds.uploads).for_each(|upload| self.idle(worker, upload)),
            Worker::Unanswered(job) => self.unanswered(worker, job),
            Worker::Working(job) => self.working(worker, job),
            Worker::Made(job) => self.made(worker, job),
            Worker::OldDeleted(job) => self.promote(worker, job),
            Worker::GivingUp(job) => self.give_up(worker, job),
            Worker::ClaimGone(job) => self.claim_gone(worker, job),
        }
    }

    fn idle(&mut self, worker: usize, upload: u8) {
        if self.from.upload(upload).claims >= self.bounds.claims {
            return;
        }
        let (state, holder_lives) = (self.from.state(upload), self.holder_lives(upload));
        let next = Job { upload, claim: self.from.upload(upload).claims + 1 };
        let (who, protocol) = (Who::Worker(next), self.protocol);
        let claim =
            |world: &mut World| world.workers[worker] = Worker::Working(world.claim(protocol, upload));
        match state {
            Some(UploadState::Queued) => {
                self.may(who, "claims", claim);
                self.fault(Fault::LostAnswer, who, "claims, and the answer is lost", |world| {
                    world.workers[worker] = Worker::Unanswered(world.claim(protocol, upload));
                });
            }
            Some(UploadState::Processing) => {
                self.when_lease_is_lost(holder_lives, who, "claims from who lost its lease", claim);
            }
            _ => {}
        }
    }

    /// Whether a worker lives that has the last claim on an upload, and didn't find it gone.
    pub(super) fn holder_lives(&self, upload: u8) -> bool {
        let last = Job { upload, claim: self.from.upload(upload).claims };
        self.from
            .workers
            .iter()
            .any(|worker| worker.job() == Some(last) && !matches!(worker, Worker::ClaimGone(_)))
    }

    /// It claims again, and names the claim that wasn't answered.
    fn unanswered(&mut self, worker: usize, job: Job) {
        let Job { upload, claim } = job;
        let is_ours = self.from.state(upload) == Some(UploadState::Processing)
            && self.from.upload(upload).claims == claim;
        let who = Who::Worker(job);
        if self.from.upload(upload).claims < self.bounds.claims
            && (is_ours || self.from.state(upload) == Some(UploadState::Queued))
        {
            let protocol = self.protocol;
            self.may(who, "claims once more", |world| {
                world.workers[worker] = Worker::Working(world.claim(protocol, upload));
            });
        }
        self.may(who, "leaves it", |world| world.workers[worker] = Worker::Idle);
    }

    fn working(&mut self, worker: usize, job: Job) {
        let (who, key) = (Who::Worker(job), self.protocol.picture_key(job));
        self.may(who, "puts the picture", |world| {
            world.objects.add(key);
            world.workers[worker] = Worker::Made(job);
        });
        self.late(who, "puts the picture, and once more later", key, |world| {
            world.objects.add(key);
            world.workers[worker] = Worker::Made(job);
        });
        self.late(who, "gives up a put that is carried out later", key, |world| {
            world.workers[worker] = Worker::GivingUp(job);
        });
        self.late(who, "dies in a put that is carried out later", key, |world| {
            world.workers[worker] = Worker::Idle;
        });
        self.leave(worker, job, "rejects the image", UploadState::Rejected);
        self.give_up(worker, job);
    }

    fn made(&mut self, worker: usize, job: Job) {
        if self.protocol.old_deleted_before_commit {
            return self.may(Who::Worker(job), "deletes the old picture", |world| {
                if let Some(before) = world.user.picture {
                    world.objects.remove(before);
                }
                world.workers[worker] = Worker::OldDeleted(job);
            });
        }
        self.promote(worker, job);
        self.give_up(worker, job);
    }

    fn promote(&mut self, worker: usize, job: Job) {
        let (who, protocol) = (Who::Worker(job), self.protocol);
        self.may(who, "promotes", |world| {
            world.workers[worker] = match world.promote(protocol, job) {
                Promotion::Done => Worker::Idle,
                Promotion::Lost => Worker::ClaimGone(job),
            };
        });
        self.fault(Fault::LostAnswer, who, "promotes, and the answer is lost", |world| {
            world.promote(protocol, job);
            world.workers[worker] = Worker::GivingUp(job);
            if protocol.cleaned_up_after_unknown_promotion {
                world.list_again(protocol.picture_key(job));
                world.workers[worker] = Worker::Idle;
            }
        });
    }

    /// A dependency failed, the worker is to stop, or the lease was noticed to be lost.
    fn give_up(&mut self, worker: usize, job: Job) {
        self.leave(worker, job, "gives the job back", UploadState::Queued);
        self.leave(worker, job, "gives up: attempts used up", UploadState::Failed);
    }

    fn leave(&mut self, worker: usize, job: Job, what: &'static str, to: UploadState) {
        let (who, protocol) = (Who::Worker(job), self.protocol);
        self.may(who, what, |world| {
            let left = world.leave(protocol, job, to);
            world.workers[worker] = if left { Worker::Idle } else { Worker::ClaimGone(job) };
        });
        // It asks once more, and finds its claim gone.
        if self.from.holds(protocol, job) {
            self.fault(Fault::LostAnswer, who, "writes the job's end, and the answer is lost", |world| {
                world.leave(protocol, job, to);
                world.workers[worker] = Worker::ClaimGone(job);
            });
        }
    }

    fn claim_gone(&mut self, worker: usize, job: Job) {
        let key = self.protocol.picture_key(job);
        let protocol = self.protocol;
        self.may(Who::Worker(job), "lists its picture unless a row names it", |world| {
            if protocol.listed_again_unnoticed && !world.names(key) {
                world.list_once(key);
            } else if !protocol.claim_gone_unlisted {
                world.list_if_unnamed(key);
            }
            world.workers[worker] = Worker::Idle;
        });
    }
}
