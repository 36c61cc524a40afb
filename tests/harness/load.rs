//! Clients that upload one picture after the other while something breaks.

use crate::{
    client::{Answer, Client},
    system::{SECRET, TestSystem},
    wait::until,
};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// Between two uploads of one client: the load is steady, and a worker keeps up with it.
const PAUSE: Duration = Duration::from_millis(150);

/// How long an upload may take to become final after everything has healed.
const HEALING: Duration = Duration::from_secs(60);

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    clients: Vec<JoinHandle<Vec<Sent>>>,
    answers: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

/// One upload, and how it was answered.
#[derive(Debug)]
pub struct Sent {
    /// Whose it is; each upload has a user of its own.
    pub client: Client,
    /// The answer.
    pub answer: Answer,
    /// When it was sent.
    pub at: Instant,
    /// How long the answer took.
    pub took: Duration,
}

/// Everything that was sent.
#[derive(Debug)]
pub struct Report(pub Vec<Sent>);

impl Load {
    /// Starts clients that upload a file to the system's first API.
    #[must_use]
    pub fn start(system: &TestSystem, clients: usize, file: &[u8]) -> Self {
        let (answers, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let clients = (0..clients).map(|number| {
            let (answers, stop, file) = (Arc::clone(&answers), Arc::clone(&stop), file.to_vec());
            let address = system.apis[0].address.clone();
            tokio::spawn(async move {
                let mut sent = Vec::new();
                while !stop.load(Relaxed) {
                    let client = Client::new(&address, &format!("user-{number}-{}", sent.len()), SECRET);
                    let at = Instant::now();
                    let answer = client.upload(file.clone()).await;
                    sent.push(Sent { client, answer, at, took: at.elapsed() });
                    answers.fetch_add(1, Relaxed);
                    tokio::time::sleep(PAUSE).await;
                }
                sent
            })
        });
        Self { clients: clients.collect(), answers, stop }
    }

    /// Waits until so many more uploads were answered.
    ///
    /// # Panics
    /// They aren't in time.
    pub async fn more(&self, count: usize) {
        let goal = self.answers.load(Relaxed) + count;
        until(&format!("{count} more answers"), HEALING, async || {
            (self.answers.load(Relaxed) >= goal).then_some(())
        })
        .await;
    }

    /// Sends no more, and waits for the last answers.
    ///
    /// # Panics
    /// A client got no answer.
    pub async fn stop(self) -> Report {
        self.stop.store(true, Relaxed);
        let mut report = Vec::new();
        for client in self.clients {
            report.extend(client.await.expect("an answer to every upload"));
        }
        Report(report)
    }
}

impl Report {
    /// The uploads that were accepted.
    pub fn accepted(&self) -> impl Iterator<Item = &Sent> {
        self.0.iter().filter(|sent| sent.answer.status == 202)
    }

    /// How many were answered how: the code of a problem, or `accepted`.
    #[must_use]
    pub fn answers(&self) -> BTreeMap<String, usize> {
        let mut answers = BTreeMap::new();
        for sent in &self.0 {
            let answer = match sent.answer.status.as_u16() {
                202 => "accepted".to_owned(),
                status => format!("{status} {}", sent.answer.code()),
            };
            *answers.entry(answer).or_default() += 1;
        }
        answers
    }

    /// The longest wait for an answer.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.0.iter().map(|sent| sent.took).max().unwrap_or_default()
    }

    /// Waits until everything that was accepted is final, and returns how many ended how: status and attempts.
    ///
    /// # Panics
    /// Something isn't in time.
    pub async fn ends(&self) -> BTreeMap<String, usize> {
        let finals = stream::iter(self.accepted())
            .map(|sent| async { sent.client.finished_within(sent.answer.header("location"), HEALING).await });
        let uploads: Vec<Value> = finals.buffer_unordered(8).collect().await;
        let mut ends = BTreeMap::new();
        for upload in uploads {
            let end = format!("{} after {}", upload["status"].as_str().unwrap_or("?"), upload["attempts"]);
            *ends.entry(end).or_default() += 1;
        }
        ends
    }
}
