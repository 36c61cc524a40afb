//! An upload up to its 202: `api/src/upload_picture.rs` and `receive/reservation.rs`.

use super::{Steps, Who};
use crate::{
    keys::Key,
    protocol::Fault,
    world::{Request, World},
};
use pfp_shared::upload::UploadState;

impl Steps {
    pub(super) fn api(&mut self) {
        for upload in 0..self.bounds.uploads {
            self.request(upload);
            if self.from.upload(upload).accept_under_way {
                self.late_accept(upload);
            }
        }
    }

    fn request(&mut self, upload: u8) {
        match self.from.upload(upload).request {
            Request::NotYet => self.not_yet(upload),
            Request::Reserved => self.reserved(upload),
            Request::Staged => self.staged(upload),
            Request::Unsure => self.unsure(upload),
            Request::Forgetting => self.forget(upload, false),
            Request::ForgettingStaged => self.forget(upload, true),
            Request::Relisting => self.go_on(upload, "lists the staged key unless it is needed", |world| {
                world.list_staged(upload);
                Request::Over
            }),
            Request::Answered | Request::Over => return,
        }
        if self.from.upload(upload).request.is_alive() {
            let die = |world: &mut World| world.upload_mut(upload).request = Request::Over;
            self.fault(Fault::Death, Who::Api(upload), "dies", die);
        }
    }

    fn go_on(&mut self, upload: u8, what: &'static str, change: impl FnOnce(&mut World) -> Request) {
        self.may(Who::Api(upload), what, |world| world.upload_mut(upload).request = change(world));
    }

    fn not_yet(&mut self, upload: u8) {
        // Before they are accepted uploads differ by nothing but their ids: the first is the one that comes first.
        if (0..upload).all(|earlier| self.from.upload(earlier).request != Request::NotYet) {
            self.go_on(upload, "reserves", |world| {
                world.reserve(upload);
                Request::Reserved
            });
        }
    }

    fn reserved(&mut self, upload: u8) {
        let (api, staged) = (Who::Api(upload), Key::staged(upload));
        self.go_on(upload, "puts the bytes", |world| {
            world.objects.add(staged);
            Request::Staged
        });
        self.go_on(upload, "refuses before a put", |_| Request::Forgetting);
        self.go_on(upload, "can't put the bytes", |_| Request::ForgettingStaged);
        self.late(api, "gives up a put that is carried out later", staged, |world| {
            world.upload_mut(upload).request = Request::ForgettingStaged;
        });
        self.late(api, "puts the bytes, and once more later", staged, |world| {
            world.objects.add(staged);
            world.upload_mut(upload).request = Request::Staged;
        });
        self.late(api, "dies in a put that is carried out later", staged, |world| {
            world.upload_mut(upload).request = Request::Over;
        });
    }

    fn staged(&mut self, upload: u8) {
        let blind = self.protocol.accepted_without_looking;
        self.go_on(upload, "accepts", |world| {
            if world.accept(upload) || blind { Request::Answered } else { Request::Relisting }
        });
        self.go_on(upload, "is told that nothing was accepted", |_| Request::ForgettingStaged);
        self.fault(Fault::LostAnswer, Who::Api(upload), "loses the answer of accept", |world| {
            let upload = world.upload_mut(upload);
            (upload.accept_under_way, upload.request) = (true, Request::Unsure);
        });
    }

    fn unsure(&mut self, upload: u8) {
        if self.protocol.cleaned_up_after_unknown_accept {
            return self.go_on(upload, "cleans up on a guess", |world| {
                world.list_again(Key::staged(upload));
                Request::Over
            });
        }
        match self.from.state(upload) {
            None | Some(UploadState::Receiving) => {
                self.go_on(upload, "finds no row, or can't tell in time", |_| Request::Relisting);
            }
            Some(_) => self.go_on(upload, "finds it accepted", |_| Request::Answered),
        }
    }

    /// Of a statement whose answer is lost it isn't known when it is carried out, if ever.
    fn late_accept(&mut self, upload: u8) {
        self.may(Who::Database, "carries out an accept after all", |world| {
            world.upload_mut(upload).accept_under_way = false;
            world.accept(upload);
        });
        self.may(Who::Database, "never carries out an accept", |world| {
            world.upload_mut(upload).accept_under_way = false;
        });
    }

    fn forget(&mut self, upload: u8, staged: bool) {
        self.go_on(upload, "takes the reservation back", |world| {
            world.forget_reservation(upload, staged);
            Request::Over
        });
    }
}
