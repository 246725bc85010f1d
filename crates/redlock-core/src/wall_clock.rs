//! The wall clock, with which fencing tokens begin. Nothing else asks for it: no lock's validity may depend on a clock that
//! can be set.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime}; // allowed: where fencing tokens begin, see above

use crate::{ConfigError, FencingToken, Parameter};

/// A clock that tells the time of day. It may be set, forwards and back: fencing tokens rise all the same.
///
/// ```
/// use std::time::Duration;
/// use redlock_core::WallClock;
/// /// For a test that must replay exactly.
/// #[derive(Debug)]
/// struct Noon;
/// impl WallClock for Noon {
///     fn unix_time(&self) -> Duration {
///         Duration::from_secs(1_763_812_800)
///     }
/// }
/// ```
pub trait WallClock: fmt::Debug + Send + Sync + 'static {
    /// Since the Unix epoch; zero before it.
    fn unix_time(&self) -> Duration;
}

/// The system's wall clock: the default.
///
/// ```
/// use redlock_core::{SystemWallClock, WallClock};
/// assert!(SystemWallClock.unix_time().as_secs() > 1_700_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemWallClock;

impl WallClock for SystemWallClock {
    fn unix_time(&self) -> Duration {
        let now = SystemTime::now(); // allowed: where fencing tokens begin, see above
        now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() // allowed: where fencing tokens begin, see above
    }
}

/// Gives each attempt its candidate for a fencing token.
#[derive(Debug)]
pub(crate) struct Candidates {
    clock: Arc<dyn WallClock>,
    last: AtomicU64,
}

impl Candidates {
    pub(crate) fn new(clock: Arc<dyn WallClock>) -> Self {
        Self { clock, last: AtomicU64::new(0) }
    }

    /// The wall clock in microseconds, and more than every candidate before, also where the clock was set back: nodes that all
    /// store the candidate agree in one round.
    pub(crate) fn next(&self) -> Result<FencingToken, ConfigError> {
        let now = self.clock.unix_time();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let above = |last: u64| micros.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(above(last)));
        FencingToken::new(above(last.unwrap_or_else(|last| last))).ok_or_else(|| {
            let requirement = "must be before the year 2255: a fencing token is below 2^53, in microseconds";
            ConfigError::new(Parameter::WallClock, now, requirement)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    struct Set(Mutex<Duration>);

    impl WallClock for Set {
        fn unix_time(&self) -> Duration {
            *self.0.lock().expect("whole")
        }
    }

    /// hazard: 28
    #[test]
    fn candidates_rise_though_the_clock_is_set_back_and_end_below_the_limit() {
        let clock = Arc::new(Set(Mutex::new(Duration::from_secs(50))));
        let candidates = Candidates::new(clock.clone());
        let next = |now: Duration| {
            *clock.0.lock().expect("whole") = now;
            candidates.next().map(FencingToken::get).map_err(|error| error.parameter())
        };
        assert_eq!(next(Duration::ZERO), Ok(1));
        assert_eq!(next(Duration::from_secs(50)), Ok(50_000_000));
        assert_eq!(next(Duration::from_secs(50)), Ok(50_000_001));
        assert_eq!(next(Duration::from_secs(1)), Ok(50_000_002));
        assert_eq!(next(Duration::from_micros((1 << 53) - 1)), Ok((1 << 53) - 1));
        assert_eq!(next(Duration::from_secs(50)), Err(Parameter::WallClock));
        assert_eq!(next(Duration::MAX), Err(Parameter::WallClock));
    }
}
