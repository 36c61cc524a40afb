//! What a folder needs and a bucket doesn't: a put that was killed leaves a file named `key#1`.

use super::{PICTURES_PREFIX, STAGING_PREFIX, Storage};
use crate::config::StorageLocation;
use std::{path::Path, time::Duration};

/// A file that is still being written is younger than this.
const LEFT_OVER_AFTER: Duration = Duration::from_secs(600);

impl Storage {
    /// Removes files that killed puts left behind. They are no objects: nothing lists or serves them.
    pub async fn remove_left_over_parts(&self) {
        let StorageLocation::Folder(root) = &self.location else { return };
        for prefix in [STAGING_PREFIX, PICTURES_PREFIX] {
            let folder = root.join(prefix);
            if let Err(error) = remove_old_parts(&folder).await
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, folder = %folder.display(), "left-over files stay");
            }
        }
    }
}

async fn remove_old_parts(folder: &Path) -> std::io::Result<()> {
    let mut entries = tokio::fs::read_dir(folder).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        let is_part = name.to_string_lossy().rsplit_once('#').is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let is_old = entry.metadata().await?.modified()?.elapsed().is_ok_and(|age| age > LEFT_OVER_AFTER);
        if is_part && is_old {
            tokio::fs::remove_file(entry.path()).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_old_files_of_killed_puts_are_removed() {
        let folder = std::env::temp_dir().join(format!("pfp-left-over-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        let old = std::time::SystemTime::now() - 2 * LEFT_OVER_AFTER;
        for name in ["a.jpg", "a.jpg#1", "b.jpg#12", "c#x"] {
            std::fs::File::create(folder.join(name)).unwrap().set_modified(old).unwrap();
        }
        std::fs::write(folder.join("young.jpg#1"), b"").unwrap();
        remove_old_parts(&folder).await.unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, ["a.jpg", "c#x", "young.jpg#1"]);
    }
}
