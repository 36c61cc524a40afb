//! A TCP stream that can be looked at while it is in use: hyper reads nothing while a request is being answered, and
//! wouldn't notice that nobody is there any more.

use bytes::BufMut;
use futures_util::FutureExt;
use socket2::SockRef;
use std::{
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// What is read at once by all connections together, in bytes. hyper's buffer for a connection grows to four times what is
/// read at once, and is beside the budget for uploads: a thousand clients at once hold some 20 MiB so.
const READ_BY_ALL: usize = 2 << 20;

/// What one of them reads at once, at least and at most: hyper's buffer begins with one byte more than the least, and
/// doesn't grow for it; an upload alone costs a third more processor time in pieces of 8 KiB than of 128 KiB.
const READ_BY_ONE: (usize, usize) = ((8 << 10) - 1, 128 << 10);

/// The connections of a listener, counted: each holds a copy, and so does who accepts them.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<()>);

impl Connections {
    fn read_limit(&self) -> usize {
        let count = Arc::strong_count(&self.0).saturating_sub(1).max(1);
        (READ_BY_ALL / count).clamp(READ_BY_ONE.0, READ_BY_ONE.1)
    }
}

/// The stream. Cheap to clone; one copy reads and writes.
#[derive(Debug, Clone)]
pub(super) struct SharedStream(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    among: Connections,
}

/// What the other side may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// As far as can be told it is there.
    IsThere,
    /// It sends nothing more: it has closed its side, or the whole connection.
    SendsNoMore,
    /// Nothing reaches it any more.
    IsGone,
}

impl SharedStream {
    /// A connection among others.
    pub(super) fn new(stream: TcpStream, among: Connections) -> Self {
        Self(Arc::new(Shared { stream, among }))
    }

    /// What is known of the other side. Costs no call of the system.
    pub(super) fn peer(&self) -> Peer {
        match self.0.stream.ready(Interest::READABLE | Interest::WRITABLE).now_or_never() {
            Some(Ok(ready)) if ready.is_write_closed() => Peer::IsGone,
            Some(Ok(ready)) if ready.is_read_closed() => Peer::SendsNoMore,
            _ => Peer::IsThere,
        }
    }
}

impl AsyncRead for SharedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            match self.0.stream.try_read_buf(&mut buffer.limit(self.0.among.read_limit())) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome.map(|_| ())),
            }
        }
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    async fn pair() -> (TcpStream, SharedStream) {
        pair_among(Connections::default()).await
    }

    async fn pair_among(among: Connections) -> (TcpStream, SharedStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, SharedStream::new(listener.accept().await.unwrap().0, among))
    }

    async fn becomes(stream: &SharedStream, expected: Peer) {
        let told = async {
            while stream.peer() != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), told).await.is_ok(), "{:?}", stream.peer());
    }

    #[tokio::test]
    async fn what_the_other_side_does_is_seen_without_a_read() {
        let (mut client, stream) = pair().await;
        assert_eq!(stream.peer(), Peer::IsThere);
        client.write_all(b"unread").await.unwrap();
        client.shutdown().await.unwrap();
        becomes(&stream, Peer::SendsNoMore).await;
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        becomes(&stream, Peer::IsGone).await;
    }

    #[tokio::test]
    async fn bytes_go_both_ways_to_the_end() {
        let (mut client, mut stream) = pair().await;
        let sent: Vec<u8> = (0..1 << 20).map(|number: u32| number.to_le_bytes()[0]).collect();
        let (mut came, mut back) = (Vec::new(), Vec::new());
        let (theirs, ours) = (sent.clone(), sent.clone());
        let other = tokio::spawn(async move {
            let (mut reads, mut writes) = client.split();
            let write = async {
                writes.write_all(&theirs).await.unwrap();
                writes.shutdown().await.unwrap();
            };
            tokio::join!(write, async { reads.read_to_end(&mut back).await.unwrap() });
            back
        });
        let mut writes = stream.clone();
        let write = async {
            writes.write_all(&ours).await.unwrap();
            writes.shutdown().await.unwrap();
        };
        tokio::join!(write, async { stream.read_to_end(&mut came).await.unwrap() });
        assert!(came == sent && other.await.unwrap() == sent);
    }

    /// The most that one of so many connections reads at once of what is sent as fast as can be.
    async fn most_read_at_once(connections: usize) -> usize {
        let among = Connections::default();
        let (mut client, mut stream) = pair_among(among.clone()).await;
        // One more for who accepts them.
        let _others = vec![among; connections];
        let sending = tokio::spawn(async move { client.write_all(&vec![0; 4 << 20]).await });
        let (mut buffer, mut most) = (vec![0; 1 << 20], 0);
        loop {
            match stream.read(&mut buffer).await.unwrap() {
                0 => break,
                count => most = most.max(count),
            }
        }
        sending.await.unwrap().unwrap();
        most
    }

    #[tokio::test]
    async fn the_more_connections_there_are_the_less_each_reads_at_once() {
        for (connections, limit) in [(1, 128 << 10), (100, READ_BY_ALL / 100), (1_000, READ_BY_ONE.0)] {
            let most = most_read_at_once(connections).await;
            assert!(most <= limit, "{connections}: {most}");
            assert!(connections == 1 || most == limit, "{connections}: {most}");
        }
    }
}
