//! Sweeps, at any time, and the store that carries out what it was sent long ago: `worker/src/sweep.rs`.

use super::{Steps, Who};
use crate::protocol::Fault;
use pfp_shared::upload::UploadState;

impl Steps {
    pub(super) fn sweeper(&mut self) {
        for upload in 0..self.bounds.uploads {
            match self.from.state(upload) {
                Some(UploadState::Receiving) => self.receiving(upload),
                Some(UploadState::Processing) => self.processing(upload),
                Some(state) if state.is_final() => {
                    self.may(Who::Sweeper, "removes a row by the retention", |world| {
                        world.remove_rightly(upload);
                    });
                }
                _ => {}
            }
        }
        for key in self.from.listed.iter() {
            // One statement reads what is due, and the objects are deleted after it. That what was read is listed
            // again in between leads to no state that deleting it once more doesn't lead to.
            self.may_with(Who::Sweeper, "deletes what is listed", key, |world| {
                world.objects.remove(key);
                world.deleted.add(key);
            });
            if self.from.deleted.has(key) {
                self.may_with(Who::Sweeper, "strikes off what was deleted", key, |world| {
                    world.listed.remove(key);
                    world.deleted.remove(key);
                });
            }
        }
    }

    fn receiving(&mut self, upload: u8) {
        let alive = self.from.upload(upload).request.is_alive();
        self.when_lease_is_lost(alive, Who::Sweeper, "removes a reservation", |world| {
            world.remove_upload(upload);
        });
        // Its commit doesn't wait for the disk.
        self.fault(Fault::LostReservation, Who::Database, "crashes, and a reservation is gone", |world| {
            world.upload_mut(upload).row = None;
        });
    }

    fn processing(&mut self, upload: u8) {
        let alive = self.holder_lives(upload);
        let who = Who::Sweeper;
        self.when_lease_is_lost(alive, who, "puts a job back", |world| {
            world.requeue_lost_claim(upload, UploadState::Queued);
        });
        self.when_lease_is_lost(alive, who, "gives a job up", |world| {
            world.requeue_lost_claim(upload, UploadState::Failed);
        });
    }

    pub(super) fn store(&mut self) {
        for key in self.from.late.iter() {
            self.may_with(Who::Store, "carries out a late put", key, |world| {
                world.late.remove(key);
                world.objects.add(key);
            });
        }
    }
}
