//! `pfp-worker doctor`: database, bucket and queue compared both ways, beside a system that works.
//!
//! Everything is read page by page, in the order that rows and objects have in common, so that millions take no more
//! memory than a page. What seems amiss is read again before anything is said: between two reads a system that works
//! has moved on. [`catalogue`] names each kind of disagreement, what it means and what its repair does.
//!
//! A repair examines once more and mends what it finds as it was read, by compare-and-set; then it sweeps, and
//! examines again: only what is found right then counts as repaired.

mod broker;
mod bucket;
pub mod catalogue;
mod due;
pub mod findings;
mod objects;
mod orphans;
mod pictures;
mod uploads;
mod users;

use crate::{
    admin::{print, sweep_until_nothing_is_due, with_worker},
    config::WorkerConfig,
    listing,
    worker::Worker,
};
use anyhow::Context;
use catalogue::Kind;
use clap::Args;
use findings::{Findings, Purpose, Telling};
use pfp_shared::{
    dependencies::Dependency,
    queries,
    queue::{BrokerUri, Part, QueueTrouble, Queues, Topology, rebuild},
};
use std::{collections::BTreeMap, process::ExitCode};

/// Single objects that are looked at side by side.
const LOOKS_AT_ONCE: usize = 16;

/// What one repair uncovers the next one mends.
const ROUNDS: usize = 2;

/// The name of our connections.
const APPLICATION: &str = "pfp-worker doctor";

/// The command's options.
#[derive(Debug, Clone, Copy, Args)]
pub struct DoctorArgs {
    /// Repair what disagrees, and compare again.
    #[arg(long)]
    repair: bool,
    /// With --repair: also where suspiciously much would be deleted or given up.
    #[arg(long)]
    force: bool,
    /// Tell every disagreement, not only the first twenty of each kind.
    #[arg(long)]
    all: bool,
    /// Tell every disagreement as a line of JSON.
    #[arg(long)]
    json: bool,
    /// Only tell what can be found, what it means and what its repair does; needs no server.
    #[arg(long, conflicts_with_all = ["repair", "all", "json"])]
    kinds: bool,
    /// Rows and objects that are compared at once.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    page: u16,
}

/// One comparison of everything.
struct Examination<'a> {
    worker: &'a Worker,
    page: usize,
    broker: &'a BrokerUri,
    findings: Findings,
    /// Whether the jobs queue is there and says nothing.
    jobs_are_silent: bool,
    /// The highest generation in use.
    highest: i64,
}

impl DoctorArgs {
    /// Whether the catalogue is all that is asked for.
    #[must_use]
    pub const fn asks_for_kinds(&self) -> bool {
        self.kinds
    }
}

/// Tells the catalogue.
#[must_use]
pub fn tell_kinds() -> ExitCode {
    for kind in Kind::ALL {
        let (meaning, does) = (kind.meaning(), kind.what_repair_does());
        let word = if kind.is_remark() { "remark" } else { "repair" };
        print(&format!("{kind}: {meaning}; {word}: {does}"));
    }
    ExitCode::SUCCESS
}

/// Compares, tells what disagrees, and repairs it if that is asked for. Exit code 1: something disagrees.
///
/// # Errors
/// A dependency is out, or database and bucket don't belong together.
pub async fn doctor(config: WorkerConfig, args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let telling = Telling { all: args.all, json: args.json };
    let broker = BrokerUri::new(&config.connections)?;
    let topology = Topology::new(&config.connections.queue_prefix);
    // First of all: whoever connects in order to publish declares what is missing.
    let queues = broker::look(&broker, &topology).await.context("broker")?;
    let stores = [Dependency::Database, Dependency::Storage];
    let first = with_worker(config.clone(), APPLICATION, &stores, async |worker| {
        examine(worker, args, &broker, &queues, Purpose::Tell(telling)).await
    })
    .await?;
    first.sum_up(telling);
    if !args.repair || first.disagreements() == 0 {
        return Ok(verdict(&first));
    }
    rebuild(&broker, &topology, &queues).await.context("broker")?;
    let mut findings = first;
    with_worker(config, APPLICATION, &Dependency::ALL, async |worker| {
        for _ in 0..ROUNDS {
            repair(worker, args, &broker, &queues, &findings).await?;
            let queues = broker::look(&broker, &topology).await.context("broker")?;
            findings = examine(worker, args, &broker, &queues, Purpose::Tell(telling)).await?;
            if findings.disagreements() == 0 {
                break;
            }
        }
        findings.sum_up(telling);
        Ok(verdict(&findings))
    })
    .await
}

fn verdict(findings: &Findings) -> ExitCode {
    if findings.disagreements() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The order matters to a repair: what an upload names wrongly is taken from it before a user is asked for the upload
/// that is shown.
async fn examine(
    worker: &Worker,
    args: DoctorArgs,
    broker: &BrokerUri,
    queues: &Queues,
    purpose: Purpose,
) -> anyhow::Result<Findings> {
    let findings = Findings::new(purpose);
    let jobs_are_silent = queues.troubles.contains(&QueueTrouble::Silent(Part::Jobs));
    let page = usize::from(args.page);
    let mut examination = Examination { worker, page, broker, findings, jobs_are_silent, highest: 0 };
    if !examination.findings.repairs() {
        broker::tell(&mut examination.findings, worker.services.publisher.topology(), queues);
    }
    uploads::compare(&mut examination).await?;
    pictures::compare(&mut examination).await?;
    users::compare(&mut examination).await?;
    due::compare(&mut examination).await?;
    bucket::compare(&mut examination).await?;
    if !examination.findings.repairs() {
        worth_knowing(&mut examination).await?;
    }
    Ok(examination.findings)
}

/// What is no disagreement.
async fn worth_knowing(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let services = &examination.worker.services;
    for place in services.storage.elsewhere().await? {
        examination.findings.found(Kind::ForeignObject, &place, "isn't beneath pictures/ or staging/");
    }
    let (failed, _) = queries::count_failed(&services.database).await?;
    if failed > 0 {
        examination.findings.found(Kind::FailedUpload, &format!("{failed} uploads"), "their bytes are kept");
    }
    Ok(())
}

/// Mends what was found, where it isn't too much of it.
async fn repair(
    worker: &Worker,
    args: DoctorArgs,
    broker: &BrokerUri,
    queues: &Queues,
    found: &Findings,
) -> anyhow::Result<()> {
    let mut most = BTreeMap::new();
    for (kind, count) in found.counts().filter(|(kind, _)| !kind.is_remark()) {
        let allowed = found.most(kind).filter(|_| !args.force).unwrap_or(i64::MAX);
        if count > allowed {
            tracing::error!(
                kind = kind.as_str(),
                found = count,
                allowed,
                "too many to be repaired before somebody has looked: is this the right bucket, is the database \
                 complete? `pfp-worker doctor --repair --force` repairs them"
            );
        } else {
            most.insert(kind, allowed);
        }
    }
    let lists = most.contains_key(&Kind::DeletionHeld);
    examine(worker, args, broker, queues, Purpose::Repair(most)).await?;
    queries::hasten_deletions(&worker.services.database).await?;
    sweep_until_nothing_is_due(worker).await?;
    if lists {
        listing::list_if_due(worker, None, false).await?;
        sweep_until_nothing_is_due(worker).await?;
    }
    Ok(())
}
