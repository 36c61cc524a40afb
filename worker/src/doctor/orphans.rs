//! Objects that no row seems to name, until it is sure.
//!
//! List first, ask second, and then once more: what is put after its row was taken away is listed for deletion by
//! whoever put it, a moment later. So a young object is asked about again after a lease, in which a worker that has
//! lost its job has noticed.

use super::{Examination, LOOKS_AT_ONCE, catalogue::Kind};
use futures_util::{StreamExt, stream};
use pfp_shared::{
    queries,
    storage::{PictureKey, STAGING_PREFIX, StorageError, StoredObject, staged_key},
    upload::UploadId,
};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// So many are kept in memory before it is waited for them.
const MOST: usize = 10_000;

/// What is older by the store's clock, however far that is off, was not put a moment ago.
const OLD: Duration = Duration::from_secs(3600);

/// Objects under suspicion.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    keys: Vec<String>,
    /// When the last young one was seen.
    young: Option<Instant>,
}

impl Suspects {
    /// Notes what was listed and then isn't named by any row.
    pub(super) async fn note(
        &mut self,
        examination: &mut Examination<'_>,
        objects: Vec<StoredObject>,
    ) -> anyhow::Result<()> {
        if objects.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = objects.iter().map(|object| object.key.clone()).collect();
        let unnamed = unnamed(examination, &keys).await?;
        let is_old = |object: &StoredObject| {
            SystemTime::now().duration_since(object.put_at).is_ok_and(|age| age > OLD)
        };
        if objects.iter().any(|object| !is_old(object) && unnamed.contains(&object.key)) {
            self.young = Some(Instant::now());
        }
        self.keys.extend(unnamed);
        if self.keys.len() >= MOST { self.settle(examination).await } else { Ok(()) }
    }

    /// Finds out which of them are orphans indeed.
    pub(super) async fn settle(&mut self, examination: &mut Examination<'_>) -> anyhow::Result<()> {
        if let Some(seen) = self.young.take() {
            tokio::time::sleep_until(seen + examination.worker.config.lease).await;
        }
        let keys = std::mem::take(&mut self.keys);
        for keys in keys.chunks(examination.page) {
            let unnamed = unnamed(examination, keys).await?;
            let mut listed = Vec::new();
            for key in still_there(examination, unnamed).await? {
                let (kind, detail) = judge(examination, &key).await?;
                if examination.findings.found(kind, &key, &detail) {
                    listed.push(key);
                }
            }
            queries::list_unnamed(&examination.worker.services.database, &listed).await?;
        }
        Ok(())
    }
}

async fn unnamed(examination: &Examination<'_>, keys: &[String]) -> anyhow::Result<Vec<String>> {
    let database = &examination.worker.services.database;
    let ask = async {
        let mut session = database.session().await?;
        queries::unnamed_keys(&mut session, keys).await
    };
    Ok(database.within(ask).await?)
}

/// Those that weren't deleted since they were listed.
async fn still_there(examination: &Examination<'_>, keys: Vec<String>) -> Result<Vec<String>, StorageError> {
    let storage = &examination.worker.services.storage;
    let looks = stream::iter(keys).map(|key| async move {
        match storage.size_of(&key).await {
            Ok(_) => Ok(Some(key)),
            Err(StorageError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    });
    let looked: Vec<_> = looks.buffered(LOOKS_AT_ONCE).collect().await;
    looked.into_iter().filter_map(Result::transpose).collect()
}

async fn judge(examination: &Examination<'_>, key: &str) -> anyhow::Result<(Kind, String)> {
    let Some(id) = key.strip_prefix(&format!("{STAGING_PREFIX}/")) else {
        return Ok(match PictureKey::parse(key) {
            Some(parsed) if parsed.as_str() == key => (Kind::OrphanPicture, "no row names it".to_owned()),
            _ => (Kind::StrangeObject, "its name isn't that of a picture".to_owned()),
        });
    };
    let id = id.parse::<UploadId>().ok().filter(|id| staged_key(*id) == key);
    let Some(id) = id else {
        return Ok((Kind::StrangeObject, "its name isn't that of an upload".to_owned()));
    };
    let state = queries::upload_state(&examination.worker.services.database, id).await?;
    Ok(match state {
        Some(state) => (Kind::StagedOfFinal, format!("the upload is {state}")),
        None => (Kind::OrphanStaged, "there is no such upload".to_owned()),
    })
}
