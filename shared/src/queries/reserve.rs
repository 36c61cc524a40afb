//! Reserve: the row of an upload before a byte of it is stored.

use super::{column, deletions::list_staged, seconds};
use crate::{
    database::{Database, DatabaseError, Durability, Session},
    storage::staged_key,
    upload::{UploadId, UploadState},
};
use std::time::Duration;
use tokio_postgres::Row;

/// How much a user may do; 0 is no limit.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// Uploads a minute.
    pub per_minute: u32,
    /// Unfinished uploads.
    pub in_flight: u32,
    /// Whether a user without a row is created.
    pub create_users: bool,
}

/// What an upload is reserved for.
#[derive(Debug)]
pub struct Reservation<'a> {
    /// The new upload.
    pub id: UploadId,
    /// Whose it is.
    pub user_id: &'a str,
    /// The request's `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// How long the API may be silent about it.
    pub lease: Duration,
    /// The request's traceparent.
    pub trace_context: Option<&'a str>,
}

/// An upload that came before with the same idempotency key.
#[derive(Debug, Clone)]
pub struct EarlierUpload {
    /// Its id.
    pub id: UploadId,
    /// SHA-256 of its bytes.
    pub content_sha256: Vec<u8>,
    /// Its crop, as stored.
    pub crop: Option<serde_json::Value>,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The user has no row, and users aren't created here.
    UnknownUser,
    /// The token bucket is empty for this long.
    RateLimited {
        /// Seconds until a token is there.
        retry_after: u64,
    },
    /// As many unfinished uploads as the limit allows.
    TooManyInFlight {
        /// How many there are.
        in_flight: u64,
    },
    /// A request with the same idempotency key is still being received.
    KeyInUse,
}

/// What became of a reservation.
#[derive(Debug, Clone)]
pub enum Reserve {
    /// The row is there: bytes may be stored.
    Reserved,
    /// Nothing was reserved.
    Refused(Refusal),
    /// The idempotency key was used before.
    Replay(EarlierUpload),
}

/// The first transaction of an upload: under the user's row lock, the idempotency key first (a replay takes no
/// slot), then the limits, then the row, before a byte is stored. Needn't survive a crash of the database.
///
/// # Errors
/// The database failed; if the outcome is unknown, the row goes when it is forgotten or its lease runs out.
pub async fn reserve(
    database: &Database,
    reservation: &Reservation<'_>,
    limits: UploadLimits,
) -> Result<Reserve, DatabaseError> {
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(Durability::Relaxed).await?;
            let outcome = reserve_locked(&mut session, reservation, limits).await?;
            session.commit().await?;
            Ok(outcome)
        })
        .await
}

async fn reserve_locked(
    session: &mut Session,
    reservation: &Reservation<'_>,
    limits: UploadLimits,
) -> Result<Reserve, DatabaseError> {
    let Some(tokens) = lock_user(session, reservation.user_id, limits).await? else {
        return Ok(Reserve::Refused(Refusal::UnknownUser));
    };
    if let Some(key) = reservation.idempotency_key
        && let Some(outcome) = earlier_upload(session, reservation.user_id, key).await?
    {
        return Ok(outcome);
    }
    if limits.per_minute > 0 && tokens < 1.0 {
        let seconds = ((1.0 - tokens) * 60.0 / f64::from(limits.per_minute)).ceil().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 60")]
        return Ok(Reserve::Refused(Refusal::RateLimited { retry_after: seconds as u64 }));
    }
    let in_flight = take_token(session, reservation.user_id, tokens - 1.0).await?;
    if limits.in_flight > 0 && in_flight >= u64::from(limits.in_flight) {
        // Committed without its row: a refused upload counts for the rate.
        return Ok(Reserve::Refused(Refusal::TooManyInFlight { in_flight }));
    }
    insert_receiving(session, reservation).await?;
    Ok(Reserve::Reserved)
}

/// Locks the user's row, making one if it may, and returns the tokens in its bucket.
async fn lock_user(
    session: &mut Session,
    user_id: &str,
    limits: UploadLimits,
) -> Result<Option<f64>, DatabaseError> {
    const LOCK: &str = "-- reserve: lock_user
        SELECT least($2::float8, coalesce(upload_tokens, $2::float8)
            + greatest(extract(epoch FROM clock_timestamp() - upload_tokens_at)::float8, 0) * $2::float8 / 60) AS tokens
        FROM users WHERE id = $1 FOR NO KEY UPDATE";
    // Made or there already, it is locked afterwards: no erasure comes in between.
    const CREATE: &str = "-- reserve: create_user
        INSERT INTO users (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id";
    // A statement of its own, which sees what was erased while the one before waited.
    const RATE_BEFORE: &str = "-- reserve: rate_before_erasure
        UPDATE users SET upload_tokens = erased.upload_tokens, upload_tokens_at = erased.upload_tokens_at
        FROM erased_users AS erased
        WHERE users.id = $1 AND users.upload_tokens IS NULL AND erased.id_sha256 = sha256(convert_to($1, 'UTF8'))";
    let capacity = f64::from(limits.per_minute);
    if let Some(row) = session.optional(LOCK, &[&user_id, &capacity]).await? {
        return Ok(Some(tokens(&row)?.unwrap_or(capacity)));
    }
    if !limits.create_users {
        return Ok(None);
    }
    session.execute(CREATE, &[&user_id]).await?;
    session.execute(RATE_BEFORE, &[&user_id]).await?;
    let row = session.one(LOCK, &[&user_id, &capacity]).await?;
    Ok(Some(tokens(&row)?.unwrap_or(capacity)))
}

fn tokens(row: &Row) -> Result<Option<f64>, DatabaseError> {
    column(row, "tokens")
}

async fn earlier_upload(
    session: &mut Session,
    user_id: &str,
    key: &str,
) -> Result<Option<Reserve>, DatabaseError> {
    // A key is kept for a day; a request that died in the middle frees it when its lease runs out.
    let free = "-- reserve: free_old_key
        WITH expired AS (
            DELETE FROM uploads WHERE user_id = $1 AND idempotency_key = $2
                AND status = 'receiving' AND lease_until < now()
        )
        UPDATE uploads SET idempotency_key = NULL
        WHERE user_id = $1 AND idempotency_key = $2 AND status <> 'receiving' AND created_at < now() - interval '24 hours'";
    session.execute(free, &[&user_id, &key]).await?;
    let find = "-- reserve: earlier_upload
        SELECT id, status, content_sha256, crop FROM uploads WHERE user_id = $1 AND idempotency_key = $2";
    let Some(row) = session.optional(find, &[&user_id, &key]).await? else { return Ok(None) };
    if column::<&str>(&row, "status")? == UploadState::Receiving.as_str() {
        return Ok(Some(Reserve::Refused(Refusal::KeyInUse)));
    }
    Ok(Some(Reserve::Replay(EarlierUpload {
        id: UploadId(column(&row, "id")?),
        content_sha256: column::<Option<Vec<u8>>>(&row, "content_sha256")?.unwrap_or_default(),
        crop: column(&row, "crop")?,
    })))
}

/// Takes a token and counts the user's unfinished uploads.
async fn take_token(session: &mut Session, user_id: &str, left: f64) -> Result<u64, DatabaseError> {
    let sql = "-- reserve: take_token
        WITH taken AS (UPDATE users SET upload_tokens = greatest($2::float8, 0), upload_tokens_at = clock_timestamp() WHERE id = $1)
        SELECT count(*) AS in_flight FROM uploads WHERE user_id = $1
            AND (status IN ('queued', 'processing') OR (status = 'receiving' AND lease_until >= now()))";
    let row = session.one(sql, &[&user_id, &left]).await?;
    Ok(u64::try_from(column::<i64>(&row, "in_flight")?).unwrap_or_default())
}

async fn insert_receiving(session: &mut Session, reservation: &Reservation<'_>) -> Result<(), DatabaseError> {
    let sql = "-- reserve: insert_receiving
        INSERT INTO uploads (id, user_id, status, idempotency_key, lease_until, trace_context)
        VALUES ($1, $2, 'receiving', $3, now() + make_interval(secs => $4), $5)";
    let Reservation { id, user_id, idempotency_key, lease, trace_context } = reservation;
    session.execute(sql, &[&id.0, user_id, idempotency_key, &seconds(*lease), trace_context]).await?;
    Ok(())
}

/// Renews the lease of an upload whose bytes still flow. False: the row is gone.
///
/// # Errors
/// The database failed.
pub async fn renew_reservation(
    database: &Database,
    id: UploadId,
    lease: Duration,
) -> Result<bool, DatabaseError> {
    let sql = "-- renew_reservation
        UPDATE uploads SET lease_until = now() + make_interval(secs => $2)
        WHERE id = $1 AND status = 'receiving'";
    let work = async { database.session().await?.execute(sql, &[&id.0, &seconds(lease)]).await };
    Ok(database.within(work).await? == 1)
}

/// Takes a reservation back. `staged`: a put was begun, and the staged object is listed for deletion after so long, whether
/// or not the row was there. Without, nothing can be in the bucket, and nothing is left to be deleted.
///
/// # Errors
/// The database failed; the row goes when its lease runs out.
pub async fn forget_reservation(
    database: &Database,
    id: UploadId,
    staged: Option<Duration>,
) -> Result<(), DatabaseError> {
    let remove = "-- forget_reservation\nDELETE FROM uploads WHERE id = $1 AND status = 'receiving'";
    let unlist = "-- forget_reservation: unlist\nDELETE FROM object_deletions WHERE object_key = $1";
    let durability = if staged.is_some() { Durability::Durable } else { Durability::Relaxed };
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(durability).await?;
            let removed = session.execute(remove, &[&id.0]).await?;
            match staged {
                // Had the row gone before, its key may have been deleted before the put arrived.
                Some(wait) => list_staged(&mut session, id, wait).await?,
                None if removed == 1 => {
                    session.execute(unlist, &[&staged_key(id)]).await?;
                }
                None => {}
            }
            session.commit().await
        })
        .await
}
