//! The bucket in the order of its keys, to be laid beside rows in the same order.

use super::{Examination, orphans::Suspects};
use futures_util::{
    StreamExt,
    stream::{BoxStream, Peekable},
};
use pfp_shared::storage::{Storage, StorageError, StoredObject};
use std::{collections::BTreeMap, pin::Pin};

/// The objects of a prefix that are still to be compared.
pub(super) struct Objects(Peekable<BoxStream<'static, Result<StoredObject, StorageError>>>);

impl Objects {
    /// From the beginning.
    pub(super) async fn of(storage: &Storage, prefix: &str) -> Result<Self, StorageError> {
        Ok(Self(storage.objects(prefix).await?.peekable()))
    }

    /// Lays the objects up to a key, the last of a page of rows (`None`: there are no more rows), beside what those rows
    /// name. Objects that no row names become suspects; returned are the rows whose objects are missing or don't fit.
    pub(super) async fn beside<T>(
        &mut self,
        mut named: BTreeMap<String, T>,
        last: Option<&str>,
        fits: impl Fn(&T, &StoredObject) -> bool,
        suspects: &mut Suspects,
        examination: &mut Examination<'_>,
    ) -> anyhow::Result<Vec<T>> {
        let mut amiss = Vec::new();
        loop {
            let objects = self.up_to(last, examination.page).await?;
            if objects.is_empty() {
                break;
            }
            examination.findings.objects += objects.len() as i64;
            let mut unnamed = Vec::new();
            for object in objects {
                match named.remove(&object.key) {
                    Some(row) if !fits(&row, &object) => amiss.push(row),
                    Some(_) => {}
                    None => unnamed.push(object),
                }
            }
            suspects.note(examination, unnamed).await?;
        }
        amiss.extend(named.into_values());
        Ok(amiss)
    }

    /// The next ones up to that key, at most `most` of them: asked until there are none, it keeps memory flat however many
    /// lie between two rows.
    async fn up_to(&mut self, last: Option<&str>, most: usize) -> Result<Vec<StoredObject>, StorageError> {
        let mut objects = Vec::new();
        while objects.len() < most {
            let is_next = |object: &Result<StoredObject, StorageError>| match (object, last) {
                (Ok(object), Some(last)) => object.key.as_str() <= last,
                _ => true,
            };
            match Pin::new(&mut self.0).next_if(is_next).await {
                Some(object) => objects.push(object?),
                None => break,
            }
        }
        Ok(objects)
    }
}
