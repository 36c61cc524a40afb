//! What every request works with.

use crate::{
    auth::AuthenticatedUser, changes::Changes, config::ApiConfig, error::ApiError, memory::BodyMemory,
    openapi::document_of, receive::UploadMemory, token::TokenVerifier,
};
use bytes::Bytes;
use pfp_shared::{
    database::Database,
    dependencies::Dependency,
    failure::{Failure, FailureCode},
    services::Services,
};
use std::{ops::Deref, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Renders what `/metrics` serves.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The state of one API process. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What [`AppState`] holds.
pub struct Shared {
    /// The settings.
    pub config: ApiConfig,
    /// The base of every URL that leaves, without a slash at its end.
    pub public_url: String,
    /// Database, broker and object store.
    pub services: Services,
    /// Who asks.
    pub tokens: TokenVerifier,
    /// The budget of bytes for uploads.
    pub upload_memory: UploadMemory,
    /// The budget of bytes for pictures that are sent.
    pub picture_memory: BodyMemory,
    /// Who waits for which upload.
    pub changes: Changes,
    /// Everything that has to end before the process may: requests, and uploads whose client has gone.
    pub work: TaskTracker,
    /// Cancelled when the process is being stopped: new requests are refused.
    pub stopping: CancellationToken,
    /// Renders the metrics.
    pub render_metrics: RenderMetrics,
    /// What `/openapi.json` answers.
    pub document: Bytes,
}

impl AppState {
    /// The state for these settings. `public_url` is used where the settings have none.
    #[must_use]
    pub fn new(
        config: ApiConfig,
        services: Services,
        tokens: TokenVerifier,
        public_url: String,
        render_metrics: RenderMetrics,
    ) -> Self {
        // There from the start, so that an alert on its rate needs no first upload.
        metrics::counter!("pfp_uploads_accepted_total").absolute(0);
        let public_url = config.public_url.clone().unwrap_or(public_url);
        Self(Arc::new(Shared {
            services,
            tokens,
            upload_memory: UploadMemory::new(
                BodyMemory::new(config.upload_memory, config.memory_wait),
                config.slow_upload_rate,
                config.connection_limits.most,
            ),
            picture_memory: BodyMemory::new(config.picture_memory, config.memory_wait),
            changes: Changes::default(),
            work: TaskTracker::new(),
            stopping: CancellationToken::new(),
            render_metrics,
            document: document_of(&config, &public_url),
            public_url,
            config,
        }))
    }

    /// The database for what a user asks for.
    pub fn database_of(&self, user: &AuthenticatedUser) -> Database {
        self.services.database.of_user(&user.id)
    }

    /// Refuses a request at once that needs a dependency which is known to be out: nobody has to wait for
    /// time-outs one after the other.
    ///
    /// # Errors
    /// `database_unavailable` or `storage_unavailable`.
    pub fn require(&self, needed: &[Dependency]) -> Result<(), ApiError> {
        let out = needed.iter().find(|dependency| self.services.dependencies.trouble(**dependency).is_some());
        // Without a cause: that the dependency is out was logged when it went.
        match out {
            None => Ok(()),
            Some(Dependency::Storage) => Err(Failure::new(
                FailureCode::StorageUnavailable,
                "The object store is not available. Nothing was kept; try again in a second.",
            )
            .into()),
            Some(Dependency::Database | Dependency::Broker) => Err(Failure::new(
                FailureCode::DatabaseUnavailable,
                "The database is not available. Nothing was kept; try again in a second.",
            )
            .into()),
        }
    }
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
