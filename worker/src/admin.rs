//! What an operator runs by hand, and how the other commands get at what they need.

use crate::{
    config::WorkerConfig,
    listing::{self, Listed, Listing},
    sweep::{Swept, sweep_once},
    worker::Worker,
};
use anyhow::{Context, bail};
use pfp_shared::{config::Connections, database, dependencies::Dependency, queries, services::Services};
use std::{
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How long an operator's command waits for what it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it asks for what it waits for.
const PAUSE: Duration = Duration::from_millis(500);

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

/// Does something with a worker that consumes nothing, once what it needs is up. Without the broker among that, nobody
/// connects to it.
///
/// # Errors
/// Something that is needed is out, or database and bucket don't belong together; or the work's own.
pub(crate) async fn with_worker<T>(
    config: WorkerConfig,
    application: &'static str,
    needed: &[Dependency],
    work: impl AsyncFnOnce(&Worker) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let services = Services::new(&config.connections, application)?;
    let stop = CancellationToken::new();
    let worker = Worker::new(config, services.clone(), stop.clone());
    let (watched, publishes) = (stop.clone(), needed.contains(&Dependency::Broker));
    let watch = tokio::spawn(async move {
        if publishes {
            services.watch(application, watched).await
        } else {
            services.watch_stores(&watched).await
        }
    });
    let done = tokio::select! {
        done = async {
            wait_for(&worker, needed).await?;
            work(&worker).await
        } => done,
        watched = watch => match watched? {
            Ok(()) => bail!("stopped"),
            Err(mismatch) => Err(mismatch.into()),
        },
    };
    stop.cancel();
    done
}

async fn wait_for(worker: &Worker, needed: &[Dependency]) -> anyhow::Result<()> {
    let dependencies = &worker.services.dependencies;
    if tokio::time::timeout(PATIENCE, dependencies.wait_for(needed)).await.is_err() {
        for dependency in needed {
            if let Some(reason) = dependencies.trouble(*dependency) {
                bail!("{}: {reason}", dependency.as_str());
            }
        }
    }
    Ok(())
}

/// Sweeps until nothing is due, lists the bucket, and deletes what that found.
///
/// # Errors
/// A dependency is out, or another worker lists the bucket and doesn't come to an end.
pub async fn sweep(config: WorkerConfig, force: bool) -> anyhow::Result<ExitCode> {
    with_worker(config, "pfp-worker sweep", &Dependency::ALL, async |worker| {
        queries::hasten_deletions(&worker.services.database).await?;
        let mut swept = sweep_until_nothing_is_due(worker).await?;
        let found = list(worker, force).await?;
        swept += sweep_until_nothing_is_due(worker).await?;
        tell(swept, found).context("standard output")
    })
    .await
}

/// Sweeps until there is nothing more to do. A job whose worker fell silent is taken from it only when the database
/// was up for a lease, in which the worker could have come back: that is waited for.
pub(crate) async fn sweep_until_nothing_is_due(worker: &Worker) -> anyhow::Result<Swept> {
    let mut swept = Swept::default();
    let end = Instant::now() + PATIENCE + worker.config.lease * 2;
    loop {
        let once = sweep_once(worker).await?;
        swept += once;
        if once.more {
            continue;
        }
        let up_for = worker.services.dependencies.up_for(Dependency::Database);
        let wait = worker.config.lease.saturating_sub(up_for);
        if wait.is_zero() || queries::lost_claims(&worker.services.database).await? == 0 {
            return Ok(swept);
        }
        if Instant::now() > end {
            bail!(
                "the database is out again and again: jobs of silent workers can't be told from those of an outage"
            );
        }
        tokio::time::sleep(wait).await;
    }
}

/// Lists the bucket, however long that takes, after another worker that does so just now.
async fn list(worker: &Worker, force: bool) -> anyhow::Result<Listed> {
    let (mut waiting_since, mut seen) = (Instant::now(), None);
    loop {
        let reason = match listing::list_if_due(worker, None, force).await? {
            Listing::Done(listed) => return Ok(listed),
            Listing::Stopped => bail!("stopped within the listing; the next one goes on where it was"),
            Listing::NotDue => {
                "another worker lists the bucket now, and deletes what no row names: sweep again later"
            }
            Listing::StorageOut => "the storage went out before the bucket was listed: sweep again later",
        };
        // Another worker that gets on is waited for.
        let progress = queries::listing_progress(&worker.services.database).await?;
        if seen.as_ref() != Some(&progress) {
            (waiting_since, seen) = (Instant::now(), Some(progress));
        }
        if waiting_since.elapsed() > PATIENCE {
            bail!(reason);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn tell(swept: Swept, found: Listed) -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "swept: {swept}")?;
    writeln!(out, "{} objects listed, {} named by no row", found.objects, found.unnamed)?;
    if found.alarm {
        writeln!(
            out,
            "these are suspiciously many and none was deleted; `pfp-worker sweep --force` does it"
        )?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A line to standard output. One that is closed early, as by `head`, has read enough.
pub(crate) fn print(line: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
