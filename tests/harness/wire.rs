//! A wire between us and a server that a test can freeze, as a network that has lost its way does, or that breaks
//! at a moment that a test names.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering::SeqCst},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinHandle,
};

/// The wire; its connections end when it is dropped.
#[derive(Debug)]
pub struct Wire {
    /// Where it begins: what goes to this address goes to the server.
    pub address: String,
    frozen: watch::Sender<bool>,
    planned: Arc<Mutex<Option<Break>>>,
    serving: JoinHandle<()>,
}

/// When a connection breaks, once.
#[derive(Debug, Clone)]
pub enum Break {
    /// Before the server gets what holds these bytes.
    Before(&'static [u8]),
    /// After the server has carried out what holds these bytes, and before its answer comes back.
    BeforeTheAnswerTo(&'static [u8]),
}

impl Wire {
    /// A wire to a server, `HOST:PORT`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (frozen, flow) = watch::channel(false);
        let planned = Arc::<Mutex<Option<Break>>>::default();
        let (server, plan) = (server.to_owned(), Arc::clone(&planned));
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, server.clone(), flow.clone(), Arc::clone(&plan)));
            }
        });
        Self { address, frozen, planned, serving }
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
        self.frozen.send_replace(true);
    }

    /// What was held up comes through, and everything after it.
    pub fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// One connection will break.
    pub fn plan(&self, planned: Break) {
        *lock(&self.planned) = Some(planned);
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

/// What both directions of a connection know.
#[derive(Debug, Default)]
struct Connection {
    answer_is_lost: AtomicBool,
    broken: Notify,
}

async fn forward(
    client: TcpStream,
    server: String,
    flow: watch::Receiver<bool>,
    planned: Arc<Mutex<Option<Break>>>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let connection = Connection::default();
    let there = copy(from_client, to_server, flow.clone(), |bytes| may_pass(bytes, &planned, &connection));
    let back = copy(from_server, to_client, flow, |_| {
        let passes = !connection.answer_is_lost.load(SeqCst);
        if !passes {
            lock(&planned).take();
            connection.broken.notify_one();
        }
        passes
    });
    tokio::select! {
        // A connection that breaks off is for both ends to notice.
        _ = async { tokio::join!(there, back) } => {}
        () = connection.broken.notified() => {}
    }
}

/// Whether what a client sends goes on to the server.
fn may_pass(bytes: &[u8], planned: &Mutex<Option<Break>>, connection: &Connection) -> bool {
    let mut planned = lock(planned);
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|part| part == wanted);
    match &*planned {
        Some(Break::Before(wanted)) if holds(wanted) => {
            *planned = None;
            connection.broken.notify_one();
            false
        }
        Some(Break::BeforeTheAnswerTo(wanted)) if holds(wanted) => {
            connection.answer_is_lost.store(true, SeqCst);
            true
        }
        _ => true,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<bool>,
    may_pass: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer).await?;
        // The wire is gone: so are its connections.
        if flow.wait_for(|frozen| !frozen).await.is_err() {
            return Ok(());
        }
        if read == 0 {
            return to.shutdown().await;
        }
        if !may_pass(&buffer[..read]) {
            // It ends when the connection does.
            std::future::pending::<()>().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
