//! The listing of the bucket, at any time: `worker/src/listing.rs`.
//!
//! It looks at one object: each is judged by itself, so whatever a listing of many does to one is found. What it holds
//! until its end is, while it is held, nothing but a deletion that nobody has come to yet.

use super::{Steps, Who};
use crate::{keys::Key, protocol::Rest, world::World};

impl Steps {
    pub(super) fn listing(&mut self) {
        if self.bounds.rest != Rest::DeadThenListed {
            return;
        }
        let asks_first = self.protocol.asked_before_listed;
        match self.from.listing {
            Some(key) => self.may_with(Who::Listing, "does its second half", key, |world| {
                let is_garbage = if asks_first { world.objects.has(key) } else { may_be_garbage(world, key) };
                if is_garbage {
                    world.list_once(key);
                }
                world.listing = None;
            }),
            None => {
                for key in Key::all() {
                    let goes_on =
                        if asks_first { may_be_garbage(&self.from, key) } else { self.from.objects.has(key) };
                    if goes_on {
                        self.may_with(Who::Listing, "does its first half", key, |world| {
                            world.listing = Some(key);
                        });
                    }
                }
            }
        }
    }
}

/// What the rows say of an object.
fn may_be_garbage(world: &World, key: Key) -> bool {
    !world.names(key) && !world.listed.has(key)
}
