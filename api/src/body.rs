//! Bodies of requests that are answered before they were read to their end.
//!
//! A connection that is closed while its client still sends is reset, and the client loses the answer. So the
//! rest of a body is read and thrown away in a task of its own, within bounds. The body lies in a place that the
//! handler and the layer around it share: whoever is left when the answer is known can take it over.

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use pfp_shared::lock::lock;
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

/// Thrown away at least, however small files must be: the picture that is several times too large is the one whose
/// client most needs the answer.
const LEAST_DRAINED: u64 = 64 << 20;

#[derive(Debug)]
struct Slot {
    body: Body,
    polled: bool,
    ended: bool,
}

/// A request's body in a place that is shared.
#[derive(Debug, Clone)]
pub struct SharedBody(Arc<Mutex<Slot>>);

impl SharedBody {
    /// Puts a body into a shared place.
    #[must_use]
    pub fn new(body: Body) -> Self {
        let ended = body.is_end_stream();
        Self(Arc::new(Mutex::new(Slot { body, polled: false, ended })))
    }

    /// The body as a handler takes it.
    pub fn handle(&self) -> Body {
        Body::new(self.clone())
    }

    /// Reads what is left and throws it away, in a task of its own. Not when the client still waits to be asked
    /// for the body: it then never sends it.
    pub fn drain(self, limits: DrainLimits, waits_to_be_asked: bool) {
        let (ended, polled) = {
            let slot = self.slot();
            (slot.ended, slot.polled)
        };
        if !ended && (polled || !waits_to_be_asked) {
            tokio::spawn(tokio::time::timeout(limits.time, throw_away(self, limits.bytes)));
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        lock(&self.0)
    }
}

/// How much is read and thrown away after an early answer.
#[derive(Debug, Clone, Copy)]
pub struct DrainLimits {
    bytes: u64,
    time: Duration,
}

impl DrainLimits {
    /// As much as an upload may have or more, for as long as a connection may be silent.
    #[must_use]
    pub fn new(largest_body: u64, time: Duration) -> Self {
        Self { bytes: largest_body.max(LEAST_DRAINED), time }
    }
}

async fn throw_away(mut body: SharedBody, most: u64) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > most {
            return;
        }
    }
}

impl http_body::Body for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut slot = self.slot();
        slot.polled = true;
        let polled = Pin::new(&mut slot.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) || slot.body.is_end_stream() {
            slot.ended = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.slot().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.slot().body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use std::sync::atomic::{AtomicU64, Ordering};

    const LIMITS: DrainLimits = DrainLimits { bytes: 1000, time: Duration::from_secs(30) };

    /// A body of chunks of 100 bytes that counts how many were taken.
    fn counted(chunks: usize, taken: &Arc<AtomicU64>) -> SharedBody {
        let taken = Arc::clone(taken);
        let chunks = (0..chunks).map(move |_| {
            taken.fetch_add(1, Ordering::SeqCst);
            Ok::<_, axum::Error>(Bytes::from_static(&[0; 100]))
        });
        SharedBody::new(Body::from_stream(stream::iter(chunks)))
    }

    async fn settled() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_a_handler_left_is_read_to_the_end() {
        let taken = Arc::default();
        let body = counted(5, &taken);
        let mut handle = body.handle();
        handle.frame().await.unwrap().unwrap();
        drop(handle);
        body.drain(LIMITS, false);
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn no_more_is_thrown_away_than_the_limit() {
        let taken = Arc::default();
        counted(1_000_000, &taken).drain(LIMITS, false);
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 11);
    }

    #[tokio::test]
    async fn a_client_that_waits_to_be_asked_is_not_asked() {
        let taken = Arc::default();
        counted(5, &taken).drain(LIMITS, true);
        settled().await;
        assert_eq!(taken.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stalls_is_not_waited_for_longer_than_the_limit() {
        let body = SharedBody::new(Body::from_stream(stream::pending::<Result<Bytes, axum::Error>>()));
        let place = Arc::downgrade(&body.0);
        body.drain(LIMITS, false);
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert!(place.upgrade().is_some());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(place.upgrade().is_none());
    }
}
