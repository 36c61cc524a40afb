//! States that differ in nothing that can matter any more are taken for one. Only the product's own protocol is
//! searched so: what is shown here rests on its rules.

use crate::{
    keys::{Key, UPLOADS},
    protocol::{Bounds, Protocol, Rest},
    world::{Request, WORKERS, Worker, World},
};

impl World {
    /// The one state that stands for all that are like this one.
    pub(crate) fn folded(mut self, protocol: Protocol, bounds: Bounds) -> Self {
        if bounds.folded && protocol == Protocol::default() {
            // Unless it is asked what is left by a worker that dies before it does that.
            if bounds.rest != Rest::DeadThenSwept {
                self.fold_workers();
            }
            for key in Key::all() {
                if self.is_garbage(key) {
                    self.fold_garbage(key, bounds.rest);
                }
            }
            for upload in 0..UPLOADS {
                self.fold_upload(upload);
            }
        }
        // Two workers differ by nothing but their place.
        self.workers.sort_unstable();
        self
    }

    /// All that is left to a worker whose claim is gone is to list its picture, which may as well be done.
    fn fold_workers(&mut self) {
        for worker in 0..WORKERS {
            if let Worker::ClaimGone(job) = self.workers[worker] {
                let key = Key::picture(job.upload, job.claim);
                if !self.names(key) {
                    self.list_again(key);
                    self.workers[worker] = Worker::Idle;
                }
            }
        }
    }

    /// Garbage that is listed only waits for its deletion; what isn't, or arrives later, waits for the listing.
    fn fold_garbage(&mut self, key: Key, rest: Rest) {
        if rest == Rest::DeadThenListed {
            self.late.remove(key);
            self.listing = self.listing.filter(|seen| *seen != key);
        } else if !self.listed.has(key) || self.late.has(key) || self.listing == Some(key) {
            return;
        }
        self.objects.remove(key);
        self.listed.remove(key);
        self.deleted.remove(key);
    }

    /// Whether nobody names a key or may ever put, name or list it again. Keys are named once: a staged one by its
    /// upload's row, a picture's by the claim that it was made for.
    fn is_garbage(&self, key: Key) -> bool {
        let upload = self.upload(key.upload());
        if self.names(key) || key.claim() > upload.claims {
            return false;
        }
        if key.is_staged() {
            return !matches!(upload.request, Request::NotYet)
                && !upload.request.is_alive()
                && !upload.accept_under_way;
        }
        let is_used =
            |worker: &Worker| worker.job().is_some_and(|job| Key::picture(job.upload, job.claim) == key);
        !self.workers.iter().any(is_used)
    }

    /// Of an upload whose row was removed rightly, what it was doesn't matter once nobody works on it.
    fn fold_upload(&mut self, id: u8) {
        let upload = self.upload(id);
        let is_over = upload.removed_rightly && !upload.request.is_alive() && !upload.accept_under_way;
        let is_used = self.workers.iter().any(|worker| worker.job().is_some_and(|job| job.upload == id))
            || Key::all().any(|key| key.upload() == id && self.is_somewhere(key));
        if is_over && !is_used {
            let upload = self.upload_mut(id);
            (upload.request, upload.claims, upload.generation) = (Request::Over, 0, 0);
        }
    }

    fn is_somewhere(&self, key: Key) -> bool {
        self.objects.has(key)
            || self.late.has(key)
            || self.listed.has(key)
            || self.listing == Some(key)
            || self.user.picture == Some(key)
    }
}
