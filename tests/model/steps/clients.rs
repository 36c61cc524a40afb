//! What users and operators ask for, at any time: `shared/src/queries/client_deletes.rs`, and a replay.

use super::{Steps, Who};
use crate::world::World;
use pfp_shared::upload::UploadState;

impl Steps {
    pub(super) fn clients(&mut self) {
        for upload in 0..self.bounds.uploads {
            let state = self.from.state(upload);
            if state.is_some_and(|state| !state.is_final()) {
                self.wish(Who::Operator, "deletes the row of an upload by hand", |world| {
                    world.remove_rightly(upload);
                });
            }
            match state {
                Some(UploadState::Queued) => {
                    self.wish(Who::Client, "cancels", |world| world.cancel_upload(upload));
                }
                Some(UploadState::Failed) => {
                    self.wish(Who::Operator, "replays", |world| world.replay(upload));
                }
                _ => {}
            }
        }
        if self.from.user.exists {
            self.wish(Who::Client, "deletes the picture", World::delete_picture);
            // Final uploads go before the user does, in transactions of their own: as by the retention.
            self.wish(Who::Client, "erases itself", World::erase_user);
            self.wish(Who::Client, "erases itself, and the row is another system's", World::empty_user);
        }
    }
}
