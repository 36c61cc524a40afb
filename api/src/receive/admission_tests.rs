//! Who gets memory for an upload, and when.

use super::*;
use crate::receive::{Pace, PacedBody};
use axum::body::Body;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use pfp_shared::failure::FailureCode;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const SLOW: u64 = 64 * KIB;

/// Room for four bodies of 1 MiB, two of which may be slow.
fn memory() -> UploadMemory {
    UploadMemory::new(BodyMemory::new(4 * MIB, Duration::from_secs(1)), SLOW, 128)
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

async fn admitted(memory: &UploadMemory, body: PacedBody) -> PacedBody {
    body.admitted(memory.admit(MIB).await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_length_is_reserved_before_a_byte_is_read_and_given_back_with_the_body() {
    let memory = memory();
    let body = admitted(&memory, fast()).await;
    assert_eq!(memory.all.reserved(), MIB);
    assert_eq!(read(body).await, Ok(1 << 20));
    assert_eq!((memory.all.reserved(), memory.slow.reserved()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn slow_uploads_and_those_that_send_nothing_leave_half_to_the_fast_ones() {
    let memory = memory();
    let _silent = memory.admit(MIB).await.unwrap();
    let slow = tokio::spawn(read(admitted(&memory, dripping()).await));
    let others: Vec<_> = (0..50).map(|_| memory.admit(MIB).now_or_never().unwrap().unwrap()).collect();
    assert!(memory.all.reserved() <= 2 * MIB + 50 * 16 * KIB, "{}", memory.all.reserved());
    for _ in 0..20 {
        assert_eq!(read(admitted(&memory, fast()).await).await, Ok(1 << 20));
    }
    assert_eq!(read(admitted(&memory, dripping()).await).await, Err(BodyFault::NoRoom { retry_after: 1 }));
    drop(others);
    assert_eq!(slow.await.unwrap(), Ok(1 << 20), "who has a place keeps it");
}

#[tokio::test(start_paused = true)]
async fn a_good_beginning_gets_room_for_some_times_as_much_and_then_a_slow_upload_needs_a_place() {
    let memory = memory();
    let _silent = [memory.admit(MIB).await.unwrap(), memory.admit(MIB).await.unwrap()];
    let turns_slow = body(|number| if number < 4 { 1 } else { 1000 });
    let reading = tokio::spawn(read(admitted(&memory, turns_slow).await));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(memory.all.reserved(), 2 * MIB + 64 * KIB, "8 times the first 8 KiB");
    let cut = reading.await.unwrap().unwrap_err();
    assert!(matches!(cut, BodyFault::Crowded { limit: SLOW, actual, .. } if actual < SLOW), "{cut}");
    assert_eq!(cut.failure().code, FailureCode::Overloaded);
    assert_eq!(memory.all.reserved(), 2 * MIB);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_has_shown_that_it_comes_fast_makes_place_for_another() {
    let memory = memory();
    let fast_then_stalled = || body(|number| if number < 17 { 1 } else { 1500 });
    let mut reading = Vec::new();
    for _ in 0..3 {
        reading.push(tokio::spawn(read(admitted(&memory, fast_then_stalled()).await)));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(memory.slow.reserved(), 0);
    }
    assert_eq!(memory.all.reserved(), 3 * MIB);
    sleep(Duration::from_secs(4)).await;
    assert_eq!(memory.slow.reserved(), 2 * MIB, "all have become slow, and two have got a place");
    let mut ends = Vec::new();
    for reading in reading {
        ends.push(reading.await.unwrap().is_ok());
    }
    assert_eq!(ends, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_fast_upload_waits_for_more_room_no_longer_than_the_wait() {
    let memory = memory();
    let _silent = [memory.admit(MIB).await.unwrap(), memory.admit(MIB).await.unwrap()];
    let hold = memory.all.reserve(2 * MIB - 20 * KIB).await.unwrap();
    assert_eq!(read(admitted(&memory, fast()).await).await, Err(BodyFault::NoRoom { retry_after: 1 }));
    let waiting = tokio::spawn(read(admitted(&memory, fast()).await));
    sleep(Duration::from_millis(500)).await;
    drop(hold);
    assert_eq!(waiting.await.unwrap(), Ok(1 << 20));
}

#[tokio::test(start_paused = true)]
async fn one_upload_alone_is_taken_however_slow_and_large_and_none_is_slow_at_a_rate_of_0() {
    let alone = memory();
    let body = dripping().admitted(alone.admit(u64::MAX).await.unwrap());
    assert_eq!(read(body).await, Ok(1 << 20));
    let memory = UploadMemory::new(BodyMemory::new(4 * MIB, Duration::from_secs(1)), 0, 128);
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(memory.admit(MIB).await.unwrap());
    }
    let refused = memory.admit(MIB).await.err().unwrap();
    assert_eq!(refused.failure.code, FailureCode::Overloaded, "the whole budget is theirs");
}
