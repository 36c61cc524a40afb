//! Faults carried out, each healed after its time.

use crate::plan::{Fault, Kind, Plan, Target};
use futures_util::{StreamExt, stream::FuturesUnordered};
use pfp_tests::{
    process::Process,
    servers::Servers,
    system::TestSystem,
    wait::{PATIENCE, until},
};
use rustix::process::Signal;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Mutex as AsyncMutex, time::sleep};

/// The system, which faults, clients and judges share.
pub(crate) type Shared = Arc<AsyncMutex<TestSystem>>;

/// How long a process may take to end in good order: its grace period of 25 s, two to close its connections, and what a
/// busy machine adds.
const GRACE: Duration = Duration::from_secs(32);

/// What has happened.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    /// How often each fault.
    pub(crate) counts: BTreeMap<Fault, usize>,
    /// When the last one was healed.
    pub(crate) healed: Option<Instant>,
    /// The longest freeze.
    pub(crate) longest_freeze: Duration,
}

impl Happened {
    /// All of them.
    pub(crate) fn total(&self) -> usize {
        self.counts.values().sum()
    }
}

/// Breaks one thing after the other until the end, and heals the last.
pub(crate) async fn break_until(end: Instant, mut plan: Plan, system: &Shared) -> Happened {
    let broken: Arc<Mutex<BTreeSet<Target>>> = Arc::default();
    let mut happened = Happened::default();
    let mut under_way = FuturesUnordered::new();
    loop {
        let pause = plan.pause();
        if Instant::now() + pause > end {
            break;
        }
        let next = sleep(pause);
        tokio::pin!(next);
        loop {
            tokio::select! {
                () = &mut next => break,
                Some(()) = under_way.next() => {}
            }
        }
        let is_whole = |target: Target| !lock(&broken).contains(&target);
        let Some(fault) = plan.next(is_whole) else { continue };
        let (length, which) = (plan.length(fault), plan.which(6));
        lock(&broken).insert(fault.target);
        *happened.counts.entry(fault).or_default() += 1;
        if fault.kind == Kind::Freeze {
            happened.longest_freeze = happened.longest_freeze.max(length);
        }
        say(&format!("{fault} for {:.1} s", length.as_secs_f64()));
        let (system, broken) = (Arc::clone(system), Arc::clone(&broken));
        under_way.push(async move {
            match fault.target {
                Target::Api | Target::Worker => break_process(&system, fault, which, length).await,
                Target::Broker => break_server(&system, "rabbitmq", fault.kind, length).await,
                Target::Database => break_server(&system, "postgres", fault.kind, length).await,
                Target::Store => break_server(&system, "minio", fault.kind, length).await,
            }
            lock(&broken).remove(&fault.target);
        });
    }
    while under_way.next().await.is_some() {}
    happened.healed = Some(Instant::now());
    happened
}

/// A line for whoever watches.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{} {text}", clock());
}

fn clock() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!("{:02}:{:02}:{:02}", now.hour(), now.minute(), now.second())
}

async fn break_server(system: &Shared, server: &'static str, kind: Kind, length: Duration) {
    let servers: Servers = system.lock().await.servers.clone();
    if kind == Kind::Freeze {
        let (since, frozen) = (Instant::now(), servers.freeze(server));
        frozen.thaw_after(since, length).await;
        return;
    }
    let command = if kind == Kind::Kill { "kill" } else { "stop" };
    // The servers' script takes seconds and blocks.
    let taking_down = tokio::task::spawn_blocking(move || servers.take_down(command, server));
    let down = taking_down.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    sleep(length).await;
    let up = tokio::task::spawn_blocking(move || down.up()).await;
    up.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
}

async fn break_process(system: &Shared, fault: Fault, which: usize, length: Duration) {
    let is_api = fault.target == Target::Api;
    match fault.kind {
        Kind::Freeze => {
            signal(system, is_api, which, Signal::STOP).await;
            sleep(length).await;
            signal(system, is_api, which, Signal::CONT).await;
            return;
        }
        Kind::Kill => signal(system, is_api, which, Signal::KILL).await,
        Kind::Restart => signal(system, is_api, which, Signal::TERM).await,
    }
    let ended = until("a process has ended", GRACE, async || {
        one(&mut *system.lock().await, is_api, which).exit_status()
    })
    .await;
    // Whatever else is broken meanwhile: who is asked to stop stops in good order.
    let is_in_order = fault.kind == Kind::Kill || ended.success();
    assert!(is_in_order, "a process that was asked to stop ended with {ended}");
    sleep(length).await;
    one(&mut *system.lock().await, is_api, which).start_again();
    until("a process is ready again", PATIENCE * 2, async || {
        let url = format!("http://{}/livez", one(&mut *system.lock().await, is_api, which).address);
        reqwest::get(url).await.is_ok().then_some(())
    })
    .await;
}

async fn signal(system: &Shared, is_api: bool, which: usize, signal: Signal) {
    one(&mut *system.lock().await, is_api, which).signal(signal);
}

fn one(system: &mut TestSystem, is_api: bool, which: usize) -> &mut Process {
    let processes = if is_api { &mut system.apis } else { &mut system.workers };
    let of = processes.len();
    &mut processes[which % of]
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
