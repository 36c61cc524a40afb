//! Accept: the transaction from which on an upload can't be lost, and what follows it.

use super::show::UploadRow;
use crate::{
    database::{Database, DatabaseError, Durability},
    upload::UploadId,
};

/// What is known of an upload once all its bytes are staged.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// The upload.
    pub id: UploadId,
    /// Whose it is.
    pub user_id: &'a str,
    /// Its bytes.
    pub size_bytes: u64,
    /// What its content is.
    pub content_type: &'a str,
    /// SHA-256 of its bytes.
    pub content_sha256: &'a [u8],
    /// The client's crop.
    pub crop: Option<&'a serde_json::Value>,
}

/// The second transaction, durable: under the user's row lock it takes the generation and makes the upload
/// `queued`. From here on it can't be lost. Returns when it was accepted; `None`: the row is gone, nothing was
/// accepted.
///
/// # Errors
/// The database failed. If the outcome is unknown, the row has to be read again.
pub async fn accept(
    database: &Database,
    accepted: &Accepted<'_>,
) -> Result<Option<UploadRow>, DatabaseError> {
    // The generation is taken for the row that the join yields, which is after the user's row was locked.
    let sql = "-- accept
        WITH owner AS (SELECT id FROM users WHERE id = $2 FOR NO KEY UPDATE)
        UPDATE uploads SET status = 'queued', generation = nextval('picture_generations'),
            size_bytes = $3, content_type = $4, content_sha256 = $5, crop = $6, lease_until = NULL,
            created_at = clock_timestamp(), updated_at = clock_timestamp(), run_after = clock_timestamp(),
            revision = revision + 1
        FROM owner WHERE uploads.id = $1 AND uploads.user_id = owner.id AND status = 'receiving'
        RETURNING uploads.id, status, attempts, size_bytes, content_type, picture_key, failure, revision, created_at,
            updated_at, finished_at";
    let Accepted { id, user_id, size_bytes, content_type, content_sha256, crop } = accepted;
    let size = i64::try_from(*size_bytes).unwrap_or(i64::MAX);
    let work = async {
        let mut session = database.session().await?;
        let row = session.optional(sql, &[&id.0, user_id, &size, content_type, content_sha256, crop]).await?;
        row.as_ref().map(UploadRow::read).transpose()
    };
    database.within(work).await
}

/// Notes that the broker has confirmed the message of an upload that was claimed so many times. Losing this costs a
/// duplicate message. Coming late, when the message was worked on meanwhile, it notes nothing: a retry that is to be
/// published would count as published.
///
/// # Errors
/// The database failed.
pub async fn mark_published(database: &Database, id: UploadId, claims: i32) -> Result<(), DatabaseError> {
    let sql = "-- mark_published
        UPDATE uploads SET published_at = now()
        WHERE id = $1 AND status = 'queued' AND claims = $2 AND published_at IS NULL";
    database
        .within(async {
            let mut session = database.session().await?;
            session.begin(Durability::Relaxed).await?;
            session.execute(sql, &[&id.0, &claims]).await?;
            session.commit().await
        })
        .await
}
