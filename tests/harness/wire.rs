//! A wire between us and a server that a test can freeze, as a network that has lost its way does, slow down, reset,
//! or break at a moment that it names.

mod forward;

use forward::{holds, serve};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// The wire; its connections end when it is dropped.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins: what goes to this address goes to the server.
    pub address: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

/// What the wire and its connections share.
#[derive(Debug, Default)]
struct Shared {
    flow: watch::Sender<Flow>,
    resets: watch::Sender<u64>,
    planned: Mutex<Option<Planned>>,
    /// Whether something was sent since it was frozen.
    held: AtomicBool,
}

/// How what is sent comes through, in both directions.
#[derive(Debug, Clone, Copy, Default)]
struct Flow {
    frozen: bool,
    /// Connections end as soon as they are made.
    cut: bool,
    /// How long each piece is on its way.
    delay: Duration,
}

/// What happens to one connection, and then to all.
#[derive(Debug)]
struct Planned {
    when: Break,
    then_cut: bool,
}

/// When a connection breaks, once.
#[derive(Debug, Clone)]
pub enum Break {
    /// Before the server gets what holds these bytes.
    Before(&'static [u8]),
    /// After the server has carried out what holds these bytes, and before its answer comes back.
    BeforeTheAnswerTo(&'static [u8]),
    /// It doesn't: before the server gets what holds these bytes, the whole wire is frozen, and when that thaws, it gets it.
    FreezeBefore(&'static [u8]),
}

impl Wire {
    /// A wire to a server, `HOST:PORT`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::<Shared>::default();
        let serving = tokio::spawn(serve(listener, server.to_owned(), Arc::clone(&shared)));
        Self { address, shared, serving }
    }

    /// A wire to the server of a URL, and the URL that leads over it.
    ///
    /// # Panics
    /// The URL has no server.
    pub async fn in_url(url: &str) -> (Self, String) {
        let (_, rest) = url.split_once("://").expect("a URL");
        let server = rest.rsplit('@').next().and_then(|rest| rest.split('/').next()).expect("a server");
        let wire = Self::to(server).await;
        let over_the_wire = url.replace(server, &wire.address);
        (wire, over_the_wire)
    }

    /// From now on nothing comes through, in either direction, and no connection ends.
    pub fn freeze(&self) {
        self.shared.flow.send_modify(|flow| flow.frozen = true);
    }

    /// What was held up comes through, and everything after it.
    pub fn thaw(&self) {
        self.shared.held.store(false, SeqCst);
        self.shared.flow.send_modify(|flow| flow.frozen = false);
    }

    /// Whether somebody has sent something since it was frozen, and waits.
    #[must_use]
    pub fn holds_something(&self) -> bool {
        self.shared.held.load(SeqCst)
    }

    /// From now on there is no connection: those that there are end, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.shared.flow.send_modify(|flow| flow.cut = true);
        self.reset();
    }

    /// Connections can be made again.
    pub fn mend(&self) {
        self.shared.flow.send_modify(|flow| flow.cut = false);
    }

    /// From now on each piece is on its way for so long, in either direction.
    pub fn delay(&self, delay: Duration) {
        self.shared.flow.send_modify(|flow| flow.delay = delay);
    }

    /// Every connection that there is ends with a reset (RST), as where a server or a router has forgotten it.
    pub fn reset(&self) {
        self.shared.resets.send_modify(|resets| *resets += 1);
    }

    /// One connection will break.
    pub fn plan(&self, planned: Break) {
        *lock(&self.shared.planned) = Some(Planned { when: planned, then_cut: false });
    }

    /// One connection will break, and from then on there is none until it is mended.
    pub fn plan_the_last(&self, planned: Break) {
        *lock(&self.shared.planned) = Some(Planned { when: planned, then_cut: true });
    }

    /// Whether what was planned has happened.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        lock(&self.shared.planned).is_none()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn planned(&self) -> Option<Break> {
        lock(&self.planned).as_ref().map(|planned| planned.when.clone())
    }

    /// What was planned happens now.
    fn break_as_planned(&self) {
        if lock(&self.planned).take().is_some_and(|planned| planned.then_cut) {
            self.flow.send_modify(|flow| flow.cut = true);
        }
    }

    /// A client has sent this: the wire is frozen if that was planned.
    fn freezes_before(&self, bytes: &[u8]) {
        let mut planned = lock(&self.planned);
        if let Some(Planned { when: Break::FreezeBefore(wanted), .. }) = &*planned
            && holds(bytes, wanted)
        {
            *planned = None;
            self.flow.send_modify(|flow| flow.frozen = true);
        }
    }

    /// Waits for as long as it is frozen.
    async fn thawed(&self) {
        if self.flow.borrow().frozen {
            self.held.store(true, SeqCst);
        }
        // The sender is ours.
        let _ = self.flow.subscribe().wait_for(|flow| !flow.frozen).await;
    }
}
