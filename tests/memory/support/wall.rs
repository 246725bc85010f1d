use std::time::Duration;

use redlock_core::WallClock;
use tokio::time::Instant;

/// What wall clocks say when a test begins, unless one is off.
pub(crate) const NOON: Duration = Duration::from_secs(1_763_812_800);

/// A wall clock that goes on in virtual time.
#[derive(Debug)]
pub(crate) struct Wall {
    began: Instant,
    then: Duration,
}

impl Wall {
    pub(crate) fn at(then: Duration) -> Self {
        Self { began: Instant::now(), then }
    }
}

impl WallClock for Wall {
    fn unix_time(&self) -> Duration {
        self.then.saturating_add(self.began.elapsed())
    }
}

/// In microseconds, as a fencing token begins.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("before the year 500000")
}
