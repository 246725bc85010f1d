//! The clock by which validity is counted. Never the wall clock, which can be set.

use std::fmt;
use std::time::Duration;

/// A point in time of one [`Clock`]: nanoseconds from an arbitrary origin. Moments of two clocks say nothing about each
/// other.
///
/// ```
/// use std::time::Duration;
/// use redlock_core::Moment;
/// let start = Moment::from_nanos(5);
/// let end = start.saturating_add(Duration::from_secs(1));
/// assert_eq!(end.saturating_since(start), Duration::from_secs(1));
/// assert_eq!(start.saturating_since(end), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The clock's origin.
    pub const ORIGIN: Self = Self(0);

    /// The moment so many nanoseconds after the clock's origin.
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's origin.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// This much later, or the end of time.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// This much earlier, or the clock's origin.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }

    /// The time from `earlier` to here; zero where it is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moment({:?})", Duration::from_nanos(self.0))
    }
}

/// A monotonic clock. It must count the time that the machine is suspended: a lease runs out while a laptop sleeps.
///
/// Every decision about validity is made by this clock; waiting is bounded by the runtime's timer.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Now. Never earlier than an answer before.
    fn now(&self) -> Moment;
}

/// The system's clock that counts suspended time: `CLOCK_BOOTTIME` on Linux, `mach_continuous_time` on macOS. (Rust's
/// own `Instant` is `CLOCK_MONOTONIC` on Linux, which stands still in suspend.)
///
/// ```
/// use redlock_core::{BootClock, Clock};
/// let clock = BootClock::new();
/// assert!(clock.now() <= clock.now());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BootClock {
    origin: boot_time::Instant,
}

impl BootClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: boot_time::Instant::now() }
    }
}

impl Default for BootClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for BootClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN.saturating_add(boot_time::Instant::now().saturating_duration_since(self.origin))
    }
}

/// The runtime's own clock, which stands still under `start_paused`: for tests in virtual time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Duration;
/// use redlock_core::{Clock, TokioClock};
/// let clock = TokioClock::new();
/// let start = clock.now();
/// tokio::time::sleep(Duration::from_secs(3600)).await; // no time passes outside
/// assert_eq!(clock.now().saturating_since(start), Duration::from_secs(3600));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
}

impl TokioClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: tokio::time::Instant::now() }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Moment {
        Moment::ORIGIN.saturating_add(self.origin.elapsed())
    }
}
