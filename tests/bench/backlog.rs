//! What a backlog and a long history cost: accept and job rates of a system with a hundred thousand queued uploads and a
//! million finished ones, in turns with those of an empty one; then what its sweeps and its doctor take, beside a system
//! a tenth of its size.
//!
//! `bench-backlog [--finished N] [--queued N] [--rounds N] [--uploads N]`; `tests/bench.sh backlog` starts it with
//! servers of its own.

#[path = "backlog/filling.rs"]
mod filling;
#[path = "backlog/operating.rs"]
mod operating;
#[path = "backlog/options.rs"]
mod options;
#[path = "backlog/rates.rs"]
mod rates;

use filling::{Sizes, fill};
use operating::Operated;
use options::Options;
use pfp_tests::{
    bucket,
    percentile::{median, percentile},
    system::{Setup, TestSystem},
    wait::{PATIENCE, until},
};
use rates::{Accepts, Jobs, Side, Sweeps};
use std::{
    io::Write,
    time::{Duration, Instant},
};

/// Requests at once.
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() -> pfp_tests::Result<()> {
    let options = Options::of(std::env::args().skip(1))?;
    let mut systems = [start().await, start().await, start().await];
    let measured = measure(&mut systems, &options).await;
    for system in systems {
        if measured.is_ok() {
            system.stop().await;
        } else {
            system.abandon();
        }
    }
    measured
}

async fn measure([empty, tenth, full]: &mut [TestSystem; 3], options: &Options) -> pfp_tests::Result<()> {
    let file = filling::picture()?;
    // The empty one has its uploads of the rounds, each by a user of its own.
    let none = Sizes::empty(options.uploads * (options.rounds + 1));
    let some = Sizes::of(options.finished / 10, options.queued / 10);
    let all = Sizes::of(options.finished, options.queued);
    for (system, sizes) in [(&*empty, none), (&*tenth, some), (&*full, all)] {
        let started = Instant::now();
        fill(system, &sizes, &file).await?;
        note(&format!("{sizes}: filled in {:.0?}", started.elapsed()))?;
    }
    let mut sides = [Side::new(empty, none.users), Side::new(full, all.users)];
    for round in 0..=options.rounds {
        for side in &mut sides {
            side.round(round, options.uploads, &file, AT_ONCE).await?;
        }
        // Whoever comes second finds the machine as the first has left it: they take turns.
        sides.reverse();
        note(&format!("round {round} of {}", options.rounds))?;
    }
    if options.rounds.is_multiple_of(2) {
        sides.reverse();
    }
    let [empty, full] = sides;
    let mut out = std::io::stdout();
    writeln!(out, "The full system: {all}. {} bytes each.\n", file.len())?;
    tell_rates(&mut out, [&empty, &full], options)?;
    tell_sweeps(&mut out, [&empty.sweeps, &full.sweeps])?;
    tell_backlog(&mut out, &full).await?;
    let systems = [(&*empty.system, none), (&*tenth, some), (&*full.system, all)];
    tell_operators(&mut out, systems).await
}

/// A system whose bucket has its rule and was listed, with the product's own intervals; its worker is off.
async fn start() -> TestSystem {
    let mut setup = Setup::new().set("PFP_LOG", "warn");
    for name in ["PFP_SWEEP_INTERVAL", "PFP_JOB_LEASE", "PFP_UPLOAD_LEASE"] {
        setup = setup.set(name, "");
    }
    // An hourly listing would fall into one round and not into another.
    let mut system = setup.set("PFP_LISTING_INTERVAL", "1d").start().await;
    system.listed().await;
    until("the bucket has its rule", PATIENCE, async || {
        bucket::lifecycle(&system.settings).await.contains("pfp-staging").then_some(())
    })
    .await;
    system.workers[0].terminate().await;
    // The harness notes every change of a status, which the product doesn't.
    system.database.run("DROP TRIGGER note_transition ON uploads").await;
    system
}

fn tell_rates(out: &mut impl Write, sides: [&Side<'_>; 2], options: &Options) -> std::io::Result<()> {
    let Options { rounds, uploads, .. } = options;
    writeln!(
        out,
        "{uploads} uploads a round, {AT_ONCE} at once; medians of {rounds} rounds in turns, and between what half of the ratios are"
    )?;
    writeln!(out, "| system | accepted/s | of empty | median ms | 99 % ms | jobs/s | of empty |")?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- |")?;
    let [empty, full] = sides;
    for (name, side) in [("empty", empty), ("full", full)] {
        let (accepted, jobs) = (Accepts::per_second(&side.accepts), Jobs::per_second(&side.jobs));
        let of_accepts = ratio(&accepted, &Accepts::per_second(&empty.accepts));
        let of_jobs = ratio(&jobs, &Jobs::per_second(&empty.jobs));
        let [half, most] = [50, 99].map(|percent| Accepts::percentile(&side.accepts, percent));
        let (accepted, jobs) = (median(&accepted), median(&jobs));
        writeln!(
            out,
            "| {name} | {accepted:.0} | {of_accepts} | {half:.1} | {most:.1} | {jobs:.0} | {of_jobs} |"
        )?;
    }
    writeln!(out)
}

fn tell_sweeps(out: &mut impl Write, sides: [&Sweeps; 2]) -> std::io::Result<()> {
    writeln!(out, "Sweeps of the workers during these rounds\n")?;
    writeln!(out, "| system | sweeps | mean ms | all within ms |\n| --- | --- | --- | --- |")?;
    for (name, sweeps) in ["empty", "full"].into_iter().zip(sides) {
        match sweeps.count {
            0 => writeln!(out, "| {name} | none: the rounds were too short | - | - |")?,
            count => {
                let (mean, within) = (sweeps.mean() * 1e3, sweeps.within * 1e3);
                writeln!(out, "| {name} | {count} | {mean:.1} | {within:.0} |")?;
            }
        }
    }
    writeln!(out)
}

/// A healthy backlog is never published twice: as many messages as uploads that wait.
async fn tell_backlog(out: &mut impl Write, full: &Side<'_>) -> pfp_tests::Result<()> {
    let (full, republished) = (&*full.system, full.sweeps.republished);
    let queued = full.database.count("SELECT count(*) FROM uploads WHERE status = 'queued'").await;
    let messages = filling::messages(full, u32::try_from(queued)?).await?;
    writeln!(
        out,
        "After the rounds {queued} uploads are queued and {messages} messages are ready: {} too many. \
         The workers' sweepers have published {republished}.\n",
        i64::from(messages) - queued
    )?;
    Ok(())
}

async fn tell_operators(out: &mut impl Write, systems: [(&TestSystem, Sizes); 3]) -> pfp_tests::Result<()> {
    writeln!(
        out,
        "| finished | queued | `sweep` s | of it listing s | objects | `doctor` s | MiB at most | verdict |"
    )?;
    writeln!(out, "| --- | --- | --- | --- | --- | --- | --- | --- |")?;
    for (system, Sizes { finished, queued, .. }) in systems {
        let Operated { sweep, listing, objects, doctor, memory, verdict } =
            operating::operate(system).await?;
        let [sweep, listing, doctor] = [sweep, listing, doctor].map(|took| took.as_secs_f64());
        let memory = memory as f64 / f64::from(1 << 20);
        writeln!(
            out,
            "| {finished} | {queued} | {sweep:.2} | {listing:.2} | {objects} | {doctor:.1} | {memory:.1} | {verdict} |"
        )?;
    }
    Ok(())
}

/// The median of the rounds' ratios, and between what half of them are: how much the machine had to do beside.
fn ratio(values: &[f64], floors: &[f64]) -> String {
    let ratios: Vec<_> = values.iter().zip(floors).map(|(value, floor)| value / floor).collect();
    let [low, middle, high] = [25, 50, 75].map(|percent| percentile(&ratios, percent));
    format!("{middle:.2} ({low:.2} to {high:.2})")
}

/// What is done, for whoever waits: the result alone goes to standard output.
fn note(what: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "{what}")
}

/// Long work of one system, with nothing beside it.
const LONG: Duration = Duration::from_secs(300);
