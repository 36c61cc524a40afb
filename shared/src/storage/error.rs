//! What can go wrong with the object store, told apart by what to do about it.

/// An error of the object store.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object. Or the bucket is a wrong one, as its marker tells.
    #[error("no such object: {0}")]
    NotFound(String),
    /// The store refused our credentials or rights.
    #[error("the storage refuses us: {0}")]
    PermissionDenied(String),
    /// The store doesn't answer, or answers that it can't now.
    #[error("the storage is not available: {0}")]
    Unavailable(String),
    /// The object is larger than what was asked for.
    #[error("the object has {actual} bytes, more than the {limit} that are taken")]
    TooLarge {
        /// The object's size in bytes.
        actual: u64,
        /// The most that is taken, in bytes.
        limit: u64,
    },
    /// Anything else.
    #[error("the storage failed: {0}")]
    Other(String),
}

impl StorageError {
    /// Whether the store is at fault and trying again later can help.
    #[must_use]
    pub fn is_dependency_fault(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::PermissionDenied(_))
    }
}

impl From<object_store::Error> for StorageError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as Store;
        let text = plain(&error.to_string());
        match error {
            Store::NotFound { .. } if text.contains("NoSuchBucket") => Self::Unavailable(text),
            Store::NotFound { path, .. } => Self::NotFound(path),
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => Self::PermissionDenied(text),
            // Everything that retries didn't help against: refused connections, time-outs, 5xx answers.
            Store::Generic { .. } | Store::JoinError { .. } => Self::Unavailable(text),
            _ => Self::Other(text),
        }
    }
}

/// One line, without what a signed request carries in its query.
fn plain(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find("X-Amz-") {
        Some(at) => format!("{}[signature removed]", line.get(..at).unwrap_or_default()),
        None => line,
    }
}
