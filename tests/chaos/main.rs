//! Everything at once: two APIs and three workers, many users, and a fault every few seconds, from a seed. At the end
//! every promise is looked at from outside: nothing lost, nothing stale, nothing dangling, nothing left over.
//!
//! `chaos [--minutes M] [--seed S] [--least-uploads N] [--least-faults N]`; `tests/run.sh chaos` starts it with servers of
//! its own.
#![allow(clippy::panic, reason = "a test fails by a panic that says what is wrong")]

mod clients;
mod faults;
mod files;
mod plan;
mod promises;
mod summary;
mod verdict;

use crate::{
    clients::Actor,
    faults::{Happened, Shared, break_until, say},
    plan::{Fault, Plan},
    promises::Promises,
    summary::{Settled, Summary},
};
use futures_util::{StreamExt, future::join_all, stream};
use pfp_tests::{
    chance::Chance,
    client::Client,
    servers::Servers,
    system::{SECRET, Setup, TestSystem},
    wait::until,
};
use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::Mutex;

/// People who upload.
const USERS: usize = 24;

/// What each does between two things.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_millis(2200));

/// By when everything has to be final after the last fault was healed.
const FINAL_WITHIN: Duration = Duration::from_secs(60);

/// By when everything has to be deleted that was listed: a minute as well, and as long again for what a sweeper had taken
/// that was killed then, which the others leave alone for a minute.
const CLEAN_WITHIN: Duration = Duration::from_secs(120);

/// There is one fault in this time at least, where the plan has one every 5 to 10 seconds.
const SECONDS_FOR_A_FAULT: u64 = 15;

/// Objects that a run may leave to the listing, and more where there are more faults for each: most runs leave none.
const MOST_LEFT: usize = 1;
const FAULTS_FOR_ONE_LEFT: usize = 100;

#[tokio::main]
async fn main() -> pfp_tests::Result<ExitCode> {
    let options = Options::read(std::env::args().skip(1))?;
    let Options { minutes, seed, .. } = options;
    say(&format!("chaos for {minutes} minutes, seed {seed}"));
    let mut chance = Chance::new(seed);
    let files = Arc::new(files::all(&mut chance)?);
    let system: Shared = Arc::new(Mutex::new(start().await));
    let promises = Arc::new(Promises::default());
    let stop = Arc::new(AtomicBool::new(false));
    let addresses: Vec<_> = system.lock().await.apis.iter().map(|api| api.address.clone()).collect();
    let actors: Vec<_> = (0..USERS)
        .map(|number| {
            let user = format!("user-{number}");
            let actor = Actor {
                apis: addresses.iter().map(|address| Client::new(address, &user, SECRET)).collect(),
                user,
                files: Arc::clone(&files),
                promises: Arc::clone(&promises),
                next_file: chance.below(files.len()),
                chance: chance.fork(),
                stop: Arc::clone(&stop),
                pause: PAUSE,
            };
            tokio::spawn(actor.act())
        })
        .collect();

    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let happened = break_until(end, Plan::new(chance.fork()), &system).await;
    let healed = happened.healed.unwrap_or_else(Instant::now);
    stop.store(true, Relaxed);
    let actors: Vec<_> = join_all(actors).await.into_iter().collect::<Result<_, _>>()?;
    let system = Arc::into_inner(system).ok_or("the system is still in use")?.into_inner();
    let settled = settle(&system, healed, &promises).await;
    let cleaned = clean(&system, healed, &promises).await;
    say("what was given up is asked for again");
    join_all(actors.into_iter().map(async |mut actor| actor.ask_again().await)).await;
    settle(&system, Instant::now(), &promises).await;
    let ends = judge(&system, &promises, &files).await;
    let left_to_the_listing = leaks(&system, &happened, &promises).await;
    leftovers(&system, &promises).await;
    enough(&options, &happened, &promises);
    let settled = Settled { took: settled, cleaned, ends, left_to_the_listing };
    let summary = Summary::take(&system, minutes, seed, &happened, settled, &promises).await;
    summary.print()?;
    let kept = promises.broken().is_empty();
    if kept {
        system.stop().await;
    } else {
        system.abandon();
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was asked for: two minutes, a seed of the clock, and no more than the usual least.
struct Options {
    minutes: f64,
    seed: u64,
    least_uploads: usize,
    least_faults: usize,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> pfp_tests::Result<Self> {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut options = Self { minutes: 2.0, seed, least_uploads: 0, least_faults: 0 };
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--minutes" => options.minutes = value.parse()?,
                "--seed" => options.seed = value.parse()?,
                "--least-uploads" => options.least_uploads = value.parse()?,
                "--least-faults" => options.least_faults = value.parse()?,
                _ => return Err(format!("{name} isn't known").into()),
            }
        }
        Ok(options)
    }
}

/// A run that proves too little isn't taken for a good one: there is an upload a second at least, and a fault now and then.
fn enough(options: &Options, happened: &Happened, promises: &Promises) {
    let Options { minutes, least_uploads, least_faults, .. } = *options;
    let seconds = Duration::from_secs_f64(minutes * 60.0).as_secs();
    let least_uploads = least_uploads.max(usize::try_from(seconds).unwrap_or(usize::MAX));
    let accepted = promises.accepted();
    if accepted < least_uploads {
        promises.broke(format!("TOO LITTLE: {accepted} uploads were accepted, of {least_uploads} at least"));
    }
    let (faults, least) =
        (happened.total(), usize::try_from(seconds / SECONDS_FOR_A_FAULT).unwrap_or(usize::MAX));
    if faults < least {
        promises.broke(format!("TOO LITTLE: {faults} faults, of {least} at least"));
    }
    for fault in Fault::all() {
        let count = happened.counts.get(&fault).copied().unwrap_or_default();
        if count < least_faults {
            promises.broke(format!("TOO LITTLE: {fault} came {count} times, of {least_faults} at least"));
        }
    }
}

/// With every lease and time-out as it is by default.
async fn start() -> TestSystem {
    let defaults = ["PFP_SWEEP_INTERVAL", "PFP_JOB_LEASE", "PFP_UPLOAD_LEASE"];
    let setup = defaults.iter().fold(Setup::new(), |setup, name| setup.set(name, ""));
    let setup = setup.apis(2).workers(3).on(&Servers::to_break());
    let system = setup.set("PFP_LOG", "info,pfp_worker=debug").start().await;
    system.listed().await;
    system
}

/// Waits until everything is final; returns how long that took since all was healed.
async fn settle(system: &TestSystem, healed: Instant, promises: &Promises) -> Duration {
    say("waiting until every upload is final");
    let unfinished = "SELECT count(*) FROM uploads WHERE status IN ('receiving', 'queued', 'processing')";
    until("every upload is final", FINAL_WITHIN * 3, async || {
        (system.database.count(unfinished).await == 0).then_some(())
    })
    .await;
    let settled = healed.elapsed();
    if settled > FINAL_WITHIN {
        promises.broke(format!("it took {settled:?} until all was final"));
    }
    settled
}

/// Waits until every deletion is done; returns how long that took since all was healed.
async fn clean(system: &TestSystem, healed: Instant, promises: &Promises) -> Duration {
    let pending = "SELECT count(*) FROM object_deletions";
    until("every listed object is deleted", CLEAN_WITHIN * 2, async || {
        (system.database.count(pending).await == 0).then_some(())
    })
    .await;
    let cleaned = healed.elapsed();
    if cleaned > CLEAN_WITHIN {
        promises.broke(format!("it took {cleaned:?} until all was deleted"));
    }
    cleaned
}

/// Every user's uploads and picture; how many uploads ended how.
async fn judge(system: &TestSystem, promises: &Promises, files: &[files::File]) -> BTreeMap<String, usize> {
    let clients: Vec<_> = (0..USERS).map(|number| system.client(&format!("user-{number}"))).collect();
    let judged = stream::iter(&clients).map(|client| verdict::judge(client, promises, files));
    let judged: Vec<_> = judged.buffer_unordered(4).collect().await;
    let mut ends = BTreeMap::new();
    for (end, count) in judged.into_iter().flatten() {
        *ends.entry(end).or_default() += count;
    }
    ends
}

/// Before anything lists the bucket: what is in it that no row names, and no deletion. Only a put that was under way in
/// a process or a store when that broke may have come too late for its deletion, which is rare.
async fn leaks(system: &TestSystem, happened: &Happened, promises: &Promises) -> usize {
    clean(system, Instant::now(), promises).await;
    let named = system.named_objects().await;
    let left: Vec<_> = system.objects().await.into_iter().filter(|key| !named.contains(key)).collect();
    let most = MOST_LEFT.max(happened.total() / FAULTS_FOR_ONE_LEFT);
    if left.len() > most {
        promises.broke(format!("LEAKED: {} objects, of {most} at most: {left:?}", left.len()));
    }
    left.len()
}

/// After a full sweep the bucket holds exactly what rows name, and the doctor finds nothing.
async fn leftovers(system: &TestSystem, promises: &Promises) {
    for command in ["sweep", "doctor"] {
        let done = system.worker_command(&[command]);
        let told = [done.stdout.as_slice(), done.stderr.as_slice()].map(String::from_utf8_lossy).concat();
        if !done.status.success() {
            promises.broke(format!("pfp-worker {command}: {told}"));
        }
    }
    let (there, named) = (system.objects().await, system.named_objects().await);
    let orphans = there.iter().filter(|key| !named.contains(key));
    orphans.for_each(|key| promises.broke(format!("ORPHAN: {key}")));
    let missing = named.iter().filter(|key| !there.contains(key));
    missing.for_each(|key| promises.broke(format!("DANGLING: {key} is named and isn't there")));
}
