//! What a run says of itself at its end.

use crate::{faults::Happened, promises::Promises};
use pfp_tests::system::TestSystem;
use std::{collections::BTreeMap, io::Write, time::Duration};

/// Figures of a run.
#[derive(Debug)]
pub(crate) struct Summary(Vec<(&'static str, String)>, Vec<String>);

/// How a run came to rest.
#[derive(Debug)]
pub(crate) struct Settled {
    /// How long after the last healing all was final.
    pub(crate) took: Duration,
    /// How long after the last healing every listed object was deleted.
    pub(crate) cleaned: Duration,
    /// Uploads by how they ended.
    pub(crate) ends: BTreeMap<String, usize>,
    /// Objects that no row names and no deletion, which only the listing finds.
    pub(crate) left_to_the_listing: usize,
}

impl Summary {
    pub(crate) async fn take(
        system: &TestSystem,
        minutes: f64,
        seed: u64,
        happened: &Happened,
        settled: Settled,
        promises: &Promises,
    ) -> Self {
        let number = async |sql: &str| system.database.count(sql).await;
        let claimed = number("SELECT coalesce(sum(claims), 0)::bigint FROM uploads").await;
        let counted = number("SELECT coalesce(sum(attempts), 0)::bigint FROM uploads").await;
        let done = number("SELECT count(*) FROM uploads WHERE claims > 0").await;
        let longest =
            "SELECT coalesce(max(extract(epoch FROM finished_at - created_at)), 0)::bigint FROM uploads";
        let published = logged(system, "\"published\"");
        let broken = promises.broken();
        let lines = vec![
            ("minutes", format!("{minutes}")),
            ("seed", seed.to_string()),
            ("uploads accepted", promises.accepted().to_string()),
            ("uploads by end", listed(settled.ends.iter().map(|(end, count)| (end.clone(), *count)))),
            ("answers", listed(promises.answers().into_iter())),
            ("faults", happened.total().to_string()),
            (
                "faults by kind",
                listed(happened.counts.iter().map(|(fault, count)| (fault.to_string(), *count))),
            ),
            ("longest freeze", format!("{:.1} s", happened.longest_freeze.as_secs_f64())),
            ("duplicates delivered, nothing to do", logged(system, "\"nothing to do\"").to_string()),
            ("messages published by sweepers", published.to_string()),
            ("claims beyond the first", (claimed - done).to_string()),
            ("attempts counted beyond the first", (counted - done).to_string()),
            ("longest from accepted to final", format!("{} s", number(longest).await)),
            ("final after the last healing", format!("{:.1} s", settled.took.as_secs_f64())),
            ("clean after the last healing", format!("{:.1} s", settled.cleaned.as_secs_f64())),
            ("objects left to the listing", settled.left_to_the_listing.to_string()),
            ("promises broken", broken.len().to_string()),
        ];
        Self(lines, broken)
    }

    pub(crate) fn print(&self) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        for (name, value) in &self.0 {
            writeln!(out, "{name:36} {value}")?;
        }
        self.1.iter().try_for_each(|broken| writeln!(out, "  {broken}"))
    }
}

fn listed(counts: impl Iterator<Item = (String, usize)>) -> String {
    counts.map(|(name, count)| format!("{name}: {count}")).collect::<Vec<_>>().join(", ")
}

/// How often the workers have logged this.
fn logged(system: &TestSystem, text: &str) -> usize {
    system.workers.iter().map(|worker| worker.log_text().matches(text).count()).sum()
}
