//! A job's lease: renewed in the background, and the job told when it is lost.

use crate::job_error::JobError;
use pfp_shared::{database::Database, queries, queries::ClaimedJob};
use std::time::Duration;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

/// How a lease was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// It ran out while the database didn't answer.
    Database,
    /// Another worker has the job, or this process was frozen for longer than the lease.
    Silence,
}

/// Keeps a claim alive until dropped.
#[derive(Debug)]
pub struct LeaseKeeper {
    renewing: JoinHandle<()>,
    loss: watch::Receiver<Option<Loss>>,
}

impl LeaseKeeper {
    /// Starts to renew the lease of a job that was claimed just now, every quarter of it.
    #[must_use]
    pub fn start(database: Database, job: ClaimedJob, lease: Duration, claimed_at: Instant) -> Self {
        let (tell, loss) = watch::channel(None);
        let renewing = tokio::spawn(async move {
            let loss = renew(&database, &job, lease, claimed_at).await;
            tell.send_replace(Some(loss));
        });
        Self { renewing, loss }
    }

    /// Resolves when the lease is lost, with what that means for the job.
    pub async fn lost(&self) -> JobError {
        let mut loss = self.loss.clone();
        match loss.wait_for(Option::is_some).await.map(|loss| *loss) {
            Ok(Some(Loss::Database)) => {
                JobError::Dependency("the database was out for longer than the lease".to_owned())
            }
            _ => JobError::ClaimLost,
        }
    }

    /// Whether it is still ours to write.
    ///
    /// # Errors
    /// It is lost, with what that means for the job.
    pub async fn check(&self) -> Result<(), JobError> {
        if self.loss.borrow().is_some() { Err(self.lost().await) } else { Ok(()) }
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn renew(database: &Database, job: &ClaimedJob, lease: Duration, claimed_at: Instant) -> Loss {
    // Counted from before the statement was sent: the database's own count began later.
    let mut valid_until = claimed_at + lease;
    let mut database_is_out = false;
    loop {
        tokio::time::sleep(lease / 4).await;
        let asked_at = Instant::now();
        if asked_at >= valid_until {
            // Whoever was frozen itself was last answered.
            return if database_is_out { Loss::Database } else { Loss::Silence };
        }
        match tokio::time::timeout_at(valid_until, queries::renew_claim(database, job, lease)).await {
            Ok(Ok(true)) => {
                valid_until = asked_at + lease;
                database_is_out = false;
            }
            Ok(Ok(false)) => return Loss::Silence,
            // The lease lasts: the database may be back before it runs out.
            Ok(Err(_)) if Instant::now() < valid_until => database_is_out = true,
            Ok(Err(_)) | Err(_) => return Loss::Database,
        }
    }
}
