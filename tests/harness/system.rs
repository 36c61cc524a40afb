//! A whole system of a test's own: database, queue, bucket, APIs and workers.

mod broker;
mod look;
mod setup;
mod transitions;

pub use setup::Setup;

use crate::{
    client::Client,
    database::TestDatabase,
    process::{Process, free_address, run},
    servers::Servers,
};
use pfp_shared::{
    config::{Connections, Settings, UsedBy},
    database::Database,
    services::Services,
    storage::Storage,
};
use std::{collections::BTreeMap, path::PathBuf};

/// What every token of the tests is signed with.
pub const SECRET: &str = "a-secret-of-the-tests-that-no-log-may-show";

fn connections(settings: &BTreeMap<String, String>) -> Connections {
    let loaded = Settings::from_values(settings.clone(), UsedBy::Both).expect("settings");
    Connections::from_settings(&loaded).expect("connections")
}

/// A running system.
#[derive(Debug)]
pub struct TestSystem {
    /// The settings that its processes share.
    pub settings: BTreeMap<String, String>,
    /// A look into its database.
    pub database: TestDatabase,
    /// A look into its bucket.
    pub storage: Storage,
    /// The servers that it stands on.
    pub servers: Servers,
    /// Its APIs.
    pub apis: Vec<Process>,
    /// Its workers.
    pub workers: Vec<Process>,
    name: String,
    folder: PathBuf,
    finished: bool,
}

impl TestSystem {
    /// Starts one more API.
    pub fn start_api(&mut self) {
        self.start_api_with(&[]);
    }

    /// Starts one more API, with settings of its own.
    pub fn start_api_with(&mut self, own: &[(&str, &str)]) {
        let address = free_address();
        let mut settings = self.settings.clone();
        settings.insert("PFP_LISTEN".to_owned(), address.clone());
        // All name the first one's address, as behind a load balancer.
        let public = self.apis.first().map_or(&address, |api| &api.address);
        self.settings.entry("PFP_PUBLIC_URL".to_owned()).or_insert_with(|| format!("http://{public}"));
        settings.extend(self.settings.clone());
        settings.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let number = self.apis.len();
        self.apis.push(Process::start("pfp-api", &self.folder, number, &settings, address));
    }

    /// Starts one more worker.
    pub fn start_worker(&mut self) {
        self.start_worker_with(&[]);
    }

    /// Starts one more worker, with settings of its own.
    pub fn start_worker_with(&mut self, own: &[(&str, &str)]) {
        let address = free_address();
        let mut settings = self.settings.clone();
        settings.insert("PFP_METRICS_LISTEN".to_owned(), address.clone());
        settings.entry("PFP_PUBLIC_URL".to_owned()).or_insert_with(|| "http://127.0.0.1:1".to_owned());
        settings.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let number = self.workers.len();
        self.workers.push(Process::start("pfp-worker", &self.folder, number, &settings, address));
    }

    /// Waits until every process is ready.
    pub async fn ready(&mut self) {
        for process in self.apis.iter_mut().chain(&mut self.workers) {
            process.ready().await;
        }
    }

    /// A client of a user, at the first API.
    #[must_use]
    pub fn client(&self, user: &str) -> Client {
        self.client_at(0, user)
    }

    /// A client of a user, at one of the APIs.
    #[must_use]
    pub fn client_at(&self, api: usize, user: &str) -> Client {
        Client::new(&self.apis[api].address, user, SECRET)
    }

    /// The product's own pool of connections to its database.
    ///
    /// # Panics
    /// The settings can't be used.
    #[must_use]
    pub fn pool(&self) -> Database {
        Database::new(&connections(&self.settings), "pfp-tests").expect("a pool")
    }

    /// Everything that a process of this system is connected to.
    ///
    /// # Panics
    /// The settings can't be used.
    #[must_use]
    pub fn services(&self) -> Services {
        Services::new(&connections(&self.settings), "pfp-tests").expect("services")
    }

    /// Runs a command of `pfp-worker`.
    #[must_use]
    pub fn worker_command(&self, arguments: &[&str]) -> std::process::Output {
        let mut settings = self.settings.clone();
        settings.entry("PFP_PUBLIC_URL".to_owned()).or_insert_with(|| "http://127.0.0.1:1".to_owned());
        run("pfp-worker", arguments, &settings)
    }

    /// Ends the system and fails the test if it left anything behind: unfinished jobs, objects that no row
    /// names or rows that name no object, processes that don't end in good order, secrets in logs.
    ///
    /// # Panics
    /// Something is left, or there is no worker that could take it away.
    pub async fn finish(mut self) {
        assert!(self.workers.iter_mut().any(Process::is_running), "without a worker a system is stopped");
        self.quiet().await;
        assert_eq!(self.objects().await, self.named_objects().await, "bucket and rows differ");
        self.stop().await;
    }

    /// Ends the system, whatever is under way in it.
    ///
    /// # Panics
    /// A process doesn't end in good order, or has logged a secret.
    pub async fn stop(mut self) {
        for process in self.apis.iter_mut().chain(&mut self.workers) {
            if process.is_running() {
                let status = process.terminate().await;
                assert!(status.success(), "{status}: {}", process.log_text());
            }
        }
        self.assert_logs_are_clean();
        self.assert_transitions_are_allowed().await;
        self.remove().await;
        self.finished = true;
    }

    /// Leaves everything as it is, to be looked at.
    pub fn abandon(mut self) {
        self.finished = true;
    }

    fn assert_logs_are_clean(&self) {
        let password = |url: &str| {
            url.split('@').next().and_then(|text| text.rsplit(':').next()).unwrap_or(url).to_owned()
        };
        let secrets = [
            SECRET.to_owned(),
            password(&self.settings["PFP_DATABASE_URL"]),
            password(&self.settings["PFP_AMQP_URL"]),
            self.settings.get("PFP_S3_SECRET_KEY").cloned().unwrap_or_else(|| SECRET.to_owned()),
            "Bearer ".to_owned(),
            // How every token of ours begins.
            "eyJ0eXAi".to_owned(),
            "eyJhbGci".to_owned(),
        ];
        for process in self.apis.iter().chain(&self.workers) {
            let log = process.log_text();
            for secret in &secrets {
                let line = log.lines().find(|line| line.contains(secret.as_str()));
                assert!(line.is_none(), "a secret was logged: {line:?}");
            }
            let panics = log.lines().find(|line| line.contains("panicked at"));
            assert!(panics.is_none(), "{panics:?}");
        }
    }

    async fn remove(&self) {
        self.remove_queues().await;
        let admin = TestDatabase::connect(self.servers.value("POSTGRES_ADMIN_URL")).await;
        admin.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

impl Drop for TestSystem {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nothing else tells where to look.
            #[expect(clippy::print_stderr, reason = "shown with the failed test")]
            {
                eprintln!("logs of the failed test: {}", self.folder.display());
            }
            return;
        }
        assert!(self.finished, "the test didn't end its system with finish() or stop()");
    }
}
