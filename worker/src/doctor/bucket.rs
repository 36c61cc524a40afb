//! The bucket's own rules.

use super::{Examination, catalogue::Kind};
use pfp_shared::storage::{STAGING_PREFIX, StorageError};

/// Whether the bucket has our rule. Where we mayn't ask, whoever runs the store answers for it.
pub(super) async fn compare(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let worker = examination.worker;
    let (storage, retention) = (&worker.services.storage, worker.config.retention);
    let has_rule = match storage.has_staging_rule(retention).await {
        Err(StorageError::PermissionDenied(_)) => true,
        other => other?,
    };
    if !has_rule
        && examination.findings.found(Kind::StagingRule, &format!("{STAGING_PREFIX}/"), "no such rule")
    {
        storage.keep_staging_rule(retention).await?;
    }
    Ok(())
}
