//! The row that names the staged object before it is put, and its lease.

use super::{Declared, Put};
use crate::{auth::AuthenticatedUser, error::ApiError, state::AppState};
use pfp_shared::{
    backoff::Backoff,
    database::DatabaseError,
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    queries::{self, EarlierUpload, Refusal, Reserve, UploadLimits},
    trace::TraceParent,
    upload::UploadId,
};
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long an upload is tried to be taken back while the database is out. Most that have to be met a crash, from which a
/// server recovers or another takes over within minutes; the listing is there for the others.
const UNDOING: Duration = Duration::from_secs(600);

/// What became of asking for a reservation.
pub enum Reserved {
    /// Bytes may be stored.
    New(Reservation),
    /// The idempotency key was used before.
    Replay(EarlierUpload),
}

/// A reserved upload. Its lease is renewed until this is dropped.
pub struct Reservation {
    /// The upload.
    pub id: UploadId,
    state: AppState,
    lost: CancellationToken,
    _renewing: DropGuard,
}

impl Reservation {
    /// Reserves an upload.
    ///
    /// # Errors
    /// The user is unknown or has reached a limit, the idempotency key is in use, or the database failed.
    pub async fn make(
        state: &AppState,
        user: &AuthenticatedUser,
        declared: &Declared,
        trace: &TraceParent,
    ) -> Result<Reserved, ApiError> {
        let id = UploadId::generate();
        let header = trace.header();
        let wanted = queries::Reservation {
            id,
            user_id: &user.id,
            idempotency_key: declared.idempotency_key.as_deref(),
            lease: state.config.upload_lease,
            trace_context: Some(&header),
        };
        let limits = state.config.limits;
        let reserved = queries::reserve(&state.database_of(user), &wanted, limits).await;
        if reserved.as_ref().is_err_and(DatabaseError::is_outcome_unknown) {
            tokio::spawn(undo_in_time(state.clone(), id, Undo::Reservation(Put::NotBegun)));
        }
        match reserved? {
            Reserve::Reserved => Ok(Reserved::New(Self::renewed(state, id))),
            Reserve::Refused(refusal) => Err(refused(refusal, limits)),
            Reserve::Replay(earlier) => Ok(Reserved::Replay(earlier)),
        }
    }

    fn renewed(state: &AppState, id: UploadId) -> Self {
        let (lost, end) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(renew(state.clone(), id, lost.clone(), end.clone()));
        Self { id, state: state.clone(), lost, _renewing: end.drop_guard() }
    }

    /// Cancelled when the row is gone: nothing can be accepted any more.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.lost.clone()
    }

    /// Takes the reservation back, and with it what was put; once the database is back if it is out.
    pub async fn forget(self, put: Put) {
        self.undo(Undo::Reservation(put)).await;
    }

    /// Takes back what was put if no row names it, as after a crash of the database: reserving doesn't wait for its disk. A
    /// row that is there stays.
    pub async fn forget_bytes(self) {
        self.undo(Undo::UnnamedBytes).await;
    }

    async fn undo(self, undo: Undo) {
        let id = self.id;
        if let Err(error) = undo.try_once(&self.state, id).await {
            tracing::warn!(%error, upload_id = %id, "an upload can't be taken back yet");
            tokio::spawn(undo_in_time(self.state.clone(), id, undo));
        }
    }
}

/// What is undone of an upload that is given up.
#[derive(Debug, Clone, Copy)]
enum Undo {
    /// The row, and what was put.
    Reservation(Put),
    /// What was put, if no row names it.
    UnnamedBytes,
}

impl Undo {
    async fn try_once(self, state: &AppState, id: UploadId) -> Result<(), DatabaseError> {
        let database = &state.services.database;
        let staged = match self {
            Self::UnnamedBytes => return queries::list_staged_if_unneeded(database, id).await,
            Self::Reservation(Put::NotBegun) => None,
            Self::Reservation(Put::Settled) => Some(Duration::ZERO),
            Self::Reservation(Put::Unanswered) => Some(state.config.upload_lease),
        };
        queries::forget_reservation(database, id, staged).await
    }
}

/// Undoes what the database didn't let us undo, once it is back: an idempotency key and a place among the user's uploads
/// would be taken for as long as the lease, and an object whose row a crash took would wait for the listing.
async fn undo_in_time(state: AppState, id: UploadId, undo: Undo) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
    let undone = async {
        loop {
            backoff.wait().await;
            state.services.dependencies.wait_for(&[Dependency::Database]).await;
            match undo.try_once(&state, id).await {
                Ok(()) => break,
                Err(error) => tracing::debug!(%error, upload_id = %id, "an upload can't be taken back yet"),
            }
        }
    };
    if timeout(UNDOING, undone).await.is_err() {
        tracing::warn!(upload_id = %id, "an upload wasn't taken back; its lease and the listing see to it");
    }
}

/// Renews the lease thrice in its time, so that one lost statement doesn't cost the upload.
async fn renew(state: AppState, id: UploadId, lost: CancellationToken, end: CancellationToken) {
    let lease = state.config.upload_lease;
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(lease / 3) => {}
        }
        match queries::renew_reservation(&state.services.database, id, lease).await {
            Ok(true) => {}
            Ok(false) => return lost.cancel(),
            // The database may be back before the lease is over; if not, accepting finds out.
            Err(error) => tracing::debug!(%error, upload_id = %id, "a lease couldn't be renewed"),
        }
    }
}

/// The row is gone, so nothing was accepted.
pub(crate) fn gone() -> Failure {
    let detail = "The upload's reservation is gone: its user was erased meanwhile, or the database was out for \
        longer than it is held. Nothing was kept; send it again.";
    Failure::new(FailureCode::DatabaseUnavailable, detail)
}

fn refused(refusal: Refusal, limits: UploadLimits) -> ApiError {
    match refusal {
        Refusal::UnknownUser => {
            Failure::new(FailureCode::UserNotFound, "The token's user isn't known here.").into()
        }
        Refusal::RateLimited { retry_after } => {
            let detail = format!(
                "At most {} uploads a minute are taken; the next one in {retry_after} s.",
                limits.per_minute
            );
            let failure = Failure::new(FailureCode::RateLimited, detail).limit(limits.per_minute);
            ApiError::from(failure).retry_after(retry_after)
        }
        Refusal::TooManyInFlight { in_flight } => {
            let detail = format!(
                "You have {in_flight} unfinished uploads; at most {} are taken. Wait until one is final.",
                limits.in_flight
            );
            let failure = Failure::new(FailureCode::TooManyUploadsInFlight, detail);
            ApiError::from(failure.limit(limits.in_flight).actual(in_flight)).retry_after(1)
        }
        Refusal::KeyInUse => {
            let detail =
                "A request with this Idempotency-Key is still being received. Try again in a second.";
            ApiError::from(Failure::new(FailureCode::IdempotencyKeyInUse, detail)).retry_after(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_limit_and_when_to_come_back() {
        let limits = UploadLimits { per_minute: 10, in_flight: 3, create_users: true };
        let error = refused(Refusal::RateLimited { retry_after: 6 }, limits);
        assert_eq!(error.failure.limit, Some(10.into()));
        assert_eq!(error.answer("r").headers()["retry-after"], "6");
        let error = refused(Refusal::TooManyInFlight { in_flight: 4 }, limits);
        assert_eq!(error.answer("r").headers()["retry-after"], "1");
        assert_eq!((error.failure.limit, error.failure.actual), (Some(3.into()), Some(4.into())));
    }
}
