//! The clocks of processes and nodes: each runs at a rate of its own, and those that tell the time of day are apart and are
//! set while a schedule runs.
//!
//! What a schedule assumes is what the drift factor allows for: a client's clock that is slow by a share `a` and a node's
//! that is fast by a share `b`, with `a + b` at most the factor. Clocks that err the other way only waste. A *node's* clock
//! is never set while it runs: keys expire by it, and no quorum is safe from that.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::{Clock, Moment, WallClock};
use tokio::time::Instant;

/// A million: rates are told in parts of it.
const WHOLE: u64 = 1_000_000;

/// How fast a clock runs: so many of its own seconds in a million true ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(u64);

impl Rate {
    pub(super) const TRUE: Self = Self(WHOLE);

    /// Slow by so many parts per million.
    pub(super) fn slow(parts: u64) -> Self {
        Self(WHOLE.saturating_sub(parts).max(1))
    }

    /// Fast by so many parts per million.
    pub(super) fn fast(parts: u64) -> Self {
        Self(WHOLE.saturating_add(parts))
    }

    /// What the clock counts in so much true time.
    pub(super) fn counted(self, time: Duration) -> Duration {
        scaled(time, self.0, WHOLE, u128::wrapping_div)
    }

    /// The true time after which the clock has counted so much.
    pub(super) fn true_time(self, counted: Duration) -> Duration {
        scaled(counted, WHOLE, self.0, u128::div_ceil)
    }
}

fn scaled(time: Duration, by: u64, of: u64, divided: fn(u128, u128) -> u128) -> Duration {
    let nanos = divided(time.as_nanos().saturating_mul(u128::from(by)), u128::from(of.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A monotonic clock with a rate and an origin of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningClock {
    began: Instant,
    origin: Duration,
    pub(super) rate: Rate,
}

impl RunningClock {
    /// It stands at `origin` when the schedule begins, which is now.
    pub(super) fn start(origin: Duration, rate: Rate) -> Self {
        Self { began: Instant::now(), origin, rate }
    }

    /// The true time, from the schedule's start, at which the clock comes to that moment.
    pub(super) fn true_time(&self, moment: Moment) -> Duration {
        let counted = moment.saturating_since(Moment::ORIGIN).saturating_sub(self.origin);
        self.rate.true_time(counted)
    }
}

impl Clock for RunningClock {
    fn now(&self) -> Moment {
        let counted = self.rate.counted(self.began.elapsed());
        Moment::ORIGIN.saturating_add(self.origin.saturating_add(counted))
    }
}

/// A clock that tells the time of day, and is set now and then.
#[derive(Clone, Debug)]
pub(super) struct SetClock {
    began: Instant,
    rate: Rate,
    settings: Arc<[Setting]>,
}

/// From `at` on, by true time, the clock says `says`, and goes on from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) at: Duration,
    pub(super) says: Duration,
}

impl SetClock {
    pub(super) fn start(rate: Rate, settings: Vec<Setting>) -> Self {
        Self { began: Instant::now(), rate, settings: settings.into() }
    }
}

impl WallClock for SetClock {
    fn unix_time(&self) -> Duration {
        let now = self.began.elapsed();
        let last = self.settings.iter().rev().find(|setting| setting.at <= now);
        last.map_or(now, |last| last.says.saturating_add(self.rate.counted(now.saturating_sub(last.at))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schedule::millis as ms;

    #[tokio::test(start_paused = true)]
    async fn a_moment_of_a_clock_is_told_in_true_time() {
        for rate in [Rate::TRUE, Rate::slow(200_000), Rate::fast(70_001)] {
            let clock = RunningClock::start(ms(77), rate);
            let end = clock.now().saturating_add(ms(90));
            let at = clock.true_time(end);
            tokio::time::advance(at.saturating_sub(Duration::from_nanos(1))).await;
            assert!(clock.now() < end, "{rate:?}");
            tokio::time::advance(Duration::from_nanos(1)).await;
            assert!(clock.now() >= end, "{rate:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_goes_on_from_where_it_was_set() {
        let settings = [(0, 5_000), (100, 2_000)].map(|(at, says)| Setting { at: ms(at), says: ms(says) });
        let clock = SetClock::start(Rate::TRUE, settings.to_vec());
        tokio::time::advance(ms(99)).await;
        assert_eq!(clock.unix_time(), ms(5_099));
        tokio::time::advance(ms(2)).await;
        assert_eq!(clock.unix_time(), ms(2_001));
    }
}
