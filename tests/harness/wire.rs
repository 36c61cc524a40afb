//! A wire between us and a server that a test can freeze, as a network that has lost its way does, slow down, reset,
//! or break at a moment that it names.

use socket2::SockRef;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// The wire; its connections end when it is dropped.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins: what goes to this address goes to the server.
    pub address: String,
    flow: Arc<watch::Sender<Flow>>,
    resets: watch::Sender<u64>,
    planned: Arc<Mutex<Option<Planned>>>,
    held: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

/// Pieces that are on their way in one direction at once.
const PIECES: usize = 64;

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
        let (flow, flowing) = watch::channel(Flow::default());
        let flow = Arc::new(flow);
        let (resets, reset) = watch::channel(0);
        let plan = Plan { planned: Arc::default(), flow: Arc::clone(&flow), held: Arc::default() };
        let (server, planned, held) = (server.to_owned(), Arc::clone(&plan.planned), Arc::clone(&plan.held));
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server.clone(), flowing.clone(), reset.clone(), plan.clone()));
            }
        });
        Self { address, flow, resets, planned, held, serving }
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
        self.flow.send_modify(|flow| flow.frozen = true);
    }

    /// What was held up comes through, and everything after it.
    pub fn thaw(&self) {
        self.held.store(false, SeqCst);
        self.flow.send_modify(|flow| flow.frozen = false);
    }

    /// Whether somebody has sent something since it was frozen, and waits.
    #[must_use]
    pub fn holds_something(&self) -> bool {
        self.held.load(SeqCst)
    }

    /// From now on there is no connection: those that there are end, and new ones as soon as they are made.
    pub fn cut(&self) {
        self.flow.send_modify(|flow| flow.cut = true);
        self.reset();
    }

    /// Connections can be made again.
    pub fn mend(&self) {
        self.flow.send_modify(|flow| flow.cut = false);
    }

    /// From now on each piece is on its way for so long, in either direction.
    pub fn delay(&self, delay: Duration) {
        self.flow.send_modify(|flow| flow.delay = delay);
    }

    /// Every connection that there is ends with a reset (RST), as where a server or a router has forgotten it.
    pub fn reset(&self) {
        self.resets.send_modify(|resets| *resets += 1);
    }

    /// One connection will break.
    pub fn plan(&self, planned: Break) {
        *lock(&self.planned) = Some(Planned { when: planned, then_cut: false });
    }

    /// One connection will break, and from then on there is none until it is mended.
    pub fn plan_the_last(&self, planned: Break) {
        *lock(&self.planned) = Some(Planned { when: planned, then_cut: true });
    }

    /// Whether what was planned has happened.
    #[must_use]
    pub fn has_broken(&self) -> bool {
        lock(&self.planned).is_none()
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

/// What every connection knows of what is planned.
#[derive(Debug, Clone)]
struct Plan {
    planned: Arc<Mutex<Option<Planned>>>,
    flow: Arc<watch::Sender<Flow>>,
    held: Arc<AtomicBool>,
}

impl Plan {
    /// What was planned happens now.
    fn happens(&self) {
        if lock(&self.planned).take().is_some_and(|planned| planned.then_cut) {
            self.flow.send_modify(|flow| flow.cut = true);
        }
    }

    /// A client has sent this.
    fn arrives(&self, bytes: &[u8]) {
        let mut planned = lock(&self.planned);
        if let Some(Planned { when: Break::FreezeBefore(wanted), .. }) = &*planned
            && holds(bytes, wanted)
        {
            *planned = None;
            self.flow.send_modify(|flow| flow.frozen = true);
        }
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// What both directions of a connection know.
#[derive(Debug, Default)]
struct Connection {
    answer_is_lost: AtomicBool,
    broken: Notify,
}

async fn forward(
    mut client: TcpStream,
    server: String,
    flow: watch::Receiver<Flow>,
    mut reset: watch::Receiver<u64>,
    plan: Plan,
) {
    // Those of before are none of this connection's.
    reset.mark_unchanged();
    if flow.borrow().cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let was_reset = {
        // Not into halves of their own: those would say good-bye when they are dropped.
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let connection = Connection::default();
        let arrives = |bytes: &[u8]| plan.arrives(bytes);
        let there = copy(from_client, to_server, flow.clone(), &plan.held, arrives, |bytes| {
            may_pass(bytes, &plan, &connection)
        });
        let back = copy(
            from_server,
            to_client,
            flow,
            &plan.held,
            |_| {},
            |_| {
                let passes = !connection.answer_is_lost.load(SeqCst);
                if !passes {
                    plan.happens();
                    connection.broken.notify_one();
                }
                passes
            },
        );
        tokio::select! {
            // A connection that breaks off is for both ends to notice.
            _ = async { tokio::join!(there, back) } => false,
            () = connection.broken.notified() => false,
            Ok(()) = reset.changed() => true,
        }
    };
    if was_reset {
        for stream in [&client, &server] {
            // Closed without a linger it is reset.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Whether what a client sends goes on to the server.
fn may_pass(bytes: &[u8], plan: &Plan, connection: &Connection) -> bool {
    let when = lock(&plan.planned).as_ref().map(|planned| planned.when.clone());
    match when {
        Some(Break::Before(wanted)) if holds(bytes, wanted) => {
            plan.happens();
            connection.broken.notify_one();
            false
        }
        Some(Break::BeforeTheAnswerTo(wanted)) if holds(bytes, wanted) => {
            connection.answer_is_lost.store(true, SeqCst);
            true
        }
        _ => true,
    }
}

/// What is read goes on in its order, each piece when its time has come: a delay holds up nothing behind it.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
    held: &AtomicBool,
    arrives: impl Fn(&[u8]),
    may_pass: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    let (put, mut take) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let delays = flow.clone();
    let read = async move {
        loop {
            let mut piece = vec![0; 16 << 10];
            let read = from.read(&mut piece).await?;
            piece.truncate(read);
            let at = Instant::now() + delays.borrow().delay;
            if put.send((at, piece)).await.is_err() || read == 0 {
                return Ok::<_, std::io::Error>(());
            }
        }
    };
    let write = async {
        while let Some((at, piece)) = take.recv().await {
            sleep_until(at).await;
            arrives(&piece);
            if flow.borrow().frozen {
                held.store(true, SeqCst);
            }
            // The wire is gone: so are its connections.
            if flow.wait_for(|flow| !flow.frozen).await.is_err() {
                return Ok(());
            }
            if piece.is_empty() {
                return to.shutdown().await;
            }
            if !may_pass(&piece) {
                // It ends when the connection does.
                std::future::pending::<()>().await;
            }
            to.write_all(&piece).await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_| ())
}
