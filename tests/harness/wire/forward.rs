//! One connection over the wire, and what was planned for it.

use super::{Break, Shared};
use socket2::SockRef;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// Pieces that are on their way in one direction at once.
const PIECES: usize = 64;

/// What both directions of a connection know.
#[derive(Debug, Default)]
struct Connection {
    answer_is_lost: AtomicBool,
    broken: Notify,
}

/// Takes connections until dropped, and ends them with itself.
pub(super) async fn serve(listener: TcpListener, server: String, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (server, shared) = (server.clone(), Arc::clone(&shared));
        connections.spawn(async move { forward(client, server, &shared).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(mut client: TcpStream, server: String, shared: &Shared) {
    let mut reset = shared.resets.subscribe();
    if shared.flow.borrow().cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let was_reset = {
        // Not into halves of their own: those would say good-bye when they are dropped.
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let connection = Connection::default();
        let there = copy(
            from_client,
            to_server,
            shared,
            |bytes| shared.freezes_before(bytes),
            |bytes| may_pass(bytes, shared, &connection),
        );
        let back = copy(
            from_server,
            to_client,
            shared,
            |_| {},
            |_| {
                let passes = !connection.answer_is_lost.load(SeqCst);
                if !passes {
                    shared.break_as_planned();
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
fn may_pass(bytes: &[u8], shared: &Shared, connection: &Connection) -> bool {
    match shared.planned() {
        Some(Break::Before(wanted)) if holds(bytes, wanted) => {
            shared.break_as_planned();
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

/// Whether these bytes are among what is sent.
pub(super) fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

/// What is read goes on in its order, each piece when its time has come: a delay holds up nothing behind it.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    shared: &Shared,
    arrives: impl Fn(&[u8]),
    may_pass: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    let (put, mut take) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let read = async move {
        loop {
            let mut piece = vec![0; 16 << 10];
            let read = from.read(&mut piece).await?;
            piece.truncate(read);
            let at = Instant::now() + shared.flow.borrow().delay;
            if put.send((at, piece)).await.is_err() || read == 0 {
                return Ok::<_, std::io::Error>(());
            }
        }
    };
    let write = async {
        while let Some((at, piece)) = take.recv().await {
            sleep_until(at).await;
            arrives(&piece);
            shared.thawed().await;
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
