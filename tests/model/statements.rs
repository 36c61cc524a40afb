//! The product's transactions, by the names that they have in `shared/src/queries`. Each is one step: what may come
//! between two statements of one transaction is kept out by the locks that it takes.

use crate::{
    keys::Key,
    protocol::Protocol,
    world::{Job, Row, World},
};
use pfp_shared::upload::UploadState;

/// What became of a finished picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promotion {
    /// The upload is final.
    Done,
    /// The claim is gone, or the user is.
    Lost,
}

impl World {
    /// The one way for a row to change its state. The product's own table says where it may go.
    fn go(&mut self, upload: u8, to: UploadState) {
        if let Some(row) = &mut self.upload_mut(upload).row {
            let allowed = row.state.ways_out().contains(&to);
            row.state = to;
            self.history.off_table |= !allowed;
        }
    }

    pub(crate) fn reserve(&mut self, upload: u8) {
        if !self.user.exists {
            self.user.exists = true;
            self.user.picture_generation = 0;
        }
        self.upload_mut(upload).row = Some(Row { state: UploadState::Receiving, picture: None });
    }

    /// False: the row is gone.
    pub(crate) fn accept(&mut self, upload: u8) -> bool {
        if self.state(upload) != Some(UploadState::Receiving) {
            return false;
        }
        self.sequence += 1;
        self.upload_mut(upload).generation = self.sequence;
        self.go(upload, UploadState::Queued);
        true
    }

    pub(crate) fn forget_reservation(&mut self, upload: u8, staged: bool) {
        if self.state(upload) == Some(UploadState::Receiving) {
            self.remove_upload(upload);
            if !staged {
                self.listed.remove(Key::staged(upload));
                self.deleted.remove(Key::staged(upload));
            }
        }
        if staged {
            self.list_staged(upload);
        }
    }

    /// Lists the staged key unless a row needs it.
    pub(crate) fn list_staged(&mut self, upload: u8) {
        if !self.needs_staged(upload) {
            self.list_again(Key::staged(upload));
        }
    }

    /// A row goes: its trigger lists what it names.
    pub(crate) fn remove_upload(&mut self, upload: u8) {
        if self.needs_staged(upload) {
            self.list_once(Key::staged(upload));
        }
        let row = self.upload_mut(upload).row.take();
        if let Some(picture) = row.and_then(|row| row.picture)
            && self.user.picture != Some(picture)
        {
            self.list_once(picture);
        }
    }

    /// A claim of what is queued, or whose holder lost its lease, which is for the caller to know.
    pub(crate) fn claim(&mut self, protocol: Protocol, upload: u8) -> Job {
        if let Some(earlier) = self.upload(upload).row.and_then(|row| row.picture) {
            self.list_once(earlier);
        }
        let claim = self.upload(upload).claims + 1;
        let job = Job { upload, claim };
        if self.state(upload) == Some(UploadState::Queued) {
            self.go(upload, UploadState::Processing);
        }
        let upload = self.upload_mut(upload);
        upload.claims = claim;
        if let Some(row) = &mut upload.row {
            row.picture = Some(protocol.picture_key(job));
        }
        job
    }

    /// Whether a statement with this claim's token finds the row.
    pub(crate) fn holds(&self, protocol: Protocol, job: Job) -> bool {
        let is_processing = self.state(job.upload) == Some(UploadState::Processing);
        if protocol.no_claim_token {
            return self.state(job.upload).is_some();
        }
        is_processing && (protocol.state_for_token || self.upload(job.upload).claims == job.claim)
    }

    pub(crate) fn promote(&mut self, protocol: Protocol, job: Job) -> Promotion {
        if !self.user.exists || !self.holds(protocol, job) {
            return Promotion::Lost;
        }
        let generation = self.upload(job.upload).generation;
        let shows = if protocol.no_generation_check {
            true
        } else if protocol.newest_accepted_wins {
            self.uploads.iter().all(|other| other.row.is_none() || other.generation <= generation)
        } else {
            generation > self.user.picture_generation
        };
        if shows {
            self.show_picture(job.upload);
        } else {
            self.leave(protocol, job, UploadState::Superseded);
        }
        Promotion::Done
    }

    fn show_picture(&mut self, upload: u8) {
        self.go(upload, UploadState::Succeeded);
        let (before, generation) = (self.user.picture, self.upload(upload).generation);
        self.user.picture = self.upload(upload).row.and_then(|row| row.picture);
        self.user.picture_generation = generation;
        if let Some(before) = before.filter(|before| self.user.picture != Some(*before)) {
            self.forget_picture(before);
            self.list_again(before);
        }
        self.list_again(Key::staged(upload));
        if generation > self.history.generation {
            self.history.generation = generation;
            self.history.shows = true;
        }
    }

    /// The upload that was shown loses its picture.
    fn forget_picture(&mut self, picture: Key) {
        if let Some(row) = &mut self.upload_mut(picture.upload()).row
            && row.picture == Some(picture)
        {
            row.picture = None;
        }
    }

    /// Out of `processing` without a picture. False: the claim is gone.
    pub(crate) fn leave(&mut self, protocol: Protocol, job: Job, to: UploadState) -> bool {
        if !self.holds(protocol, job) {
            return false;
        }
        if let Some(picture) = self.take_picture(job.upload) {
            self.list_again(picture);
        }
        if !matches!(to, UploadState::Queued | UploadState::Failed) {
            self.list_again(Key::staged(job.upload));
        }
        self.go(job.upload, to);
        true
    }

    fn take_picture(&mut self, upload: u8) -> Option<Key> {
        self.upload_mut(upload).row.as_mut().and_then(|row| row.picture.take())
    }

    /// The sweeper takes a job from a worker that fell silent.
    pub(crate) fn requeue_lost_claim(&mut self, upload: u8, to: UploadState) {
        if let Some(picture) = self.take_picture(upload) {
            self.list_once(picture);
        }
        self.go(upload, to);
    }

    pub(crate) fn cancel_upload(&mut self, upload: u8) {
        self.list_again(Key::staged(upload));
        self.go(upload, UploadState::Cancelled);
    }

    /// An operator's: the bytes were kept.
    pub(crate) fn replay(&mut self, upload: u8) {
        self.go(upload, UploadState::Queued);
    }

    /// The picture goes, and a generation is taken.
    pub(crate) fn delete_picture(&mut self) {
        self.sequence += 1;
        self.user.picture_generation = self.sequence;
        if let Some(picture) = self.user.picture.take() {
            self.forget_picture(picture);
            self.list_again(picture);
        }
        self.nothing_shows_from_before();
    }

    /// The user's row goes, and the uploads with it; their triggers list what they name.
    pub(crate) fn erase_user(&mut self) {
        self.user.exists = false;
        if let Some(picture) = self.user.picture.take() {
            self.list_once(picture);
        }
        self.remove_uploads_rightly();
        self.nothing_shows_from_before();
    }

    /// Erasing where another system owns the users: the row stays, and a generation is taken.
    pub(crate) fn empty_user(&mut self) {
        self.sequence += 1;
        self.user.picture_generation = self.sequence;
        if let Some(picture) = self.user.picture.take() {
            self.list_again(picture);
        }
        self.remove_uploads_rightly();
        self.nothing_shows_from_before();
    }

    fn remove_uploads_rightly(&mut self) {
        for upload in
            (0..crate::keys::UPLOADS).filter(|upload| self.state(*upload).is_some()).collect::<Vec<_>>()
        {
            self.remove_rightly(upload);
        }
    }

    /// By erasing, or by the retention.
    pub(crate) fn remove_rightly(&mut self, upload: u8) {
        self.remove_upload(upload);
        self.upload_mut(upload).removed_rightly = true;
    }

    const fn nothing_shows_from_before(&mut self) {
        self.history.generation = self.sequence;
        self.history.shows = false;
    }

    /// `ON CONFLICT DO NOTHING`: one that is being struck off is struck off all the same.
    pub(crate) const fn list_once(&mut self, key: Key) {
        self.listed.add(key);
    }

    /// `ON CONFLICT DO UPDATE`: what was deleted before is deleted once more.
    pub(crate) const fn list_again(&mut self, key: Key) {
        self.listed.add(key);
        self.deleted.remove(key);
    }

    pub(crate) fn list_if_unnamed(&mut self, key: Key) {
        if !self.names(key) {
            self.list_again(key);
        }
    }
}
