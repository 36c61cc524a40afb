//! Every key of a picture that a row names, beside the pictures of the bucket, both in the order of keys. The order
//! only saves asking: what it makes look amiss is asked for by itself before anything is said.

use super::{Examination, LOOKS_AT_ONCE, catalogue::Kind, objects::Objects, orphans::Suspects};
use futures_util::{StreamExt, TryStreamExt, stream};
use pfp_shared::{
    queries::{self, NamedPicture},
    storage::{PICTURES_PREFIX, PictureKey, StorageError, StoredObject},
};
use std::collections::BTreeMap;

/// Compares them.
pub(super) async fn compare(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    let (page, mut after) = (examination.page, String::new());
    let mut pictures = Objects::of(&services.storage, PICTURES_PREFIX).await?;
    let mut suspects = Suspects::default();
    loop {
        let named = queries::named_pictures(&services.database, &after, page as i64).await?;
        let last = if named.len() == page { named.last().map(|picture| picture.key.clone()) } else { None };
        let named = named.into_iter().map(|picture| (picture.key.clone(), picture)).collect();
        let fits = |picture: &NamedPicture, object: &StoredObject| !picture.is_shown || object.size > 0;
        let amiss = pictures.beside(named, last.as_deref(), fits, &mut suspects, examination).await?;
        let amiss: Vec<_> =
            amiss.into_iter().filter(|picture| picture.is_shown).map(|picture| picture.key).collect();
        for keys in amiss.chunks(page) {
            pictures_amiss(examination, keys).await?;
        }
        let Some(last) = last else { break };
        after = last;
    }
    suspects.settle(examination).await
}

/// A user named the picture, then the object is looked at, then the users are asked again: no key is ever named anew,
/// so who shows it before and after has shown it all the time.
async fn pictures_amiss(examination: &mut Examination<'_>, keys: &[String]) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    let looks = stream::iter(keys).map(async |key| {
        if PictureKey::parse(key).is_none() {
            return Ok((key.clone(), None));
        }
        match services.storage.size_of(key).await {
            Ok(size) => Ok((key.clone(), Some(size))),
            Err(StorageError::NotFound(_)) => Ok((key.clone(), None)),
            Err(error) => Err(error),
        }
    });
    let sizes: BTreeMap<String, Option<u64>> = looks.buffer_unordered(LOOKS_AT_ONCE).try_collect().await?;
    for shown in queries::users_showing(&services.database, keys).await? {
        let (kind, detail) = match sizes.get(&shown.key) {
            Some(Some(0)) => (Kind::EmptyPicture, format!("{} has no bytes", shown.key)),
            Some(None) => (Kind::DanglingPicture, format!("{} isn't in the storage", shown.key)),
            _ => continue,
        };
        if examination.findings.found(kind, &format!("user {}", shown.user_id), &detail) {
            queries::clear_shown_picture(&services.database, &shown).await?;
        }
    }
    Ok(())
}
