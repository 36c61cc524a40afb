//! A round on one system: uploads that are accepted while its worker is off, then as many jobs of its queue's head.

use crate::LONG;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use pfp_tests::{
    client::{now, sign},
    percentile::percentile,
    system::{SECRET, TestSystem},
    wait::until,
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Between two looks at how many jobs are done.
const PAUSE: Duration = Duration::from_millis(100);

/// Of these many jobs the first one isn't measured, where connections and statements are made, nor the last one, where
/// a short queue runs dry.
const TENTH: usize = 10;

/// The uploads of a round.
#[derive(Debug)]
pub(crate) struct Accepts {
    per_second: f64,
    ms: Vec<f64>,
}

/// The jobs of a round.
#[derive(Debug)]
pub(crate) struct Jobs {
    per_second: f64,
}

/// The sweeps of all workers so far, as their metrics tell.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    pub(crate) count: u64,
    seconds: f64,
    /// The bucket, in seconds, that all of them were within.
    pub(crate) within: f64,
    /// Messages that they have published.
    pub(crate) republished: u64,
}

/// A system, and what was measured of it.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) system: &'a mut TestSystem,
    users: usize,
    pub(crate) accepts: Vec<Accepts>,
    pub(crate) jobs: Vec<Jobs>,
    pub(crate) sweeps: Sweeps,
}

impl<'a> Side<'a> {
    pub(crate) fn new(system: &'a mut TestSystem, users: usize) -> Self {
        Self { system, users, accepts: Vec::new(), jobs: Vec::new(), sweeps: Sweeps::default() }
    }

    /// The first round, 0, warms up.
    pub(crate) async fn round(
        &mut self,
        round: usize,
        uploads: usize,
        file: &[u8],
        at_once: usize,
    ) -> pfp_tests::Result<()> {
        let accepts = self.accept(round * uploads, uploads, file, at_once).await?;
        let jobs = self.work(uploads).await?;
        if round > 0 {
            self.accepts.push(accepts);
            self.jobs.push(jobs);
        }
        Ok(())
    }

    /// Uploads by users of their own, all over the table.
    async fn accept(
        &self,
        first: usize,
        uploads: usize,
        file: &[u8],
        at_once: usize,
    ) -> pfp_tests::Result<Accepts> {
        let url = format!("http://{}/user/upload-profile-picture", self.system.apis[0].address);
        let (http, file) = (reqwest::Client::new(), Bytes::copy_from_slice(file));
        // A prime, so that no user comes twice.
        let user = |number: usize| format!("user-{}", number * 7_919 % self.users);
        let tokens = (first..first + uploads)
            .map(|number| sign(&json!({ "sub": user(number), "exp": now() + 3600 }), SECRET));
        let requests: Vec<_> = tokens
            .map(|token| {
                http.post(&url).bearer_auth(token).header("Content-Type", "image/jpeg").body(file.clone())
            })
            .collect();
        let started = Instant::now();
        let sending = stream::iter(requests).map(async |request| {
            let sent = Instant::now();
            let answer = request.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            Ok::<_, reqwest::Error>((status, sent.elapsed().as_secs_f64() * 1e3))
        });
        let answers: Vec<_> = sending.buffer_unordered(at_once).collect().await;
        let took = started.elapsed().as_secs_f64();
        let mut ms = Vec::new();
        for answer in answers {
            let (status, took) = answer?;
            assert_eq!(status, 202);
            ms.push(took);
        }
        Ok(Accepts { per_second: uploads as f64 / took, ms })
    }

    /// Jobs a second of one worker, by the times in their rows.
    async fn work(&mut self, jobs: usize) -> pfp_tests::Result<Jobs> {
        let database = &self.system.database;
        let before: String = database.rows("SELECT clock_timestamp()::text", &[]).await[0].get(0);
        self.system.workers[0].start_again();
        let worker = &mut self.system.workers[0];
        worker.ready().await;
        until("so many jobs are done", LONG, async || {
            tokio::time::sleep(PAUSE).await;
            (worker.counted("pfp_jobs_total").await >= jobs as u64).then_some(())
        })
        .await;
        self.sweeps.add(&worker.metrics().await);
        worker.terminate().await;
        let sql = "SELECT extract(epoch FROM finished_at)::float8 FROM uploads
            WHERE finished_at > $1::text::timestamptz AND status = 'succeeded' ORDER BY finished_at";
        let rows = self.system.database.rows(sql, &[&before]).await;
        let ends: Vec<f64> = rows.iter().map(|row| row.get(0)).collect();
        assert!(ends.len() >= jobs, "{} of {jobs} jobs have succeeded", ends.len());
        let (first, last) = (jobs / TENTH, jobs - jobs / TENTH);
        Ok(Jobs { per_second: (last - first) as f64 / (ends[last - 1] - ends[first - 1]) })
    }
}

impl Accepts {
    pub(crate) fn per_second(rounds: &[Self]) -> Vec<f64> {
        rounds.iter().map(|round| round.per_second).collect()
    }

    /// Over all rounds.
    pub(crate) fn percentile(rounds: &[Self], percent: usize) -> f64 {
        let ms: Vec<_> = rounds.iter().flat_map(|round| &round.ms).copied().collect();
        percentile(&ms, percent)
    }
}

impl Jobs {
    pub(crate) fn per_second(rounds: &[Self]) -> Vec<f64> {
        rounds.iter().map(|round| round.per_second).collect()
    }
}

impl Sweeps {
    /// Seconds.
    pub(crate) fn mean(&self) -> f64 {
        self.seconds / self.count as f64
    }

    /// Adds what a worker's metrics tell before it ends.
    fn add(&mut self, metrics: &str) {
        let values = |name: &str| {
            let lines = metrics.lines().filter_map(move |line| line.strip_prefix(name)?.rsplit_once(' '));
            lines.filter_map(|(labels, value)| Some((labels, value.parse::<f64>().ok()?))).collect::<Vec<_>>()
        };
        let sum = |name: &str| values(name).iter().map(|(_, value)| value).sum::<f64>();
        let count = sum("pfp_sweep_duration_seconds_count");
        let buckets = values("pfp_sweep_duration_seconds_bucket");
        let within = buckets
            .iter()
            .filter(|(_, value)| *value >= count)
            .filter_map(|(label, _)| label.split('"').nth(1)?.parse::<f64>().ok());
        if count > 0.0 {
            self.within = self.within.max(within.fold(f64::INFINITY, f64::min));
        }
        self.seconds += sum("pfp_sweep_duration_seconds_sum");
        self.count += whole(count);
        self.republished += whole(sum("pfp_republished_total"));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a counter")]
fn whole(counter: f64) -> u64 {
    counter as u64
}
