//! Trying again what was given up: a failed upload is queued again with its old generation, so that its user's later
//! pictures stay, and counts as unfinished again. Limits of users aren't asked: they are for clients.

use super::{Chosen, Id, letters::MessageId};
use crate::{admin::print, worker::Worker};
use futures_util::{StreamExt, TryStreamExt, stream};
use pfp_shared::{
    job::Job,
    queries::{self, FailedUpload, ReplayedUpload},
    queue::{BrokerUri, DeadLetters},
    storage::{StorageError, staged_key},
    upload::UploadId,
};
use std::process::ExitCode;
use uuid::Uuid;

/// Uploads in one statement, and objects that are looked at side by side.
const BATCH: i64 = 200;
const LOOKS_AT_ONCE: usize = 16;

/// What came of it.
#[derive(Debug, Default)]
struct Replayed {
    uploads: usize,
    messages: usize,
    /// Uploads whose bytes are gone, or that weren't failed any more; messages that can't be read.
    left: usize,
}

/// Replays the chosen ones. Exit code 1: something that was asked for stays as it was.
pub(super) async fn replay(worker: &Worker, broker: &BrokerUri, chosen: &Chosen) -> anyhow::Result<ExitCode> {
    let mut replayed = Replayed::default();
    match &chosen.id {
        Some(Id::Upload(id)) => one(worker, *id, &mut replayed).await?,
        Some(Id::Message(id)) => messages(worker, broker, Some(id), &mut replayed).await?,
        None => {
            all_uploads(worker, &mut replayed).await?;
            messages(worker, broker, None, &mut replayed).await?;
        }
    }
    let Replayed { uploads, messages, left } = replayed;
    print(&format!(
        "{uploads} uploads queued again, {messages} messages sent again, {left} left as they were"
    ));
    let nothing = uploads + messages == 0 && !chosen.all;
    Ok(if left > 0 || nothing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn one(worker: &Worker, id: UploadId, replayed: &mut Replayed) -> anyhow::Result<()> {
    let database = &worker.services.database;
    match queries::failed_upload(database, id).await? {
        Some(upload) => batch(worker, &[upload], replayed).await,
        None => match queries::upload_state(database, id).await? {
            Some(state) => anyhow::bail!("{id} is {state}: only what is failed can be replayed"),
            None => anyhow::bail!("there is no upload {id}: it never was, or was removed since"),
        },
    }
}

/// All that are failed now, newest first: one that fails again meanwhile isn't taken twice.
async fn all_uploads(worker: &Worker, replayed: &mut Replayed) -> anyhow::Result<()> {
    let database = &worker.services.database;
    let (_, now) = queries::count_failed(database).await?;
    let mut before = (now, UploadId(Uuid::max()));
    loop {
        let page = queries::failed_uploads(database, before, BATCH).await?;
        let Some(last) = page.last() else { return Ok(()) };
        before = (last.finished_at, last.id);
        batch(worker, &page, replayed).await?;
    }
}

/// The bytes are looked for first: while an upload is failed, only the retention takes them, and the row with them.
async fn batch(worker: &Worker, uploads: &[FailedUpload], replayed: &mut Replayed) -> anyhow::Result<()> {
    let looks = stream::iter(uploads).map(async |upload| {
        match worker.services.storage.size_of(&staged_key(upload.id)).await {
            Ok(size) => Ok((upload, Some(size))),
            Err(StorageError::NotFound(_)) => Ok((upload, None)),
            Err(error) => Err(error),
        }
    });
    let looked: Vec<_> = looks.buffered(LOOKS_AT_ONCE).try_collect().await?;
    let mut ids = Vec::new();
    for (upload, size) in looked {
        match size {
            Some(size) if size == upload.size_bytes => ids.push(upload.id.0),
            Some(size) => {
                print(&format!("{}: damaged, {size} bytes of {} are kept", upload.id, upload.size_bytes));
            }
            None => print(&format!("{}: its file is gone, it has to be uploaded again", upload.id)),
        }
    }
    let queued = queries::replay_failed(&worker.services.database, &ids).await?;
    replayed.uploads += queued.len();
    replayed.left += uploads.len() - queued.len();
    publish(worker, &queued).await
}

/// What can't be published now is left to the sweepers.
async fn publish(worker: &Worker, queued: &[ReplayedUpload]) -> anyhow::Result<()> {
    let services = &worker.services;
    let mut unconfirmed = Vec::new();
    for upload in queued {
        let context = upload.trace_context.as_deref();
        if services.publisher.publish(&Job::new(upload.id), context).await.is_err() {
            unconfirmed.push(upload.id);
        }
    }
    if !unconfirmed.is_empty() {
        queries::unpublish(&services.database, &unconfirmed).await?;
    }
    let ids: Vec<_> = queued.iter().map(|upload| upload.id).collect();
    services.tell_changed(&ids).await;
    Ok(())
}

/// Messages that can be read after all, such as those that the broker set aside by itself, are sent again; their rows
/// say whether there is anything to do.
async fn messages(
    worker: &Worker,
    broker: &BrokerUri,
    chosen: Option<&MessageId>,
    replayed: &mut Replayed,
) -> anyhow::Result<()> {
    let letters = DeadLetters::open(broker, worker.services.publisher.topology()).await?;
    for _ in 0..letters.count().await? {
        let Some(letter) = letters.next().await? else { break };
        let id = MessageId::of(&letter.data);
        if chosen.is_some_and(|chosen| *chosen != id) {
            continue;
        }
        match Job::decode(&letter.data) {
            Ok(job) => {
                worker.services.publisher.publish(&job, None).await?;
                letters.drop_for_good(&letter).await?;
                replayed.messages += 1;
            }
            Err(error) => {
                print(&format!("{id}: {error}; `pfp-worker dead discard {id}` drops it"));
                replayed.left += 1;
            }
        }
    }
    letters.close().await;
    Ok(())
}
