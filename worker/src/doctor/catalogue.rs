//! The one catalogue of disagreements: each kind's name, what it means and what its repair does.

use std::fmt;

/// What a repair may cost, and with it when it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It makes right what is wrong, however much that is.
    Always,
    /// It deletes or gives something up: not of more than the larger of a hundred and one in a hundred of what was
    /// compared, unless forced. Mostly so many mean a wrong bucket or a database from a backup.
    UnlessMany(Compared),
    /// Nothing is wrong between database, bucket and queue; an operator may want to know of it.
    Remark,
}

/// What a kind's findings are counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// Uploads.
    Uploads,
    /// Users.
    Users,
    /// Objects of the bucket.
    Objects,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $repair:expr, $meaning:literal $does:literal)*) => {
        /// A kind of disagreement.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $(#[doc = $meaning] $variant,)*
        }

        impl Kind {
            /// Every kind, in the order of the catalogue.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant),*];

            /// Its name, as printed.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// When it is repaired.
            #[must_use]
            pub const fn repair(self) -> Repair {
                match self { $(Kind::$variant => $repair,)* }
            }

            /// What it means.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Kind::$variant => $meaning,)* }
            }

            /// What its repair does, or what an operator can do about a remark.
            #[must_use]
            pub const fn what_repair_does(self) -> &'static str {
                match self { $(Kind::$variant => $does,)* }
            }
        }
    };
}

use Compared::{Objects, Uploads, Users};
use Repair::{Always, Remark, UnlessMany};

#[rustfmt::skip]
catalogue! {
    // Objects that no row names.
    OrphanPicture     "orphan_picture"     UnlessMany(Objects), "a picture that no row names"                                    "delete it"
    OrphanStaged      "orphan_staged"      UnlessMany(Objects), "staged bytes without an upload"                                 "delete them"
    StagedOfFinal     "staged_of_final"    UnlessMany(Objects), "staged bytes of an upload that is final"                        "delete them"
    StrangeObject     "strange_object"     UnlessMany(Objects), "an object beside ours whose name is none of ours"               "delete it"
    // Rows whose objects are missing or damaged.
    DanglingPicture   "dangling_picture"   UnlessMany(Users),   "a user shows a picture that isn't there"                        "the user shows no picture"
    EmptyPicture      "empty_picture"      UnlessMany(Users),   "a user shows a picture without a byte"                          "the user shows no picture; delete it"
    StagedMissing     "staged_missing"     UnlessMany(Uploads), "an upload that isn't done, or failed, whose bytes are gone"      "it is failed, with the code storage_error"
    StagedSize        "staged_size"        UnlessMany(Uploads), "an upload that isn't done, or failed, whose bytes are damaged"   "it is failed, with the code storage_error"
    // Rows that disagree with each other.
    UnshownPicture    "unshown_picture"    UnlessMany(Uploads), "an upload names a picture that its user doesn't show"           "the upload names none; delete the picture"
    ShownUpload       "shown_upload"       Always,              "a user is said to show an upload that hasn't this picture"      "name the upload that has it, or none"
    GenerationTooLow  "generation_too_low" Always,              "a user's generation is below that of the shown upload"          "raise it"
    UrlNotOfKey       "url_not_of_key"     Always,              "a user's address isn't made from the picture's key"             "write it anew"
    SequenceBehind    "sequence_behind"    Always,              "generations in use are above those that are given next"         "raise the sequence above them"
    NamedDeletion     "named_deletion"     Always,              "an object is listed for deletion that a row names"              "strike it off the list"
    // What should have been done long ago.
    UploadUnpublished "upload_unpublished" Always,              "an upload is due and its message was never sent"                "sweep: publish it"
    MessageLost       "message_lost"       Always,              "an upload is due and its message must be lost"                  "sweep: publish it again"
    ClaimLost         "claim_lost"         Always,              "an upload's worker fell silent and nobody took it over"         "sweep: queue it again"
    ReservationLost   "reservation_lost"   Always,              "an upload's API fell silent while it received it"               "sweep: remove it"
    DeletionOverdue   "deletion_overdue"   Always,              "an object should have been deleted long ago"                    "sweep: delete it"
    DeletionHeld      "deletion_held"      Always,              "a listing of the bucket began and nobody has ended it"          "list the bucket"
    // The bucket and the broker.
    StagingRule       "staging_rule"       Always,              "the bucket has no rule that deletes forgotten staged bytes"      "set it, beside the rules that are there"
    QueueMissing      "queue_missing"      Always,              "a queue or exchange isn't there"                                "declare it"
    QueueWrong        "queue_wrong"        Always,              "a queue or exchange has other arguments than ours"              "declare it anew, and publish what it held; a dead queue that holds something has to be emptied first: `pfp-worker dead discard --all`"
    QueueSilent       "queue_silent"       Always,              "the jobs queue has no leader: nothing is sent or received"      "nothing: the broker has to elect one, as `rabbitmqctl eval` of the README makes it"
    // Worth knowing.
    ForeignObject     "foreign_object"     Remark,              "something lies in the bucket that isn't ours"                   "nothing: pfp never touches it"
    DeadLetter        "dead_letter"        Remark,              "a message couldn't be read and was set aside"                   "see `pfp-worker dead list`"
    FailedUpload      "failed_upload"      Remark,              "the system gave up on an upload"                                "see `pfp-worker dead list`"
    NoWorker          "no_worker"          Remark,              "nobody consumes the queue"                                      "start a worker"
}

impl Kind {
    /// Whether it is no disagreement.
    #[must_use]
    pub fn is_remark(self) -> bool {
        self.repair() == Remark
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
