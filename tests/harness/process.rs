//! Our own processes, started as an operator starts them.

use crate::{
    servers::variable,
    wait::{PATIENCE, until},
};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeMap,
    fs::File,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};
use tokio::process::Child;

/// A running `pfp-api` or `pfp-worker`, killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    settings: BTreeMap<String, String>,
    /// Where it serves: the API's address, or a worker's health and metrics.
    pub address: String,
}

/// The path of one of our binaries.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    PathBuf::from(variable("PFP_TEST_BIN")).join(name)
}

/// Runs one of our commands to its end, with nothing in its environment but the settings.
///
/// # Panics
/// The binary isn't there.
#[must_use]
pub fn run(name: &str, arguments: &[&str], settings: &BTreeMap<String, String>) -> std::process::Output {
    let mut command = Command::new(binary(name));
    command.args(arguments).env_clear().envs(settings).current_dir(std::env::temp_dir()).stdin(Stdio::null());
    command.output().unwrap_or_else(|error| panic!("{name} can't be started: {error}"))
}

/// Ports that the system gives to no outgoing connection, which might take one before its process listens.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that is free, and that this process gives to nobody else before all others had their turn.
///
/// # Panics
/// There is none.
#[must_use]
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    // Test programs that run side by side begin far from each other.
    let begin = std::process::id().wrapping_mul(7919);
    let mut ports = (0..count).map(|_| begin.wrapping_add(NEXT.fetch_add(1, Relaxed)) % count);
    let free = ports.find_map(|port| {
        let port = PORTS.start + u16::try_from(port).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok()?.local_addr().ok()
    });
    free.expect("a free port").to_string()
}

fn spawn(name: &str, log: &Path, settings: &BTreeMap<String, String>) -> Child {
    let file = File::options().create(true).append(true).open(log).expect("a log file");
    let mut command = tokio::process::Command::new(binary(name));
    command.env_clear().envs(settings).current_dir(log.parent().unwrap_or(log));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).kill_on_drop(true);
    command.spawn().unwrap_or_else(|error| panic!("{name} can't be started: {error}"))
}

impl Process {
    /// Starts one of our binaries, with nothing in its environment but the settings.
    ///
    /// # Panics
    /// It can't be started.
    #[must_use]
    pub fn start(
        name: &str,
        folder: &Path,
        number: usize,
        settings: &BTreeMap<String, String>,
        address: String,
    ) -> Self {
        let log = folder.join(format!("{name}-{number}.log"));
        let child = spawn(name, &log, settings);
        Self { name: name.to_owned(), child, log, settings: settings.clone(), address }
    }

    /// Starts it once more after it has ended, with the same settings, at the same address and on the same log, as a
    /// service manager does.
    ///
    /// # Panics
    /// It still runs, or can't be started.
    pub fn start_again(&mut self) {
        assert!(!self.is_running(), "{} still runs", self.name);
        self.child = spawn(&self.name, &self.log, &self.settings);
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// It ends, or isn't ready in time.
    pub async fn ready(&mut self) {
        let url = format!("http://{}/readyz", self.address);
        let client = reqwest::Client::new();
        let (name, log) = (self.name.clone(), self.log_text());
        until(&format!("{name} is ready: {log}"), PATIENCE, async || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("{name} ended with {status}: {}", self.log_text());
            }
            let answer = client.get(&url).timeout(Duration::from_secs(2)).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Its id.
    ///
    /// # Panics
    /// It has ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running process")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It has ended.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a signal that is delivered");
    }

    /// Kills it at once, as `kill -9` does.
    pub async fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait().await;
    }

    /// Asks it to end and waits until it has.
    ///
    /// # Panics
    /// It doesn't within the grace period.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// It doesn't in time.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("{} doesn't end: {}", self.name, self.log_text()))
            .expect("an exit status")
    }

    /// Waits until it has been killed at a failpoint.
    ///
    /// # Panics
    /// It isn't in time, or ends in another way.
    pub async fn killed(&mut self) {
        let status = self.ended().await;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert_eq!(signal, Some(Signal::KILL.as_raw()), "{status}: {}", self.log_text());
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended; `None` while it runs.
    #[must_use]
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Everything that it has logged.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its resident memory now and at its highest, in bytes.
    #[must_use]
    pub fn memory(&self) -> (u64, u64) {
        Self::memory_of(self.pid())
    }

    /// The same of any process; zeros when there is none of this id any more.
    #[must_use]
    pub fn memory_of(pid: u32) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() << 10
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// The processor time that a process has taken so far, in user and system mode.
    ///
    /// # Panics
    /// There is no such process.
    #[must_use]
    pub fn cpu_of(pid: u32) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        // The second field is a name in brackets that may hold anything.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = [11, 12].iter().map(|field| fields[*field].parse::<u64>().unwrap_or_default()).sum();
        Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// What its metrics say.
    ///
    /// # Panics
    /// It doesn't answer.
    pub async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.address)).await.expect("metrics");
        answer.text().await.expect("metrics")
    }

    /// Waits until its metrics have a line that begins like this: a job is counted after its status shows.
    ///
    /// # Panics
    /// They don't in time.
    pub async fn shows(&self, line: &str) {
        until(&format!("the metrics show {line}"), PATIENCE, async || {
            self.metrics().await.lines().any(|other| other.starts_with(line)).then_some(())
        })
        .await;
    }

    /// Waits until it is connected to the broker: an API is ready without.
    ///
    /// # Panics
    /// It isn't in time.
    pub async fn publishes(&self) {
        self.shows("pfp_dependency_up{dependency=\"broker\"} 1").await;
    }

    /// What a metric counts, over all its labels.
    ///
    /// # Panics
    /// It doesn't answer.
    pub async fn counted(&self, metric: &str) -> u64 {
        let metrics = self.metrics().await;
        let values = metrics.lines().filter_map(|line| {
            let rest = line.strip_prefix(metric)?;
            rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<u64>().ok())?
        });
        values.sum()
    }
}
