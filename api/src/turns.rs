//! When whoever finds no memory should come back: not all at once, and not before there can be room.

use pfp_shared::lock::lock;
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// The longest that anybody is sent away for.
const ROUND: Duration = Duration::from_secs(30);

/// How long the rate at which room is made is measured, at least and at most: an hour without a refusal says nothing
/// of now.
const SAMPLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Before anything was measured, the whole budget is taken to be given back in this time.
const WHOLE_BUDGET: f64 = 1.0;

/// Turns are given for this many times what was measured: some don't come back, and room that nobody takes would be
/// measured as a lower rate the next time.
const OVERBOOKED: f64 = 2.0;

/// Turns for those who are told to come back, one after the other, at the rate at which memory is given back.
#[derive(Debug)]
pub struct Turns {
    budget: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sampled_at: Instant,
    given_back: u64,
    /// Bytes a second.
    rate: f64,
    /// When the next turn is.
    next: Instant,
}

impl Turns {
    /// Turns at a budget of this many bytes.
    #[must_use]
    pub fn at(budget: u64) -> Self {
        let now = Instant::now();
        let rate = budget as f64 / WHOLE_BUDGET;
        Self { budget, state: Mutex::new(State { sampled_at: now, given_back: 0, rate, next: now }) }
    }

    /// In how many seconds it is the turn of somebody who needs this many bytes. `given_back` is what was ever given
    /// back.
    pub fn seconds_to_wait(&self, bytes: u64, given_back: u64) -> u64 {
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.measure(now, given_back);
        // A store that hangs gives nothing back, and yet will.
        let slowest = self.budget as f64 / ROUND.as_secs_f64();
        let takes = bytes.min(self.budget) as f64 / (state.rate.max(slowest) * OVERBOOKED);
        state.next = state.next.max(now) + Duration::from_secs_f64(takes);
        if state.next > now + ROUND {
            // A round is full: the next ones come between its turns.
            state.next = now + Duration::from_secs_f64(takes);
        }
        // Rounded up.
        (state.next - now + Duration::from_nanos(999_999_999)).as_secs().max(1)
    }
}

impl State {
    fn measure(&mut self, now: Instant, given_back: u64) {
        let took = now - self.sampled_at;
        if took < SAMPLE.0 {
            return;
        }
        if took <= SAMPLE.1 {
            let measured = (given_back - self.given_back) as f64 / took.as_secs_f64();
            self.rate = (self.rate + measured) / 2.0;
        }
        (self.sampled_at, self.given_back) = (now, given_back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn turns_come_one_after_the_other_and_a_round_ends() {
        // 100 MiB/s before anything was measured, twice that for turns: forty of 5 MiB a second.
        let turns = Turns::at(100 * MIB);
        let told: Vec<u64> = (0..1600).map(|_| turns.seconds_to_wait(5 * MIB, 0)).collect();
        assert_eq!((told[0], told[39], told[40]), (1, 1, 2));
        assert_eq!((told[1199], told[1200]), (30, 1), "the round is full");
        assert!(told.iter().all(|seconds| (1..=30).contains(seconds)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_faster_memory_is_given_back_the_sooner_a_turn_comes() {
        let last_of_fifty = |turns: &Turns, given_back| {
            (0..50).map(|_| turns.seconds_to_wait(5 * MIB, given_back)).last().unwrap()
        };
        let (slow, fast) = (Turns::at(100 * MIB), Turns::at(100 * MIB));
        let before = last_of_fifty(&slow, 0);
        last_of_fifty(&fast, 0);
        advance(Duration::from_secs(9)).await;
        let (slower, faster) = (last_of_fifty(&slow, 0), last_of_fifty(&fast, 9 * 200 * MIB));
        assert!(faster < before && before < slower, "{faster} {before} {slower}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_without_a_refusal_is_no_slow_rate() {
        let turns = Turns::at(100 * MIB);
        let before = turns.seconds_to_wait(100 * MIB, 0);
        advance(Duration::from_secs(3600)).await;
        assert_eq!(turns.seconds_to_wait(100 * MIB, MIB), before);
    }
}
