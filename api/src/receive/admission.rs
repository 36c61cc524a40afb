//! How much memory an upload gets, and when: its length at once, unless too many slow uploads have theirs already.
//!
//! An upload that drips holds its memory for minutes, and a few dozen of them would hold all that there is. So those that
//! haven't shown yet how fast they come, and those that come slowly, together hold [half](SLOW_SHARE) of the budget at
//! most. Where that half is taken, an upload is read up to its first few kilobytes with memory for these alone; if they
//! come fast, it waits for the rest of its length in the line of all, and if not, for room in the slow half.
//!
//! Nobody who holds memory waits for more of it without an end, so no two uploads can wait for each other for ever.

use super::{BodyFault, PacedBody, window::Window};
use crate::{error::ApiError, memory::BodyMemory};
use pfp_shared::memory::{MemoryBudget, ReservedMemory};
use std::time::Duration;

/// What of the budget uploads may hold that come slowly or haven't shown how they come: one part in so many.
const SLOW_SHARE: u64 = 2;

/// What an upload may hold before it has shown how fast it comes, at least and at most.
const FIRST_BYTES: (u64, u64) = (4 << 10, 64 << 10);

/// After this much waiting for its bytes it is looked at again whether an upload is slow.
const WATCHED_OVER: Duration = Duration::from_secs(2);

/// The memory of all uploads of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadMemory {
    all: BodyMemory,
    slow: MemoryBudget,
    slow_rate: u64,
    first_bytes: u64,
}

impl UploadMemory {
    /// A budget, in which uploads below `slow_rate` (bytes a second; 0: none is slow) have a part. If every one of so
    /// many connections has its first bytes in memory, half of the budget is left.
    #[must_use]
    pub fn new(all: BodyMemory, slow_rate: u64, connections: usize) -> Self {
        let first_bytes = (all.total() / 2 / connections.max(1) as u64).clamp(FIRST_BYTES.0, FIRST_BYTES.1);
        let slow = MemoryBudget::new(all.total() / SLOW_SHARE);
        Self { all, slow, slow_rate, first_bytes }
    }

    /// Sets the gauge of this name.
    pub fn show(&self, name: &'static str) {
        self.all.show(name);
    }

    /// Lets a body of at most so many bytes in, before any of it is read.
    ///
    /// # Errors
    /// `overloaded` when there was no memory in time.
    pub async fn admit(&self, bytes: u64) -> Result<Admission, ApiError> {
        let bytes = bytes.min(self.all.total());
        let lane = self.lane(bytes);
        let at_once = if lane.may_be_slow() { bytes } else { bytes.min(self.first_bytes) };
        let reserved = self.all.reserve(at_once).await?;
        Ok(Admission { memory: self.clone(), reserved, missing: bytes - at_once, lane })
    }

    fn lane(&self, bytes: u64) -> Lane {
        let place = self.slow.try_reserve(bytes);
        Lane {
            slow: self.slow.clone(),
            bytes,
            least: self.slow_rate,
            place,
            window: Window::of(WATCHED_OVER),
        }
    }
}

/// A body that was let in, of which nothing was read yet.
#[derive(Debug)]
pub struct Admission {
    memory: UploadMemory,
    reserved: ReservedMemory,
    missing: u64,
    lane: Lane,
}

/// The memory of a body that may come whole; given back when this is dropped.
#[derive(Debug)]
pub struct Admitted {
    _reserved: (ReservedMemory, Option<ReservedMemory>),
}

impl Admission {
    /// Reads how fast a body comes, and reserves what is missing.
    ///
    /// # Errors
    /// The body broke off, or `overloaded` when there was no memory in time.
    pub async fn complete(self, body: &mut PacedBody) -> Result<Admitted, ApiError> {
        let Self { memory, reserved, missing, mut lane } = self;
        body.read_ahead(memory.first_bytes).await.map_err(BodyFault::failure)?;
        if body.is_read() {
            return Ok(Admitted { _reserved: (reserved, None) });
        }
        if lane.take(body.rate()).is_err() {
            lane.place = Some(memory.all.within_the_wait(&memory.slow, lane.bytes).await?);
        }
        let rest = if missing > 0 { Some(memory.all.reserve(missing).await?) } else { None };
        lane.window = Window::of(WATCHED_OVER);
        body.watch(lane);
        Ok(Admitted { _reserved: (reserved, rest) })
    }
}

/// Whether an upload may go on, by how fast it comes.
#[derive(Debug)]
pub(super) struct Lane {
    slow: MemoryBudget,
    bytes: u64,
    least: u64,
    place: Option<ReservedMemory>,
    /// Over which the body that is watched looks at its rate.
    pub(super) window: Window,
}

impl Lane {
    const fn may_be_slow(&self) -> bool {
        self.place.is_some() || self.least == 0
    }

    /// Takes a place among the slow ones if it is slow, and gives it back if it isn't.
    ///
    /// # Errors
    /// It is slow, and there is no place.
    pub(super) fn take(&mut self, rate: u64) -> Result<(), BodyFault> {
        if rate >= self.least {
            self.place = None;
        } else if self.place.is_none() {
            self.place = self.slow.try_reserve(self.bytes);
        }
        if rate < self.least && self.place.is_none() {
            return Err(BodyFault::Crowded { limit: self.least, actual: rate });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::Pace;
    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::{FutureExt, StreamExt, stream};
    use pfp_shared::failure::FailureCode;
    use tokio::time::sleep;
    use tokio_util::sync::CancellationToken;

    const KIB: u64 = 1 << 10;
    const SLOW: u64 = 64 * KIB;

    /// Room for four bodies of 1 MiB, two of which may be slow.
    fn memory() -> UploadMemory {
        UploadMemory::new(BodyMemory::new(4096 * KIB, Duration::from_secs(1)), SLOW, 128)
    }

    /// 1 MiB in pieces of 8 KiB, each so many milliseconds after the one before.
    fn body(between: impl Fn(u64) -> u64 + Send + 'static) -> PacedBody {
        let pieces = stream::iter((0..128).map(between)).then(|wait| async move {
            sleep(Duration::from_millis(wait)).await;
            Ok::<_, axum::Error>(Bytes::from(vec![0; 8 << 10]))
        });
        let pace = Pace { idle: Duration::from_secs(30), min_rate: KIB };
        PacedBody::new(Body::from_stream(pieces), pace, CancellationToken::new())
    }

    fn fast() -> PacedBody {
        body(|_| 1)
    }

    fn dripping() -> PacedBody {
        body(|_| 1000)
    }

    async fn read(mut body: PacedBody) -> Result<usize, BodyFault> {
        let mut came = 0;
        while let Some(bytes) = body.next().await {
            came += bytes?.len();
        }
        Ok(came)
    }

    fn code<T: std::fmt::Debug>(refused: Result<T, ApiError>) -> FailureCode {
        refused.unwrap_err().failure.code
    }

    #[tokio::test(start_paused = true)]
    async fn the_length_is_reserved_before_a_byte_is_read_and_no_byte_is_lost() {
        let memory = memory();
        let admission = memory.admit(1024 * KIB).await.unwrap();
        assert_eq!(memory.all.reserved(), 1024 * KIB);
        let mut body = fast();
        let admitted = admission.complete(&mut body).await.unwrap();
        assert_eq!(read(body).await, Ok(1 << 20));
        drop(admitted);
        assert_eq!((memory.all.reserved(), memory.slow.reserved()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn slow_uploads_and_those_that_send_nothing_leave_half_to_the_fast_ones() {
        let memory = memory();
        let _silent = memory.admit(1024 * KIB).await.unwrap();
        let (admission, mut slow) = (memory.admit(1024 * KIB).await.unwrap(), dripping());
        let _slow = admission.complete(&mut slow).await.unwrap();
        let others: Vec<_> = (0..50).map(|_| memory.admit(1024 * KIB).now_or_never()).collect();
        assert!(others.iter().all(|other| other.as_ref().is_some_and(Result::is_ok)));
        assert!(memory.all.reserved() <= (2048 + 50 * 16) * KIB, "{}", memory.all.reserved());
        for _ in 0..20 {
            let (admission, mut body) = (memory.admit(1024 * KIB).await.unwrap(), fast());
            let _admitted = admission.complete(&mut body).await.unwrap();
            assert_eq!(read(body).await, Ok(1 << 20));
        }
        let admission = memory.admit(1024 * KIB).await.unwrap();
        assert_eq!(code(admission.complete(&mut dripping()).await), FailureCode::Overloaded);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_turns_slow_needs_a_place_among_the_slow_ones() {
        let memory = memory();
        let turns_slow = || body(|number| if number < 20 { 1 } else { 1000 });
        let mut reading = Vec::new();
        for _ in 0..3 {
            let mut body = turns_slow();
            let admitted = memory.admit(1024 * KIB).await.unwrap().complete(&mut body).await.unwrap();
            reading.push(tokio::spawn(async move { (read(body).await, admitted) }));
        }
        let mut read = Vec::new();
        for reading in reading {
            read.push(reading.await.unwrap().0);
        }
        let cut: Vec<_> = read.iter().filter_map(|read| read.err()).collect();
        assert_eq!(cut, [BodyFault::Crowded { limit: SLOW, actual: 8 * KIB }]);
        assert_eq!(BodyFault::failure(cut[0]).code, FailureCode::Overloaded);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_upload_waits_for_its_rest_no_longer_than_the_wait() {
        let memory = memory();
        let mut hold = Vec::new();
        for _ in 0..3 {
            let mut body = fast();
            hold.push(memory.admit(1024 * KIB).await.unwrap().complete(&mut body).await.unwrap());
        }
        let _silent = [memory.admit(900 * KIB).await.unwrap(), memory.admit(64 * KIB).await.unwrap()];
        let admission = memory.admit(2048 * KIB).await.unwrap();
        assert_eq!(code(admission.complete(&mut fast()).await), FailureCode::Overloaded);
        let admission = memory.admit(2048 * KIB).await.unwrap();
        hold.truncate(1);
        assert!(admission.complete(&mut fast()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_upload_alone_is_taken_however_slow_and_large_and_none_is_slow_at_a_rate_of_0() {
        let mut body = dripping();
        let alone = memory().admit(u64::MAX).await.unwrap().complete(&mut body).await;
        assert!(alone.is_ok());
        assert_eq!(read(body).await, Ok(1 << 20));
        let memory = UploadMemory::new(BodyMemory::new(4096 * KIB, Duration::from_secs(1)), 0, 128);
        let mut all = Vec::new();
        for _ in 0..4 {
            let mut body = dripping();
            all.push(memory.admit(1024 * KIB).await.unwrap().complete(&mut body).await.unwrap());
        }
        assert_eq!(
            code(memory.admit(1024 * KIB).await),
            FailureCode::Overloaded,
            "the whole budget is theirs"
        );
    }
}
