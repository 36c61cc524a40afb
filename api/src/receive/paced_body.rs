//! A body that may neither stall nor trickle.

use super::{Admission, BodyFault, window::Window};
use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The rate is looked at over this long: a phone that changes cells stalls for a few seconds.
pub(super) const WINDOW: Duration = Duration::from_secs(10);

/// How a body has to come.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long no byte may come.
    pub idle: Duration,
    /// Bytes a second over [`WINDOW`]; 0 is any.
    pub min_rate: u64,
}

/// A body as a stream of its bytes. Only time spent waiting for the client counts: while nobody asks for more,
/// because the store is slow, the client isn't to blame.
pub struct PacedBody {
    body: Body,
    pace: Pace,
    timer: Pin<Box<Sleep>>,
    received: Arc<AtomicU64>,
    pointless: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Since when no byte has come although we wait for one.
    silent_since: Option<Instant>,
    window: Window,
    admission: Option<Admission>,
    ended: bool,
}

impl PacedBody {
    /// A body that has to come at this pace, and that is worth reading until `pointless`.
    #[must_use]
    pub fn new(body: Body, pace: Pace, pointless: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            body,
            pace,
            timer: Box::pin(sleep_until(now)),
            received: Arc::default(),
            pointless: Box::pin(pointless.cancelled_owned()),
            silent_since: None,
            window: Window::of(WINDOW),
            admission: None,
            ended: false,
        }
    }

    /// Counts the bytes that came, also while the stream is borrowed.
    #[must_use]
    pub fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    fn bytes_came(&mut self, count: usize) -> Result<(), BodyFault> {
        let count = count as u64;
        self.received.fetch_add(count, Ordering::Relaxed);
        let waited_until = self.silent_since.take().map(|_| Instant::now());
        for window in self.windows() {
            window.came(count);
            if let Some(until) = waited_until {
                window.waited(until);
            }
        }
        self.look_at_the_rate()
    }

    fn windows(&mut self) -> impl Iterator<Item = &mut Window> {
        [&mut self.window].into_iter().chain(self.admission.as_mut().map(|admission| &mut admission.window))
    }

    fn look_at_the_rate(&mut self) -> Result<(), BodyFault> {
        let limit = self.pace.min_rate;
        if let Some(actual) = self.window.take_rate()
            && actual < limit
        {
            return Err(BodyFault::Slow { limit, actual });
        }
        let received = self.received.load(Ordering::Relaxed);
        self.admission.as_mut().map_or(Ok(()), |admission| admission.look(received))
    }

    /// From now on its memory is that of the admission, which it holds.
    #[must_use]
    pub fn admitted(mut self, admission: Admission) -> Self {
        self.admission = Some(admission);
        self
    }

    /// Nothing has come: for how long may that go on?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<BodyFault> {
        if self.pointless.as_mut().poll(cx).is_ready() {
            return Poll::Ready(BodyFault::Pointless);
        }
        let since = match self.silent_since {
            Some(since) => since,
            None => {
                let now = Instant::now();
                self.windows().for_each(|window| window.wait_from(now));
                *self.silent_since.insert(now)
            }
        };
        let idle_until = since + self.pace.idle;
        loop {
            let until = self.windows().map(|window| window.end()).fold(idle_until, Instant::min);
            if self.timer.deadline() != until {
                self.timer.as_mut().reset(until);
            }
            ready!(self.timer.as_mut().poll(cx));
            if until == idle_until {
                return Poll::Ready(BodyFault::Stalled(self.pace.idle));
            }
            self.windows().for_each(|window| window.waited(until));
            if let Err(fault) = self.look_at_the_rate() {
                return Poll::Ready(fault);
            }
        }
    }
}

impl Stream for PacedBody {
    type Item = Result<Bytes, BodyFault>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let (received, is_over) =
            (self.received.load(Ordering::Relaxed), self.ended || self.body.is_end_stream());
        if let Some(admission) = &mut self.admission
            && !is_over
            && let Err(fault) = ready!(admission.poll_room(cx, received))
        {
            self.ended = true;
            return Poll::Ready(Some(Err(fault)));
        }
        while !self.ended {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers say nothing that we ask for.
                    let Ok(data) = frame.into_data() else { continue };
                    let paced = self.bytes_came(data.len());
                    self.ended = paced.is_err();
                    return Poll::Ready(Some(paced.map(|()| data)));
                }
                Poll::Ready(Some(Err(_))) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(BodyFault::Broken)));
                }
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => {
                    let fault = ready!(self.poll_patience(cx));
                    self.ended = true;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use pfp_shared::failure::FailureCode;
    use tokio::time::sleep;

    const PACE: Pace = Pace { idle: Duration::from_secs(30), min_rate: 1000 };

    /// Chunks of so many bytes, each so many milliseconds after the one before.
    fn body(chunks: Vec<(u64, usize)>, pace: Pace) -> PacedBody {
        let chunks = stream::iter(chunks).then(|(wait, count)| async move {
            sleep(Duration::from_millis(wait)).await;
            Ok::<_, axum::Error>(Bytes::from(vec![0; count]))
        });
        PacedBody::new(Body::from_stream(chunks), pace, CancellationToken::new())
    }

    /// How many bytes came, and what the end was.
    async fn read(mut body: PacedBody) -> (usize, Option<BodyFault>) {
        let mut bytes = 0;
        while let Some(next) = body.next().await {
            match next {
                Ok(data) => bytes += data.len(),
                Err(fault) => return (bytes, Some(fault)),
            }
        }
        (bytes, None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_at_the_least_rate_comes_whole() {
        let chunks = vec![(100, 100); 600];
        assert_eq!(read(body(chunks, PACE)).await, (60_000, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_below_the_least_rate_is_cut_off_after_a_window() {
        let start = Instant::now();
        let (_, fault) = read(body(vec![(100, 90); 600], PACE)).await;
        assert_eq!(fault, Some(BodyFault::Slow { limit: 1000, actual: 900 }));
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_body_that_stops_is_cut_off_by_the_rate_or_else_by_the_silence() {
        let start = Instant::now();
        let chunks = || vec![(0, 100_000), (3_600_000, 1)];
        let (bytes, fault) = read(body(chunks(), PACE)).await;
        assert_eq!((bytes, fault), (100_000, Some(BodyFault::Slow { limit: 1000, actual: 0 })));
        assert_eq!(start.elapsed().as_secs(), 20, "the first window had bytes enough");
        let start = Instant::now();
        let (_, fault) = read(body(chunks(), Pace { min_rate: 0, ..PACE })).await;
        assert_eq!(fault, Some(BodyFault::Stalled(Duration::from_secs(30))));
        assert_eq!(start.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn any_rate_will_do_where_there_is_no_least_one() {
        let chunks = vec![(29_000, 1); 20];
        assert_eq!(read(body(chunks, Pace { min_rate: 0, ..PACE })).await, (20, None));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_asked_for_more_is_not_the_clients() {
        let mut body = body(vec![(1, 10); 100], PACE);
        while let Some(next) = body.next().await {
            next.unwrap();
            sleep(Duration::from_secs(60)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_became_pointless_is_read_no_further() {
        let pointless = CancellationToken::new();
        let never = stream::pending::<Result<Bytes, axum::Error>>();
        let reading = tokio::spawn(read(PacedBody::new(Body::from_stream(never), PACE, pointless.clone())));
        sleep(Duration::from_secs(1)).await;
        pointless.cancel();
        assert_eq!(reading.await.unwrap(), (0, Some(BodyFault::Pointless)));
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_told_from_a_body_that_ends() {
        let chunks = stream::iter([Ok(Bytes::from_static(b"abc")), Err(axum::Error::new(std::fmt::Error))]);
        let body = PacedBody::new(Body::from_stream(chunks), PACE, CancellationToken::new());
        assert_eq!(read(body).await, (3, Some(BodyFault::Broken)));
        assert_eq!(BodyFault::Broken.failure().code, FailureCode::UploadIncomplete);
    }
}
