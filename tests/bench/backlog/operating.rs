//! What an operator's commands take: time, and memory at its highest.

use pfp_tests::{
    process::{Process, binary},
    system::TestSystem,
};
use serde_json::Value;
use std::{
    process::{Output, Stdio},
    time::{Duration, Instant},
};
use tokio::process::Command;

/// Between two looks at a command's memory, of which the highest is kept for us.
const PAUSE: Duration = Duration::from_millis(2);

/// What a system's sweep and doctor took.
#[derive(Debug)]
pub(crate) struct Operated {
    /// The whole command.
    pub(crate) sweep: Duration,
    /// From the first page of the listing that was compared to its end.
    pub(crate) listing: Duration,
    /// Objects that were listed.
    pub(crate) objects: u64,
    /// The whole command.
    pub(crate) doctor: Duration,
    /// Bytes.
    pub(crate) memory: u64,
    pub(crate) verdict: String,
}

struct Ran {
    output: Output,
    took: Duration,
    memory: u64,
}

/// Sweeps, then examines.
pub(crate) async fn operate(system: &TestSystem) -> pfp_tests::Result<Operated> {
    let swept = run(system, &["sweep"]).await?;
    if !swept.output.status.success() {
        return Err(String::from_utf8_lossy(&swept.output.stderr).into());
    }
    let sql =
        "SELECT extract(epoch FROM listing_finished_at - listing_started_at)::float8 FROM pfp_installation";
    let listing: f64 = system.database.rows(sql, &[]).await[0].get(0);
    let told = String::from_utf8_lossy(&swept.output.stdout).into_owned();
    let objects = told.lines().find_map(|line| line.split_once(" objects listed")?.0.parse().ok());
    let examined = run(system, &["doctor", "--json"]).await?;
    let told = String::from_utf8_lossy(&examined.output.stdout).into_owned();
    let last = told.lines().last().unwrap_or_default();
    let sum: Value = serde_json::from_str(last)
        .map_err(|_| format!("the doctor broke off: {}", String::from_utf8_lossy(&examined.output.stderr)))?;
    Ok(Operated {
        sweep: swept.took,
        listing: Duration::try_from_secs_f64(listing).unwrap_or_default(),
        objects: objects.ok_or("the sweep doesn't tell what it listed")?,
        doctor: examined.took,
        memory: examined.memory,
        verdict: if sum["clean"] == true { "clean".to_owned() } else { sum["found"].to_string() },
    })
}

async fn run(system: &TestSystem, arguments: &[&str]) -> pfp_tests::Result<Ran> {
    let mut command = Command::new(binary("pfp-worker"));
    command.args(arguments).env_clear().envs(&system.settings).current_dir(std::env::temp_dir());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let started = Instant::now();
    let child = command.spawn()?;
    let pid = child.id().ok_or("it has ended already")?;
    let ending = tokio::spawn(async move { (child.wait_with_output().await, started.elapsed()) });
    let mut memory = 0;
    while !ending.is_finished() {
        memory = memory.max(Process::memory_of(pid).1);
        tokio::time::sleep(PAUSE).await;
    }
    let (output, took) = ending.await?;
    Ok(Ran { output: output?, took, memory })
}
