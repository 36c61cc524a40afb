//! Every SQL statement, a function each. Times come from the database's clock, every step of an upload is a
//! compare-and-set, and each statement begins with the name of its function, which the server's views show.

mod accept;
mod changes;
mod claims;
mod client_deletes;
mod dead;
mod deletions;
mod doctor;
mod gauges;
mod installation;
mod jobs;
mod listing;
mod reserve;
mod show;
mod sweep;

pub use accept::{Accepted, accept, mark_published};
pub use changes::{listen_for_changes, notify_changed, uploads};
pub use claims::{Claim, Claimed, ClaimedJob, claim, renew_claim};
pub use client_deletes::{Erased, WithoutPicture, cancel_upload, delete_picture, erase_user};
pub use dead::{
    FailedUpload, ReplayedUpload, count_failed, failed_upload, failed_uploads, replay_failed, whole_upload,
};
pub use deletions::{
    Deletion, deletions_done, deletions_failed, due_deletions, hasten_deletions, list_if_unnamed,
    list_staged_if_unneeded,
};
pub use doctor::{
    CheckedUpload, CheckedUser, NamedPicture, NeedsStaged, Overdue, RightUrl, Sequence, ShownPicture,
    StagedNeed, checked_uploads, checked_users, clear_shown_picture, clear_unshown, list_unnamed,
    lost_claims, mark_bytes_gone, mend_shown_upload, named_deletions, named_pictures, need_staged,
    overdue_deletions, overdue_uploads, raise_sequence, rewrite_urls, sequence, strike_off_named,
    users_showing,
};
pub use gauges::{Gauges, gauges};
pub(crate) use installation::lock_migrations;
pub use installation::{InstallationRow, check_schema, installation, ping, set_bucket};
pub use jobs::{Promotion, Release, give_back, promote, reject, release, status_after};
pub use listing::{
    ListingProgress, finish_listing, forget_held, held_deletions, hold_deletions, listing_progress,
    release_held, resume_listing, save_listing, try_lock_listing, unnamed_keys,
};
pub use reserve::{
    EarlierUpload, Refusal, Reservation, Reserve, UploadLimits, forget_reservation, renew_reservation,
    reserve,
};
pub use show::{UploadPage, UploadRow, UserRow, upload_of_user, upload_state, uploads_of_user, user};
pub use sweep::{
    DueJob, LostClaim, expire_reservations, forget_erased_users, remove_retained, requeue_lost_claims,
    take_lost_messages, take_unpublished, unpublish,
};

use crate::{database::DatabaseError, failure::Failure};
use std::time::Duration;
use tokio_postgres::Row;

/// Seconds, as SQL's `make_interval(secs => …)` takes them.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

fn failure_json(failure: &Failure) -> Result<serde_json::Value, DatabaseError> {
    serde_json::to_value(failure).map_err(|error| DatabaseError::Row(error.to_string()))
}

/// A column by name, as an error instead of a panic when the schema isn't what this build expects.
fn column<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, DatabaseError> {
    // Not the connection's error, which would be tried again and again.
    row.try_get(name).map_err(|error| DatabaseError::Row(format!("{name}: {error}")))
}
