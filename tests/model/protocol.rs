//! What is searched: the product's protocol or one that was broken on purpose, and within which bounds.

use crate::{keys::Key, world::Job};

/// The product's rules. Each flag takes one away.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Protocol {
    /// Out of `processing` by id alone.
    pub(crate) no_claim_token: bool,
    /// Out of `processing` by id and state, whoever holds it.
    pub(crate) state_for_token: bool,
    /// Whoever promotes last is shown.
    pub(crate) no_generation_check: bool,
    /// Promoted only while no later upload was accepted, whatever became of that one.
    pub(crate) newest_accepted_wins: bool,
    /// One picture key for an upload, not one for a claim.
    pub(crate) same_key_for_every_claim: bool,
    /// The old picture is deleted, then the new one promoted.
    pub(crate) old_deleted_before_commit: bool,
    /// 202 although the row that was to be accepted may be gone.
    pub(crate) accepted_without_looking: bool,
    /// An accept of unknown outcome is taken for one that failed: the staged object is listed for deletion.
    pub(crate) cleaned_up_after_unknown_accept: bool,
    /// A promotion of unknown outcome is taken for one that failed: its picture is listed for deletion.
    pub(crate) cleaned_up_after_unknown_promotion: bool,
    /// The rows are asked what they name, then the bucket is listed.
    pub(crate) asked_before_listed: bool,
    /// A worker that finds its claim gone leaves its picture where it is.
    pub(crate) claim_gone_unlisted: bool,
    /// What is listed while it is being deleted is struck off all the same.
    pub(crate) listed_again_unnoticed: bool,
}

impl Protocol {
    /// The key that a claim may put.
    pub(crate) const fn picture_key(self, job: Job) -> Key {
        Key::picture(job.upload, if self.same_key_for_every_claim { 1 } else { job.claim })
    }
}

/// What may go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A process dies.
    Death,
    /// A process that lives loses its lease: it is frozen, and goes on later as if nothing had been.
    LostLease,
    /// A statement is carried out, and whoever sent it isn't told.
    LostAnswer,
    /// A put is carried out long after whoever sent it gave up or died, or once more long after it was done.
    LatePut,
    /// A crash of the database takes a reservation back, whose commit doesn't wait for the disk.
    LostReservation,
}

/// How a history ends, from every state: nothing new happens, and a fresh worker does what is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rest {
    /// Every process dies where it is. There are sweeps and listings, here and at any time before.
    DeadThenListed,
    /// Every process dies where it is, and there are sweeps alone.
    DeadThenSwept,
    /// Every process comes to its own end, and there are sweeps alone.
    EndedThenSwept,
}

/// How much may happen in one history. Within these bounds everything does, in every order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) uploads: u8,
    pub(crate) workers: usize,
    /// Claims of each upload.
    pub(crate) claims: u8,
    /// Faults, all kinds together.
    pub(crate) faults: u8,
    pub(crate) kinds: &'static [Fault],
    /// What users, operators and other systems ask for, all kinds together: a cancelled upload, a deleted picture, an
    /// erased or emptied user, a row deleted by hand, a replay.
    pub(crate) wishes: u8,
    pub(crate) rest: Rest,
    /// Whether states that differ in nothing that can matter any more are taken for one.
    pub(crate) folded: bool,
}

impl Bounds {
    /// Two uploads, two workers, everything that may go wrong, and the listing: so many claims of each upload, faults
    /// and wishes.
    pub(crate) const fn everything(claims: u8, faults: u8, wishes: u8) -> Self {
        let kinds =
            &[Fault::Death, Fault::LostLease, Fault::LostAnswer, Fault::LatePut, Fault::LostReservation];
        let rest = Rest::DeadThenListed;
        Self { uploads: 2, workers: 2, claims, faults, kinds, wishes, rest, folded: true }
    }
}
