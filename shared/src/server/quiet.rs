//! How long a connection may be silent, in each of its phases.
//!
//! hyper has one time-out for headers, and it runs between requests too: a connection that is kept alive would
//! be closed after the time for headers. So the phases are told apart here, below hyper.

use super::{ConnectionLimits, answer_pace::AnswerPace};
use crate::lock::lock;
use futures_util::task::AtomicWaker;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between requests, until then.
    Idle(Instant),
    /// Within a request's headers, until then.
    Headers(Instant),
    /// Within the request of this number, which has its own limits.
    Request(u64),
}

/// The phase of one connection, as its reads and its requests tell it.
#[derive(Debug)]
pub(super) struct Clock {
    limits: ConnectionLimits,
    phase: Mutex<Phase>,
    requests: AtomicU64,
    closing: AtomicBool,
    reader: AtomicWaker,
}

impl Clock {
    /// A connection that was just accepted owes its first headers.
    pub(super) fn start(limits: ConnectionLimits) -> Arc<Self> {
        let phase = Phase::Headers(Instant::now() + limits.headers);
        Arc::new(Self {
            limits,
            phase: Mutex::new(phase),
            requests: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            reader: AtomicWaker::new(),
        })
    }

    /// A request has begun. It lasts until the last copy of what is returned is dropped.
    pub(super) fn request(self: &Arc<Self>) -> Arc<InRequest> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        self.enter(Phase::Request(number));
        Arc::new(InRequest { clock: Arc::clone(self), number })
    }

    /// A request has ended. Its last copy may be dropped when the next one has already begun.
    fn end(&self, number: u64) {
        let mut phase = lock(&self.phase);
        if *phase == Phase::Request(number) {
            *phase = Phase::Idle(Instant::now() + self.limits.idle);
        }
    }

    fn enter(&self, phase: Phase) {
        *lock(&self.phase) = phase;
    }

    fn phase(&self) -> Phase {
        *lock(&self.phase)
    }

    fn bytes_were_read(&self) {
        if matches!(self.phase(), Phase::Idle(_)) {
            self.enter(Phase::Headers(Instant::now() + self.limits.headers));
        }
    }

    /// Ends the connection as soon as it is in no request: one of which only a part has come is waited for no longer.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.reader.wake();
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            Phase::Idle(deadline) | Phase::Headers(deadline) => Some(deadline),
            Phase::Request(_) => None,
        }
    }
}

/// Held by a request's body and by its answer's.
#[derive(Debug)]
pub(super) struct InRequest {
    clock: Arc<Clock>,
    number: u64,
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.clock.end(self.number);
        // The connection may already wait for the next request, without a deadline.
        self.clock.reader.wake();
    }
}

/// A stream whose reads fail when the connection was silent for too long, and whose writes fail when the other
/// side takes nothing for too long, or too little.
#[derive(Debug)]
pub(super) struct Quiet<S> {
    stream: S,
    clock: Arc<Clock>,
    read_until: Pin<Box<Sleep>>,
    pace: AnswerPace,
}

impl<S> Quiet<S> {
    pub(super) fn new(stream: S, clock: Arc<Clock>) -> Self {
        let pace = AnswerPace::of(clock.limits);
        Self { stream, clock, read_until: Box::pin(sleep_until(Instant::now())), pace }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Quiet<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(cx, buffer) {
            if buffer.filled().len() > before {
                self.clock.bytes_were_read();
            }
            return Poll::Ready(outcome);
        }
        // Registered before the phase is looked at: a change in between wakes us.
        self.clock.reader.register(cx.waker());
        let Some(deadline) = self.clock.deadline() else { return Poll::Pending };
        if self.clock.closing.load(Ordering::SeqCst) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if self.read_until.deadline() != deadline {
            self.read_until.as_mut().reset(deadline);
        }
        ready!(self.read_until.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Quiet<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.pace.look(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.pace.look(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const LIMITS: ConnectionLimits = ConnectionLimits {
        most: 1,
        headers: Duration::from_secs(10),
        idle: Duration::from_secs(30),
        min_answer_rate: 0,
    };

    async fn seconds_until_closed<S: AsyncRead + Unpin>(quiet: &mut Quiet<S>) -> u64 {
        let start = Instant::now();
        let error = quiet.read(&mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_closed_after_the_time_for_headers() {
        let (_client, server) = duplex(64);
        let mut quiet = Quiet::new(server, Clock::start(LIMITS));
        assert_eq!(seconds_until_closed(&mut quiet).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_trickle_in_do_not_extend_the_time_for_headers() {
        let (mut client, server) = duplex(64);
        let mut quiet = Quiet::new(server, Clock::start(LIMITS));
        client.write_all(b"G").await.unwrap();
        assert_eq!(quiet.read(&mut [0; 16]).await.unwrap(), 1);
        tokio::time::advance(Duration::from_secs(9)).await;
        client.write_all(b"E").await.unwrap();
        assert_eq!(quiet.read(&mut [0; 16]).await.unwrap(), 1);
        assert_eq!(seconds_until_closed(&mut quiet).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_the_idle_time_counts_and_within_one_none() {
        let (mut client, server) = duplex(64);
        let clock = Clock::start(LIMITS);
        let mut quiet = Quiet::new(server, Arc::clone(&clock));
        let request = clock.request();
        let waiting = tokio::time::timeout(Duration::from_secs(3600), quiet.read(&mut [0; 16])).await;
        assert!(waiting.is_err(), "no deadline within a request");
        drop(request);
        tokio::time::advance(Duration::from_secs(29)).await;
        client.write_all(b"G").await.unwrap();
        assert_eq!(quiet.read(&mut [0; 16]).await.unwrap(), 1);
        assert_eq!(seconds_until_closed(&mut quiet).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_request_wakes_a_read_that_waits_without_a_deadline() {
        let (_client, server) = duplex(64);
        let clock = Clock::start(LIMITS);
        let mut quiet = Quiet::new(server, Arc::clone(&clock));
        let request = clock.request();
        let reading = tokio::spawn(async move { seconds_until_closed(&mut quiet).await });
        tokio::time::sleep(Duration::from_secs(100)).await;
        drop(request);
        assert_eq!(reading.await.unwrap(), 130);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_to_end_waits_for_its_request_and_not_for_headers() {
        let (mut client, server) = duplex(64);
        let clock = Clock::start(LIMITS);
        let mut quiet = Quiet::new(server, Arc::clone(&clock));
        let request = clock.request();
        clock.close();
        let reading = tokio::time::timeout(Duration::from_secs(100), quiet.read(&mut [0; 16])).await;
        assert!(reading.is_err(), "the request goes on");
        drop(request);
        client.write_all(b"G").await.unwrap();
        assert_eq!(quiet.read(&mut [0; 16]).await.unwrap(), 1);
        let start = Instant::now();
        assert_eq!(quiet.read(&mut [0; 16]).await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(start.elapsed().as_secs(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_its_answer_is_given_up() {
        let (_client, server) = duplex(8);
        let mut quiet = Quiet::new(server, Clock::start(LIMITS));
        let start = Instant::now();
        let error = quiet.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
