//! What the doctor reads page by page, and its repairs: each a compare-and-set on what was read.

mod due;
mod pictures;
mod uploads;
mod users;

pub use due::{
    Overdue, Sequence, lost_claims, named_deletions, overdue_deletions, overdue_uploads, raise_sequence,
    sequence, strike_off_named,
};
pub use pictures::{NamedPicture, ShownPicture, clear_shown_picture, named_pictures, users_showing};
pub use uploads::{
    CheckedUpload, NeedsStaged, StagedNeed, checked_uploads, clear_unshown, list_unnamed, mark_bytes_gone,
    need_staged,
};
pub use users::{CheckedUser, RightUrl, checked_users, mend_shown_upload, rewrite_urls};
