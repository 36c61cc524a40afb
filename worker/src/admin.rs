//! What an operator runs by hand.

use crate::{config::WorkerConfig, listing, sweep::sweep_once, worker::Worker};
use anyhow::{Context, bail};
use pfp_shared::{config::Connections, database, dependencies::Dependency, queries, services::Services};
use std::{io::Write, process::ExitCode, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long an operator's command waits for what it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Brings the schema up to date and says what was done.
///
/// # Errors
/// The database can't be reached, or a migration failed.
pub async fn migrate(connections: &Connections) -> anyhow::Result<ExitCode> {
    let applied = database::migrate(connections).await?;
    let mut out = std::io::stdout().lock();
    for migration in &applied {
        writeln!(out, "applied {migration}")?;
    }
    if applied.is_empty() {
        writeln!(out, "the schema is up to date (V{})", database::SCHEMA_VERSION)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Sweeps until nothing is due, lists the bucket, and deletes what that found.
///
/// # Errors
/// A dependency is out, or too many objects would be deleted.
pub async fn sweep(config: WorkerConfig, force: bool) -> anyhow::Result<ExitCode> {
    let services = Services::new(&config.connections, "pfp-worker sweep")?;
    let stop = CancellationToken::new();
    let worker = Worker::new(config, services.clone(), stop.clone());
    let watch = tokio::spawn(services.clone().watch("pfp-worker sweep", stop.clone()));
    let swept = tokio::select! {
        swept = sweep_fully(&worker, force) => swept,
        watched = watch => match watched? {
            Ok(()) => bail!("stopped"),
            Err(mismatch) => Err(mismatch.into()),
        },
    };
    stop.cancel();
    swept
}

async fn sweep_fully(worker: &Worker, force: bool) -> anyhow::Result<ExitCode> {
    let dependencies = &worker.services.dependencies;
    if tokio::time::timeout(PATIENCE, dependencies.wait_for(&Dependency::ALL)).await.is_err() {
        for dependency in Dependency::ALL {
            if let Some(reason) = dependencies.trouble(dependency) {
                bail!("{}: {reason}", dependency.as_str());
            }
        }
    }
    queries::hasten_deletions(&worker.services.database).await?;
    while sweep_once(worker).await? {}
    let listed = listing::list_if_due(worker, None, force).await?;
    while sweep_once(worker).await? {}
    let Some(found) = listed else { bail!("another worker is listing the bucket") };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} objects listed, {} named by no row", found.objects, found.unnamed)
        .context("standard output")?;
    Ok(if found.alarm { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
