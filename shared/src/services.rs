//! Database, object store and broker of one process: opened together, watched for as long as it runs.

use crate::{
    config::Connections,
    database::{Database, DatabaseConfigError, DatabaseError, SchemaMismatch},
    dependencies::{Dependencies, Dependency, Health},
    lock::lock,
    queries,
    queue::{BrokerConfigError, BrokerUri, Publisher, Topology},
    storage::{Installation, OwnershipConflict, Storage, StorageConfigError, StorageError},
    upload::UploadId,
};
use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// How long the connections may take to close, whatever their servers do.
pub const CLOSING: Duration = Duration::from_secs(2);

/// What a process works with. Cheap to clone.
#[derive(Clone)]
pub struct Services {
    /// The database.
    pub database: Database,
    /// The object store.
    pub storage: Storage,
    /// The way to the broker.
    pub publisher: Publisher,
    /// What is known of the three.
    pub dependencies: Dependencies,
    /// The bucket that we began with, once it was seen.
    bucket: Arc<OnceLock<Installation>>,
    /// The database's time when it was last looked at.
    database_time: Arc<Mutex<Option<OffsetDateTime>>>,
    checks: Checks,
}

/// How database and object store are checked.
#[derive(Debug, Clone, Copy)]
struct Checks {
    up: Duration,
    down: Duration,
    /// How long a check of the database may take.
    longest: Duration,
}

/// Settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// Of the database.
    #[error(transparent)]
    Database(#[from] DatabaseConfigError),
    /// Of the object store.
    #[error(transparent)]
    Storage(#[from] StorageConfigError),
    /// Of the broker.
    #[error(transparent)]
    Broker(#[from] BrokerConfigError),
}

/// Why a process must not run at all, as opposed to waiting for a dependency.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The schema isn't what this build needs.
    #[error(transparent)]
    Schema(#[from] SchemaMismatch),
    /// Database and bucket don't belong together.
    #[error(transparent)]
    Bucket(#[from] OwnershipConflict),
}

impl Services {
    /// Opens them; nothing is connected yet.
    ///
    /// # Errors
    /// A setting can't be used.
    pub fn new(connections: &Connections, application: &str) -> Result<Self, ServicesError> {
        let topology = Topology::new(&connections.queue_prefix);
        let publisher = Publisher::new(BrokerUri::new(connections)?, topology, connections.publish_timeout);
        Ok(Self {
            database: Database::new(connections, application)?,
            storage: Storage::new(connections)?,
            publisher,
            dependencies: Dependencies::new(connections.longest_silence),
            bucket: Arc::default(),
            database_time: Arc::default(),
            checks: Checks {
                up: connections.check_interval,
                down: connections.check_interval_down,
                // Else a check that is slow, and goes through, would itself be the silence, and nothing would tell of it.
                longest: connections.longest_silence / 2,
            },
        })
    }

    /// Tells clients that wait for these uploads that they have changed. If that fails they hear of it some seconds later.
    pub async fn tell_changed(&self, ids: &[UploadId]) {
        if ids.is_empty() {
            return;
        }
        if let Err(error) = queries::notify_changed(&self.database, ids).await {
            tracing::debug!(%error, "nobody could be told of a change");
        }
    }

    /// Checks schema and bucket as soon as they can be reached, and watches all three until told to stop. A
    /// dependency that is out is waited for, however long.
    ///
    /// # Errors
    /// The process must not run on this database or bucket.
    pub async fn watch(self, application: &str, stop: CancellationToken) -> Result<(), Mismatch> {
        let broker =
            self.publisher.clone().supervise(application, self.health(Dependency::Broker), stop.clone());
        let (watched, _) = tokio::join!(self.watch_stores(&stop), until_closed(&stop, broker));
        watched
    }

    /// As [`Services::watch`], but leaves the broker alone: its queues stay as they are.
    ///
    /// # Errors
    /// The process must not run on this database or bucket.
    pub async fn watch_stores(&self, stop: &CancellationToken) -> Result<(), Mismatch> {
        let database = async { self.watch_database(stop).await.map_err(Mismatch::from) };
        let storage = async { self.watch_storage(stop).await.map_err(Mismatch::from) };
        let both = async { tokio::try_join!(database, storage).map(|_| ()) };
        let watched = until_closed(stop, both).await.unwrap_or(Ok(()));
        // A mismatch ends the process: the broker's connection needn't wait for a signal.
        if watched.is_err() {
            stop.cancel();
        }
        watched
    }

    fn health(&self, dependency: Dependency) -> Health {
        self.dependencies.health(dependency)
    }

    async fn watch_database(&self, stop: &CancellationToken) -> Result<(), SchemaMismatch> {
        let health = self.health(Dependency::Database);
        let mut checked = false;
        while !stop.is_cancelled() {
            let seen = if checked {
                self.check_database().await.map(|_| ())
            } else {
                match queries::check_schema(&self.database).await {
                    Ok(schema) => {
                        schema?;
                        checked = true;
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            };
            self.pause(&health, seen.map_err(|error| error.to_string()), stop).await;
        }
        Ok(())
    }

    /// Sees that the database works; returns its time.
    ///
    /// # Errors
    /// Why it doesn't.
    pub async fn check_database(&self) -> Result<OffsetDateTime, DatabaseError> {
        let longest = self.checks.longest;
        let pinged = tokio::time::timeout(longest, queries::ping(&self.database)).await;
        let seen_at = pinged.unwrap_or(Err(DatabaseError::Timeout(longest)))?;
        // In this order: whoever reads the time first finds out that the database was silent before it.
        self.health(Dependency::Database).up();
        *lock(&self.database_time) = Some(seen_at);
        Ok(seen_at)
    }

    /// A time of the database's clock: a lease that ended before it was lost by its worker, and not by an outage. `None`
    /// where the database hasn't been up for this long.
    ///
    /// It was read before the statement that takes a job from a silent worker is sent. A statement that a database has when
    /// it freezes is carried out when it thaws, and by its own time every lease has run out.
    #[must_use]
    pub fn silent_before(&self, up_for: Duration) -> Option<OffsetDateTime> {
        let seen_at = *lock(&self.database_time);
        seen_at.filter(|_| self.dependencies.up_for(Dependency::Database) >= up_for)
    }

    async fn watch_storage(&self, stop: &CancellationToken) -> Result<(), OwnershipConflict> {
        let health = self.health(Dependency::Storage);
        while !stop.is_cancelled() {
            let was_up = self.dependencies.trouble(Dependency::Storage).is_none();
            let seen = match self.bucket.get() {
                None => {
                    tokio::select! {
                        () = self.dependencies.wait_for(&[Dependency::Database]) => {}
                        () = stop.cancelled() => return Ok(()),
                    }
                    match self.open_bucket().await {
                        Ok(opened) => {
                            let _ = self.bucket.set(opened?);
                            Ok(())
                        }
                        Err(reason) => Err(reason),
                    }
                }
                Some(_) if was_up => self.check_bucket_is_ours().await,
                Some(_) => self.check_bucket().await,
            };
            // Somebody couldn't write meanwhile what could be read here: it is checked whether it can be written.
            if was_up && seen.is_ok() && self.dependencies.trouble(Dependency::Storage).is_some() {
                continue;
            }
            self.pause(&health, seen, stop).await;
        }
        Ok(())
    }

    /// Whether a bucket that was out can be used again, and is still ours.
    async fn check_bucket(&self) -> Result<(), String> {
        self.storage.check_write().await.map_err(|problem| problem.to_string())?;
        self.check_bucket_is_ours().await
    }

    /// Whether the bucket that answers is the one that we began with.
    ///
    /// # Errors
    /// It isn't, or it doesn't answer: why.
    pub async fn check_bucket_is_ours(&self) -> Result<(), String> {
        let Some(ours) = self.bucket.get() else { return Err("the bucket wasn't seen yet".to_owned()) };
        self.storage.check_read(*ours).await.map_err(|error| error.to_string())
    }

    /// Creates the bucket if need be, and makes sure that it and the database belong together.
    async fn open_bucket(&self) -> Result<Result<Installation, OwnershipConflict>, String> {
        self.storage.open_bucket().await.map_err(|problem| problem.to_string())?;
        let installation =
            queries::installation(&self.database).await.map_err(|error: DatabaseError| error.to_string())?;
        let database_id = installation.database_id;
        let claim = self.storage.claim_bucket(database_id, installation.bucket_id).await;
        let bucket_id = match claim.map_err(|error: StorageError| error.to_string())? {
            Ok(bucket_id) => bucket_id,
            Err(conflict) => return Ok(Err(conflict)),
        };
        let kept = queries::set_bucket(&self.database, bucket_id).await.map_err(|error| error.to_string())?;
        // Another process may have been first, with another bucket.
        Ok(if kept == bucket_id {
            Ok(Installation { database_id, bucket_id })
        } else {
            Err(OwnershipConflict::OtherBucket { place: self.storage.describe() })
        })
    }

    /// Tells what was seen and waits until the next check: sooner where somebody finds meanwhile that it doesn't work.
    async fn pause(&self, health: &Health, seen: Result<(), String>, stop: &CancellationToken) {
        if let Err(reason) = seen {
            health.down(&reason);
        } else {
            health.up();
            tokio::select! {
                () = stop.cancelled() => return,
                () = health.is_down() => {}
                () = tokio::time::sleep(self.checks.up) => return,
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(self.checks.down) => {}
        }
    }
}

/// What this comes to, unless it still waits for a server some time after all is told to stop.
async fn until_closed<T>(stop: &CancellationToken, watching: impl Future<Output = T>) -> Option<T> {
    let closed = async {
        stop.cancelled().await;
        tokio::time::sleep(CLOSING).await;
    };
    tokio::select! {
        watched = watching => Some(watched),
        () = closed => None,
    }
}
