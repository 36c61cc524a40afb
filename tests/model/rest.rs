//! Coming to rest: nothing new happens, and a fresh worker does what is due. It is tried from every state, so what
//! comes to rest later, or in another order, is tried from there.

use crate::{
    invariants::{Broken, broken},
    keys::{Key, UPLOADS},
    protocol::{Protocol, Rest},
    world::{Request, WORKERS, Worker, World},
};
use pfp_shared::upload::UploadState;

/// The rule that is broken once all has come to rest.
pub(crate) fn broken_at_rest(protocol: Protocol, rest: Rest, mut world: World) -> Option<Broken> {
    if rest == Rest::EndedThenSwept {
        end_by_themselves(&mut world, protocol);
    }
    everybody_dies(&mut world);
    sweep_and_work(&mut world, protocol);
    if rest == Rest::DeadThenListed {
        list_bucket(&mut world);
        // What was on its way arrives as late as it can: the next listing finds it.
        world.objects.add_all(world.late);
        list_bucket(&mut world);
    }
    if let Some(broken) = broken(&world) {
        return Some(broken);
    }
    if (0..UPLOADS).any(|upload| world.state(upload).is_some_and(|state| !state.is_final())) {
        return Some(Broken::NeverFinal);
    }
    Key::all().any(|key| world.objects.has(key) != world.names(key)).then_some(Broken::Leaked)
}

/// What each does when it finds that it can't go on.
fn end_by_themselves(world: &mut World, protocol: Protocol) {
    for worker in 0..WORKERS {
        if let Some(job) = world.workers[worker].job()
            && !world.leave(protocol, job, UploadState::Queued)
            && !protocol.claim_gone_unlisted
        {
            world.list_if_unnamed(protocol.picture_key(job));
        }
    }
    for upload in 0..UPLOADS {
        match world.upload(upload).request {
            Request::Unsure | Request::Relisting => world.list_staged(upload),
            request if request.is_alive() => world.forget_reservation(upload, true),
            _ => {}
        }
    }
}

fn everybody_dies(world: &mut World) {
    world.workers = [Worker::Idle; WORKERS];
    world.listing = None;
    for upload in 0..UPLOADS {
        let upload = world.upload_mut(upload);
        upload.accept_under_way = false;
        if upload.request.is_alive() {
            upload.request = Request::Over;
        }
    }
}

fn sweep_and_work(world: &mut World, protocol: Protocol) {
    for upload in 0..UPLOADS {
        match world.state(upload) {
            Some(UploadState::Receiving) => world.remove_upload(upload),
            Some(UploadState::Processing) => world.requeue_lost_claim(upload, UploadState::Queued),
            _ => {}
        }
    }
    delete_listed(world);
    for upload in 0..UPLOADS {
        if world.state(upload) == Some(UploadState::Queued) {
            let job = world.claim(protocol, upload);
            world.objects.add(protocol.picture_key(job));
            world.promote(protocol, job);
        }
    }
    delete_listed(world);
}

fn list_bucket(world: &mut World) {
    for key in world.objects.iter() {
        if !world.names(key) {
            world.list_once(key);
        }
    }
    delete_listed(world);
}

fn delete_listed(world: &mut World) {
    world.objects.remove_all(world.listed);
    world.listed.remove_all(world.listed);
    world.deleted.remove_all(world.deleted);
}
