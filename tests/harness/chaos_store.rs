//! An object store that misbehaves on demand: it passes everything on to the real one, but for the requests that
//! a test names. The `Host` header stays as it came, so that signatures hold.

mod serve;

use crate::system::{Setup, TestSystem};
use serve::serve;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

/// What a request asks of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An object is put, whole or in parts.
    Put,
    /// An object is read.
    Get,
    /// Objects are deleted, one or many at once.
    Delete,
    /// The bucket is listed.
    List,
    /// The bucket is made.
    MakeBucket,
}

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 403 with this code, for example `AccessDenied`.
    Refuse(&'static str),
    /// This status, as an overloaded server answers.
    Fail(u16),
    /// No answer until healed, and nothing is carried out.
    Hang,
    /// It is carried out, and the connection is closed instead of an answer.
    DropReply,
    /// It is carried out, and no answer comes until healed.
    HoldReply,
    /// The answer breaks off in the middle of its body.
    CutBody,
    /// The connection is reset while the request's body is sent, and nothing is carried out.
    Reset,
    /// It is carried out at once, and answered so late.
    Slow(Duration),
}

/// A system with one worker, whose requests of this kind the store leaves without an answer until it is healed.
///
/// # Panics
/// The system doesn't start.
pub async fn held_worker(setup: Setup, operation: Operation, prefix: &str) -> (TestSystem, ChaosStore) {
    let mut system = setup.workers(0).start().await;
    let store = ChaosStore::start(&system.settings["PFP_S3_ENDPOINT"]).await;
    system.start_worker_with(&[("PFP_S3_ENDPOINT", &store.endpoint)]);
    system.ready().await;
    store.break_all(operation, prefix, Fault::Hang);
    (system, store)
}

#[derive(Debug)]
struct Rule {
    operation: Operation,
    prefix: String,
    fault: Fault,
    left: usize,
}

/// What proxy and test share.
#[derive(Debug)]
struct Shared {
    upstream: String,
    client: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<(Operation, String)>>,
    hit: Mutex<Vec<(Operation, String)>>,
    healed: Notify,
}

/// The store between us and the real one; it ends when dropped.
#[derive(Debug)]
pub struct ChaosStore {
    /// Its address, for `PFP_S3_ENDPOINT`.
    pub endpoint: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl ChaosStore {
    /// Starts in front of a store.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            client: reqwest::Client::new(),
            rules: Mutex::default(),
            seen: Mutex::default(),
            hit: Mutex::default(),
            healed: Notify::new(),
        });
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { endpoint, shared, serving }
    }

    /// From now on, these requests on keys of this prefix go wrong.
    pub fn break_all(&self, operation: Operation, prefix: &str, fault: Fault) {
        self.break_next(usize::MAX, operation, prefix, fault);
    }

    /// So many of these requests go wrong.
    pub fn break_next(&self, times: usize, operation: Operation, prefix: &str, fault: Fault) {
        let rule = Rule { operation, prefix: prefix.to_owned(), fault, left: times };
        lock(&self.shared.rules).push(rule);
    }

    /// From now on, nothing goes wrong.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
        self.shared.healed.notify_waiters();
    }

    /// From now on, these requests don't go wrong; what hangs goes on.
    pub fn heal_only(&self, operation: Operation) {
        lock(&self.shared.rules).retain(|rule| rule.operation != operation);
        self.shared.healed.notify_waiters();
    }

    /// The keys of the requests of a kind that came, in order; of a deletion of several objects, nothing.
    #[must_use]
    pub fn seen(&self, operation: Operation, prefix: &str) -> Vec<String> {
        keys(&self.shared.seen, operation, prefix)
    }

    /// The keys of the requests of a kind that went wrong on purpose, in order.
    #[must_use]
    pub fn hit(&self, operation: Operation, prefix: &str) -> Vec<String> {
        keys(&self.shared.hit, operation, prefix)
    }
}

impl Drop for ChaosStore {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    /// Notes a request, and tells how it is to go wrong.
    fn fault(&self, operation: Operation, key: &str) -> Option<Fault> {
        lock(&self.seen).push((operation, key.to_owned()));
        let mut rules = lock(&self.rules);
        let rule = rules.iter_mut().find(|rule| {
            rule.operation == operation && rule.left > 0 && key.starts_with(rule.prefix.as_str())
        })?;
        rule.left -= 1;
        lock(&self.hit).push((operation, key.to_owned()));
        Some(rule.fault)
    }
}

fn keys(requests: &Mutex<Vec<(Operation, String)>>, operation: Operation, prefix: &str) -> Vec<String> {
    let requests = lock(requests);
    let wanted = requests.iter().filter(|(other, key)| *other == operation && key.starts_with(prefix));
    wanted.map(|(_, key)| key.clone()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
