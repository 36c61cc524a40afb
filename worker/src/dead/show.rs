//! Telling what there is.

use super::{
    ListArgs,
    letters::{MessageId, beginning},
};
use crate::{admin::print, worker::Worker};
use pfp_shared::{
    queries::{self, FailedUpload},
    queue::{BrokerUri, DeadLetters, Topology},
    storage::{StorageError, staged_key},
    upload::UploadId,
};
use serde_json::{Value, json};
use std::process::ExitCode;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Bytes of a message that a line shows, and that a page of its own shows.
const LINE: usize = 80;
const PAGE: usize = 64 << 10;

/// Failed uploads, newest first, then messages.
pub(super) async fn list(worker: &Worker, broker: &BrokerUri, args: &ListArgs) -> anyhow::Result<ExitCode> {
    let database = &worker.services.database;
    let (failed, now) = queries::count_failed(database).await?;
    let newest = (now, UploadId(Uuid::max()));
    let before = match args.after {
        Some(id) => queries::failed_upload(database, id).await?.map(|upload| (upload.finished_at, id)),
        None => Some(newest),
    };
    let Some(before) = before else { anyhow::bail!("there is no failed upload of that id to go on after") };
    let page = i64::from(args.limit);
    let uploads = queries::failed_uploads(database, before, page).await?;
    if !args.json {
        print(&format!("{failed} failed uploads"));
    }
    for upload in &uploads {
        tell_upload(upload, args.json);
    }
    if let (false, true, Some(last)) = (args.json, uploads.len() as i64 == page, uploads.last()) {
        print(&format!("perhaps more: pfp-worker dead list --after {}", last.id));
    }
    list_messages(worker, broker, args).await?;
    Ok(ExitCode::SUCCESS)
}

fn tell_upload(upload: &FailedUpload, as_json: bool) {
    let at = rfc3339(upload.finished_at);
    let FailedUpload { id, user_id, attempts, size_bytes, code, detail, .. } = upload;
    if as_json {
        print(&json!({"id": id, "user_id": user_id, "failed_at": at, "attempts": attempts,
            "size_bytes": size_bytes, "code": code, "detail": detail}));
    } else {
        print(&format!("{id}  {at}  user {user_id}  {attempts} attempts  {code}: {detail}"));
    }
}

/// Their number, and the first bytes of each. Looking at them takes none away.
async fn list_messages(worker: &Worker, broker: &BrokerUri, args: &ListArgs) -> anyhow::Result<()> {
    let letters = DeadLetters::open(broker, worker.services.publisher.topology()).await?;
    let count = letters.count().await?;
    if !args.json {
        print(&format!("{count} messages that couldn't be read"));
    }
    for _ in 0..count.min(u32::from(args.limit)) {
        let Some(letter) = letters.next().await? else { break };
        let (id, bytes) = (MessageId::of(&letter.data), letter.data.len());
        let begins = beginning(&letter.data, LINE);
        if args.json {
            print(&json!({"id": id.to_string(), "bytes": bytes, "begins": begins}));
        } else {
            print(&format!("{id}  {bytes} bytes  {begins}"));
        }
    }
    letters.close().await;
    Ok(())
}

/// A row, column by column, and what is staged for it.
pub(super) async fn upload(worker: &Worker, id: UploadId) -> anyhow::Result<ExitCode> {
    let Some(Value::Object(row)) = queries::whole_upload(&worker.services.database, id).await? else {
        anyhow::bail!(
            "there is no upload {id}: it never was, or was removed by the retention or with its user"
        );
    };
    for (column, value) in &row {
        match value {
            Value::String(text) => print(&format!("{column}: {text}")),
            value => print(&format!("{column}: {value}")),
        }
    }
    let key = staged_key(id);
    match worker.services.storage.size_of(&key).await {
        Ok(size) => print(&format!("{key}: {size} bytes")),
        Err(StorageError::NotFound(_)) => print(&format!("{key}: not in the storage")),
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// A message, whole.
pub(super) async fn message(broker: &BrokerUri, prefix: &str, id: &MessageId) -> anyhow::Result<ExitCode> {
    let letters = DeadLetters::open(broker, &Topology::new(prefix)).await?;
    for _ in 0..letters.count().await? {
        let Some(letter) = letters.next().await? else { break };
        if MessageId::of(&letter.data) != *id {
            continue;
        }
        print(&format!("bytes: {}", letter.data.len()));
        print(&format!("properties: {:?}", letter.properties));
        print(&format!("content: {}", beginning(&letter.data, PAGE)));
        letters.close().await;
        return Ok(ExitCode::SUCCESS);
    }
    letters.close().await;
    anyhow::bail!("there is no {id} among the messages that couldn't be read")
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
