//! How fast a client has to take its answer: what it doesn't take is held for it.

use super::ConnectionLimits;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The rate is looked at over this long, as that of uploads is.
const WINDOW: Duration = Duration::from_secs(10);

/// The pace of one connection's writes. Only the time counts in which the client takes nothing although there is more.
#[derive(Debug)]
pub(super) struct AnswerPace {
    idle: Duration,
    min_rate: u64,
    timer: Pin<Box<Sleep>>,
    /// Since when nothing was taken.
    silent_since: Option<Instant>,
    /// What of that silence isn't in `waited` yet.
    counted_until: Instant,
    bytes: u64,
    waited: Duration,
}

impl AnswerPace {
    pub(super) fn of(limits: ConnectionLimits) -> Self {
        let now = Instant::now();
        Self {
            idle: limits.idle,
            min_rate: limits.min_answer_rate,
            timer: Box::pin(sleep_until(now)),
            silent_since: None,
            counted_until: now,
            bytes: 0,
            waited: Duration::ZERO,
        }
    }

    /// What a write came to, unless the client takes its answer too slowly.
    pub(super) fn look(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(count)) => {
                if self.silent_since.take().is_some() {
                    self.count(Instant::now());
                }
                self.bytes += count as u64;
                Poll::Ready(self.check().map(|()| count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                let slow = ready!(self.poll_patience(cx));
                Poll::Ready(Err(slow))
            }
        }
    }

    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let now = Instant::now();
        let since = *self.silent_since.get_or_insert_with(|| {
            self.counted_until = now;
            now
        });
        loop {
            let window_ends = self.counted_until + WINDOW.saturating_sub(self.waited);
            let until = window_ends.min(since + self.idle);
            if self.timer.deadline() != until {
                self.timer.as_mut().reset(until);
            }
            ready!(self.timer.as_mut().poll(cx));
            if until == since + self.idle {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.count(until);
            if let Err(slow) = self.check() {
                return Poll::Ready(slow);
            }
        }
    }

    fn count(&mut self, until: Instant) {
        self.waited += until.saturating_duration_since(self.counted_until);
        self.counted_until = until;
    }

    /// Looks at the rate once a window's worth of waiting is over, and begins a new one.
    fn check(&mut self) -> io::Result<()> {
        if self.waited < WINDOW {
            return Ok(());
        }
        let rate = u128::from(self.bytes) * 1000 / self.waited.as_millis();
        if rate < u128::from(self.min_rate) {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("the answer is taken at {rate} bytes/s"),
            ));
        }
        (self.bytes, self.waited) = (0, Duration::ZERO);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::quiet::{Clock, Quiet},
        *,
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::sleep,
    };

    fn limits(min_answer_rate: u64) -> ConnectionLimits {
        let second = Duration::from_secs(1);
        ConnectionLimits { most: 1, headers: second, idle: 30 * second, min_answer_rate }
    }

    /// After how many seconds a client that reads so many bytes each second is given up.
    async fn given_up_after(bytes_a_second: usize, min_rate: u64) -> Option<u64> {
        let (mut client, server) = duplex(1000);
        let reading = tokio::spawn(async move {
            let mut buffer = vec![0; bytes_a_second];
            while client.read_exact(&mut buffer).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        });
        let mut quiet = Quiet::new(server, Clock::start(limits(min_rate)));
        let start = Instant::now();
        let written = quiet.write_all(&vec![0; bytes_a_second * 100]).await;
        reading.abort();
        written.is_err().then(|| start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_at_a_crawl_is_given_up_after_a_window_and_one_at_the_least_rate_is_not() {
        assert_eq!(given_up_after(1000, 1000).await, None);
        // The first window has what fits into the buffer between them.
        let seconds = given_up_after(900, 1000).await.unwrap();
        assert!((10..=21).contains(&seconds), "{seconds}");
        assert_eq!(given_up_after(1, 0).await, None, "any rate will do");
    }
}
