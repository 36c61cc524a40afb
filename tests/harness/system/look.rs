//! A look at a system's bucket, queue and rows, past its processes.

use super::TestSystem;
use crate::{
    bucket,
    wait::{PATIENCE, until},
};

impl TestSystem {
    /// The keys of all objects in the bucket.
    pub async fn objects(&self) -> Vec<String> {
        bucket::objects(&self.storage).await
    }

    /// Waits until nothing is under way any more and every deletion is done.
    pub async fn quiet(&self) {
        until("no unfinished uploads, no pending deletions", PATIENCE * 2, async || {
            let sql =
                "SELECT (SELECT count(*) FROM uploads WHERE status IN ('receiving', 'queued', 'processing'))
                + (SELECT count(*) FROM object_deletions)";
            (self.database.count(sql).await == 0).then_some(())
        })
        .await;
    }

    /// What the broker says of the jobs queue: its messages, delivered ones included, and its consumers. Nothing
    /// when there is no such queue.
    #[must_use]
    pub fn jobs_queue(&self) -> Option<(u32, u32)> {
        let told = self.servers.rabbitmqctl(&["list_queues", "--quiet", "name", "messages", "consumers"]);
        let name = self.queue("jobs");
        let queue = told.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let queue = queue.into_iter().find(|fields| fields.first() == Some(&name.as_str()))?;
        Some((queue.get(1)?.parse().ok()?, queue.get(2)?.parse().ok()?))
    }

    /// Messages of the jobs queue that the broker has delivered and nobody has acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> u32 {
        let told = self.servers.rabbitmqctl(&["list_queues", "--quiet", "name", "messages_unacknowledged"]);
        let line = format!("{}\t", self.queue("jobs"));
        told.lines().find_map(|told| told.strip_prefix(&line)?.parse().ok()).unwrap_or_default()
    }

    /// Waits until every API publishes: it is ready before, and leaves its first uploads to a sweep then.
    pub async fn publishes(&self) {
        for api in &self.apis {
            api.publishes().await;
        }
    }

    /// Waits until the first listing of the bucket has ended: from then on, what no row names stays, and
    /// [`TestSystem::finish`] sees it.
    pub async fn listed(&self) {
        until("the bucket was listed", PATIENCE, async || {
            let sql = "SELECT count(*) FROM pfp_installation WHERE listing_finished_at IS NOT NULL";
            (self.database.count(sql).await == 1).then_some(())
        })
        .await;
    }

    /// Addresses at which this many objects can be put into the bucket, signed for an hour.
    ///
    /// # Errors
    /// The store's settings can't be used.
    pub async fn put_urls(&self, count: usize) -> crate::Result<Vec<String>> {
        use object_store::{aws::AmazonS3Builder, path::Path, signer::Signer};
        let bucket = self.settings["PFP_STORAGE_URL"].trim_start_matches("s3://");
        let store = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_endpoint(&self.settings["PFP_S3_ENDPOINT"])
            .with_access_key_id(&self.settings["PFP_S3_ACCESS_KEY"])
            .with_secret_access_key(&self.settings["PFP_S3_SECRET_KEY"])
            .with_allow_http(true)
            .build()?;
        let paths: Vec<_> =
            (0..count).map(|_| Path::from(format!("bench/{}", uuid::Uuid::new_v4()))).collect();
        let hour = std::time::Duration::from_secs(3600);
        let urls = store.signed_urls("PUT".parse()?, &paths, hour).await?;
        Ok(urls.into_iter().map(String::from).collect())
    }

    /// The keys that rows name.
    pub async fn named_objects(&self) -> Vec<String> {
        let sql = "SELECT picture_key AS key FROM users WHERE picture_key IS NOT NULL
            UNION SELECT picture_key FROM uploads WHERE picture_key IS NOT NULL
            UNION SELECT 'staging/' || id FROM uploads WHERE status IN ('receiving', 'queued', 'processing', 'failed')
                AND failure->>'code' IS DISTINCT FROM 'storage_error'
            ORDER BY key";
        let mut keys: Vec<String> = self.database.rows(sql, &[]).await.iter().map(|row| row.get(0)).collect();
        keys.sort();
        keys
    }
}
