//! What should have been done long ago, and what is said nowhere else: deletions of what is named, the sequence.

use super::{Examination, catalogue::Kind};
use anyhow::Context;
use pfp_shared::{
    queries::{self, Overdue},
    queue::nothing_is_ready,
};
use std::time::Duration;

/// How many of each kind are shown; the others are counted.
const SHOWN: i64 = 20;

/// Compares them. A sweep repairs what it finds, at the end.
pub(super) async fn compare(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    named_deletions(examination).await?;
    sequence(examination).await?;
    let suspected = overdue(examination).await?;
    if suspected.is_empty() {
        return Ok(());
    }
    // Where sweepers are behind, the oldest are gone after a few sweeps; where there are none, they stay.
    let config = &examination.worker.config;
    tokio::time::sleep(config.lease.max(config.sweep_interval * 2)).await;
    let again = overdue(examination).await?;
    for overdue in &again {
        let was_seen = |seen: &&Overdue| (&seen.kind, &seen.subject, seen.since) == key_of(overdue);
        let Some(kind) = Kind::from_name(&overdue.kind) else { continue };
        if suspected.iter().find(was_seen).is_some() {
            let since = overdue.since.replace_nanosecond(0).unwrap_or(overdue.since);
            let note = overdue.note.as_deref().map(|note| format!(", {note}")).unwrap_or_default();
            examination.findings.found(kind, &overdue.subject, &format!("since {since}{note}"));
        }
    }
    for kind in Kind::ALL {
        let shown = again.iter().filter(|overdue| overdue.kind == kind.as_str());
        let total = shown.clone().map(|overdue| overdue.total).max().unwrap_or_default();
        let told = examination.findings.counts().any(|(found, _)| found == *kind);
        if told {
            examination.findings.and_more(*kind, total - shown.count() as i64);
        }
    }
    Ok(())
}

fn key_of(overdue: &Overdue) -> (&String, &String, time::OffsetDateTime) {
    (&overdue.kind, &overdue.subject, overdue.since)
}

async fn overdue(examination: &Examination<'_>) -> anyhow::Result<Vec<Overdue>> {
    let (services, config) = (&examination.worker.services, &examination.worker.config);
    let database = &services.database;
    // Right before the rows: a backlog may have formed since anybody looked last.
    let now = services.check_database().await?;
    let is_empty = nothing_is_ready(examination.broker, services.publisher.topology()).await;
    let is_empty = match is_empty {
        // It says nothing of its messages either.
        Err(_) if examination.jobs_are_silent => false,
        answer => answer.context("broker")?,
    };
    let grace = (config.lease * 2).max(config.sweep_interval * 10).max(Duration::from_secs(60));
    // A listing that broke off is gone on with after a minute, or begun anew after the interval.
    let held = config.listing_interval * 2 + Duration::from_secs(600);
    let mut overdue = queries::overdue_uploads(database, grace, is_empty.then_some(now), SHOWN).await?;
    overdue.extend(queries::overdue_deletions(database, grace, held, SHOWN).await?);
    Ok(overdue)
}

/// Rows and deletions come from one snapshot, and what is named once is never named again: nothing to ask twice.
async fn named_deletions(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let database = &examination.worker.services.database;
    let mut after = String::new();
    loop {
        let (last, named) = queries::named_deletions(database, &after, examination.page as i64).await?;
        let mut struck = Vec::new();
        for key in named {
            if examination.findings.found(Kind::NamedDeletion, &key, "a row names it") {
                struck.push(key);
            }
        }
        if !struck.is_empty() {
            queries::strike_off_named(database, &struck).await?;
        }
        match last {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Read after the generations: the sequence never goes back.
async fn sequence(examination: &mut Examination<'_>) -> anyhow::Result<()> {
    let database = &examination.worker.services.database;
    let queries::Sequence(last) = queries::sequence(database).await?;
    let highest = examination.highest;
    if highest > last {
        let detail = format!("{last} was given last, {highest} is in use");
        if examination.findings.found(Kind::SequenceBehind, "picture_generations", &detail) {
            queries::raise_sequence(database, highest).await?;
        }
    }
    Ok(())
}
