//! The servers that a run of the tests has, as `tests/run.sh` says in the environment.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// Where Postgres, RabbitMQ and MinIO are.
#[derive(Debug, Clone)]
pub struct Servers {
    folder: PathBuf,
    values: BTreeMap<String, String>,
}

/// The repository's root: that of the run, as cargo tells it. Several checkouts may share a target folder, and
/// the one that this was built in may be gone.
#[must_use]
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR");
    package.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from).join("..")
}

/// A variable that `tests/run.sh` sets.
///
/// # Panics
/// It isn't set: a test never skips silently.
#[must_use]
pub fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the harness is told by tests/run.sh")]
    std::env::var(name).unwrap_or_else(|_| panic!("{name} isn't set: run the tests by tests/run.sh"))
}

/// How often a test of chance is repeated: once, or as `PFP_TEST_ROUNDS` says.
///
/// # Panics
/// It doesn't say a number.
#[must_use]
pub fn rounds() -> usize {
    #[expect(clippy::disallowed_methods, reason = "the harness is told by tests/run.sh")]
    let rounds = std::env::var("PFP_TEST_ROUNDS");
    rounds.map_or(1, |rounds| rounds.parse().expect("PFP_TEST_ROUNDS is a number"))
}

impl Servers {
    /// The servers that all tests share.
    #[must_use]
    pub fn shared() -> Self {
        Self::of(PathBuf::from(variable("PFP_TEST_SERVERS")), "status")
    }

    /// The servers that tests may take down, one test at a time.
    #[must_use]
    pub fn to_break() -> Self {
        // One that is left down by a test that failed is started; its ports and passwords are as they were.
        Self::of(PathBuf::from(variable("PFP_TEST_SERVERS_TO_BREAK")), "start")
    }

    fn of(folder: PathBuf, command: &str) -> Self {
        let mut servers = Self { folder, values: BTreeMap::new() };
        servers.values = assignments(&servers.run(command, "all"));
        servers
    }

    /// What the servers' script says of a server now.
    ///
    /// # Panics
    /// It doesn't run.
    #[must_use]
    pub fn status(&self, server: &str) -> BTreeMap<String, String> {
        assignments(&self.run("status", server))
    }

    /// What the servers' script says of one, for example `POSTGRES_PORT`.
    ///
    /// # Panics
    /// The script doesn't say it.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).unwrap_or_else(|| panic!("the servers' script doesn't tell {name}"))
    }

    /// Runs a command of the servers' script (`start`, `stop`, `kill`, `restart`) on one server or `all`.
    ///
    /// # Panics
    /// The script fails.
    pub fn run(&self, command: &str, server: &str) -> String {
        self.attempt(command, server).unwrap_or_else(|told| panic!("{told}"))
    }

    /// The same, for whoever can go on without it.
    ///
    /// # Errors
    /// What the script says.
    pub fn attempt(&self, command: &str, server: &str) -> Result<String, String> {
        script(&[command, server, &self.folder.to_string_lossy()])
    }

    /// Where they keep what is theirs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `rabbitmqctl` on the broker.
    ///
    /// # Panics
    /// It fails.
    pub fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        self.attempt_rabbitmqctl(arguments).unwrap_or_else(|told| panic!("{told}"))
    }

    /// The same, for whoever can go on without it.
    ///
    /// # Errors
    /// What it says.
    pub fn attempt_rabbitmqctl(&self, arguments: &[&str]) -> Result<String, String> {
        script(&[&["rabbitmqctl", &self.folder.to_string_lossy()], arguments].concat())
    }
}

/// Runs the servers' script and returns what it says, or else what went wrong.
fn script(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(root().join("deploy/servers/server.sh")).args(arguments).output();
    let output = output.map_err(|error| format!("the servers' script can't be run: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Reads lines of `NAME='value'`.
fn assignments(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}
