//! What must hold in every state.

use crate::{
    keys::Key,
    world::{Request, Upload, World},
};
use pfp_shared::upload::UploadState;

/// A rule, and that it is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// An upload that was accepted has its row, until the user is erased or the retention is over.
    AcceptedRowLost,
    /// Its bytes are there for as long as somebody may work on it.
    StagedBytesLost,
    /// What the user shows is in the bucket, and so is the picture of an upload that succeeded.
    PictureMissing,
    /// The newest accepted upload that succeeded is shown, and nothing from before a deleted picture or an erasure.
    NotTheNewest,
    /// An upload is superseded only by something later that succeeded, or by a deleted picture.
    SupersededByNothing,
    /// A row goes only the ways of the table of states: what is final stays so.
    OffTheTable,
    /// When nothing new happens, every upload becomes final.
    NeverFinal,
    /// When nothing new happens, the bucket comes to hold exactly what rows name.
    Leaked,
}

/// The first rule that a state breaks by itself.
pub(crate) fn broken(world: &World) -> Option<Broken> {
    if world.history.off_table {
        return Some(Broken::OffTheTable);
    }
    (0..).zip(&world.uploads).find_map(|(id, upload)| of_upload(world, id, upload)).or_else(|| of_user(world))
}

fn of_upload(world: &World, id: u8, upload: &Upload) -> Option<Broken> {
    let is_accepted = upload.generation > 0 || upload.request == Request::Answered;
    let Some(row) = upload.row else {
        return (is_accepted && !upload.removed_rightly).then_some(Broken::AcceptedRowLost);
    };
    let needs_bytes =
        matches!(row.state, UploadState::Queued | UploadState::Processing | UploadState::Failed);
    if needs_bytes && !world.objects.has(Key::staged(id)) {
        return Some(Broken::StagedBytesLost);
    }
    match row.state {
        UploadState::Succeeded if row.picture.is_some_and(|picture| !world.objects.has(picture)) => {
            Some(Broken::PictureMissing)
        }
        UploadState::Superseded if world.history.generation <= upload.generation => {
            Some(Broken::SupersededByNothing)
        }
        _ => None,
    }
}

fn of_user(world: &World) -> Option<Broken> {
    let Some(picture) = world.user.picture else {
        return world.history.shows.then_some(Broken::NotTheNewest);
    };
    if !world.objects.has(picture) {
        return Some(Broken::PictureMissing);
    }
    let shown = world.upload(picture.upload()).generation;
    (!world.history.shows || shown != world.history.generation).then_some(Broken::NotTheNewest)
}
