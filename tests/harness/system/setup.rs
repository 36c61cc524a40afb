//! How a system is set up, and what it is made of before anything of ours runs.

use super::{SECRET, TestSystem, connections, transitions::note_transitions};
use crate::{
    chaos_store::ChaosStore,
    database::TestDatabase,
    process::run,
    servers::{Servers, variable},
};
use pfp_shared::storage::Storage;
use std::{collections::BTreeMap, path::PathBuf};

/// How a system is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    apis: usize,
    workers: usize,
    settings: BTreeMap<String, String>,
    servers: Option<Servers>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { apis: 1, workers: 1, settings: BTreeMap::new(), servers: None }
    }
}

impl Setup {
    /// One API and one worker, with the limits for each user off.
    #[must_use]
    pub fn new() -> Self {
        Self::default().set("PFP_RATE_UPLOADS_PER_MINUTE", "0").set("PFP_UPLOADS_IN_FLIGHT_PER_USER", "0")
    }

    /// This many APIs.
    #[must_use]
    pub const fn apis(mut self, apis: usize) -> Self {
        self.apis = apis;
        self
    }

    /// This many workers.
    #[must_use]
    pub const fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// A setting; an empty value takes it back.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// On these servers instead of the shared ones.
    #[must_use]
    pub fn on(mut self, servers: &Servers) -> Self {
        self.servers = Some(servers.clone());
        self
    }

    /// With a store that a test can break, before the one of its servers.
    ///
    /// # Panics
    /// It can't listen.
    pub async fn on_chaos_store(self) -> (Self, ChaosStore) {
        let servers = self.servers.clone().unwrap_or_else(Servers::shared);
        let store = ChaosStore::start(servers.value("MINIO_ENDPOINT")).await;
        let endpoint = store.endpoint.clone();
        (self.set("PFP_S3_ENDPOINT", &endpoint), store)
    }

    /// Makes database and folder, migrates, starts APIs and workers, and waits until they are ready.
    ///
    /// # Panics
    /// Anything of it fails.
    pub async fn start(self) -> TestSystem {
        let (apis, workers) = (self.apis, self.workers);
        let mut system = self.prepare().await;
        for _ in 0..apis {
            system.start_api();
        }
        for _ in 0..workers {
            system.start_worker();
        }
        system.ready().await;
        system
    }

    /// Makes database and folder and migrates; nothing of ours runs yet.
    ///
    /// # Panics
    /// Anything of it fails.
    pub async fn prepare(self) -> TestSystem {
        let servers = self.servers.unwrap_or_else(Servers::shared);
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let admin = TestDatabase::connect(servers.value("POSTGRES_ADMIN_URL")).await;
        admin.run(&format!("CREATE DATABASE {name} OWNER {}", servers.value("POSTGRES_USER"))).await;
        let folder = PathBuf::from(variable("PFP_TEST_FOLDER")).join(&name);
        std::fs::create_dir_all(&folder).expect("a folder for logs");
        let mut settings = settings_for(&servers, &name);
        settings.extend(self.settings);
        settings.retain(|_, value| !value.is_empty());
        let migrated = run("pfp-worker", &["migrate"], &settings);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let connections = connections(&settings);
        let database = TestDatabase::connect(connections.database_url.expose()).await;
        note_transitions(&database).await;
        TestSystem {
            database,
            storage: Storage::new(&connections).expect("a store"),
            settings,
            servers,
            name,
            folder,
            apis: Vec::new(),
            workers: Vec::new(),
            finished: false,
        }
    }
}

fn settings_for(servers: &Servers, name: &str) -> BTreeMap<String, String> {
    let database =
        servers.value("POSTGRES_URL").rsplit_once('/').map(|(server, _)| format!("{server}/{name}"));
    [
        ("PFP_DATABASE_URL", database.unwrap_or_default().as_str()),
        ("PFP_AMQP_URL", servers.value("RABBITMQ_URL")),
        ("PFP_QUEUE_PREFIX", name),
        ("PFP_STORAGE_URL", &format!("s3://{name}")),
        ("PFP_S3_ENDPOINT", servers.value("MINIO_ENDPOINT")),
        ("PFP_S3_ACCESS_KEY", servers.value("MINIO_ACCESS_KEY")),
        ("PFP_S3_SECRET_KEY", servers.value("MINIO_SECRET_KEY")),
        ("PFP_JWT_SECRET", SECRET),
        ("PFP_SWEEP_INTERVAL", "1s"),
        ("PFP_JOB_LEASE", "4s"),
        ("PFP_UPLOAD_LEASE", "5s"),
        ("PFP_LOG", "info,pfp_api=debug,pfp_worker=debug,pfp_shared=debug"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}
