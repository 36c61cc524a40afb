//! Every upload, in the order of ids, beside what is staged, in the same order.

use super::{Examination, LOOKS_AT_ONCE, catalogue::Kind, objects::Objects, orphans::Suspects};
use crate::settle::bytes_gone;
use futures_util::{StreamExt, TryStreamExt, stream};
use pfp_shared::{
    queries::{self, CheckedUpload, Claim, NeedsStaged, Release, StagedNeed},
    storage::{STAGING_PREFIX, StorageError, StoredObject, staged_key},
    upload::UploadId,
};
use std::{collections::BTreeMap, time::Duration};
use uuid::Uuid;

/// Compares them.
pub(super) async fn compare(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    let (page, mut after) = (examination.page, Uuid::nil());
    let mut staged = Objects::of(&services.storage, STAGING_PREFIX).await?;
    let mut suspects = Suspects::default();
    loop {
        let uploads = queries::checked_uploads(&services.database, after, page as i64).await?;
        examination.findings.uploads += uploads.len() as i64;
        for upload in &uploads {
            examination.highest = examination.highest.max(upload.generation);
        }
        unshown_pictures(examination, &uploads).await?;
        // Only a full page has more after it; behind the last row come all objects that are left.
        let last = if uploads.len() == page { uploads.last().map(|upload| upload.id) } else { None };
        let named = uploads
            .into_iter()
            .filter(|upload| upload.staged != StagedNeed::Unneeded)
            .map(|upload| (staged_key(upload.id), upload))
            .collect();
        let fits = |upload: &CheckedUpload, object: &StoredObject| {
            upload.staged != StagedNeed::Needed || upload.size_bytes == object.size
        };
        let bound = last.map(staged_key);
        let amiss = staged.beside(named, bound.as_deref(), fits, &mut suspects, examination).await?;
        let needed = amiss.iter().filter(|upload| upload.staged == StagedNeed::Needed);
        let amiss: Vec<_> = needed.map(|upload| upload.id.0).collect();
        for ids in amiss.chunks(page) {
            staged_amiss(examination, ids).await?;
        }
        let Some(last) = last else { break };
        after = last.0;
    }
    suspects.settle(examination).await
}

/// The row was read, then the object is looked at, then the row is read again: an upload that needs its bytes before
/// and after needed them all the time.
async fn staged_amiss(examination: &mut Examination<'_>, ids: &[Uuid]) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    let looks = stream::iter(ids).map(async |id| {
        let key = staged_key(UploadId(*id));
        match services.storage.size_of(&key).await {
            Ok(size) => Ok((*id, Some(size))),
            Err(StorageError::NotFound(_)) => Ok((*id, None)),
            Err(error) => Err(error),
        }
    });
    let sizes: BTreeMap<Uuid, Option<u64>> = looks.buffer_unordered(LOOKS_AT_ONCE).try_collect().await?;
    for upload in queries::need_staged(&services.database, ids).await? {
        let (kind, detail) = match sizes.get(&upload.id.0) {
            Some(Some(size)) if *size != upload.size_bytes => {
                (Kind::StagedSize, format!("{size} bytes of {}", upload.size_bytes))
            }
            Some(None) => (Kind::StagedMissing, "the file isn't in the storage".to_owned()),
            _ => continue,
        };
        let detail = format!("{}, {detail}", upload.status);
        if examination.findings.found(kind, &upload.id.to_string(), &detail) {
            fail(examination, &upload).await?;
        }
    }
    Ok(())
}

/// Makes an upload failed whose bytes are gone, by the only way there: it is claimed first, and so taken from nobody.
/// One that a worker holds is left to it.
async fn fail(examination: &Examination<'_>, upload: &NeedsStaged) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    let failure = bytes_gone();
    let changed = if upload.status == "failed" {
        queries::mark_bytes_gone(&services.database, upload.id, &failure).await?
    } else {
        // It is claimed before its turn: what was sent before it isn't lost for that.
        queries::unpublish(&services.database, &[upload.id]).await?;
        let lease = examination.worker.config.lease;
        let claim = Claim {
            token: Uuid::new_v4(),
            unanswered: &[],
            lease,
            max_attempts: u32::MAX,
            silent_before: Some(services.check_database().await?),
            alone: true,
        };
        match queries::claim(&services.database, upload.id, claim).await?.job() {
            Some(job) => {
                let (delay, put_settles) = (Duration::ZERO, Duration::ZERO);
                let release = Release { give_back: false, delay, put_settles, max_attempts: 0 };
                queries::release(&services.database, &job, release, &failure).await? == Some(true)
            }
            None => false,
        }
    };
    if changed {
        services.tell_changed(&[upload.id]).await;
    }
    Ok(())
}

async fn unshown_pictures(
    examination: &mut Examination<'_>,
    uploads: &[CheckedUpload],
) -> anyhow::Result<()> {
    let mut ids = Vec::new();
    for upload in uploads {
        let Some(key) = &upload.unshown else { continue };
        let detail = format!("{key} isn't the picture of user {}", upload.user_id);
        if examination.findings.found(Kind::UnshownPicture, &upload.id.to_string(), &detail) {
            ids.push(upload.id.0);
        }
    }
    if !ids.is_empty() {
        queries::clear_unshown(&examination.worker.services.database, &ids).await?;
    }
    Ok(())
}
