//! Times to live: whole milliseconds, as the nodes count them.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A lease's length as it is sent to a node: whole milliseconds, at least one.
///
/// A `Duration` becomes one at the edge, once, and is checked there: `PX 0` is an error on a node, and `PEXPIRE 0`
/// deletes the key.
///
/// ```
/// use std::time::Duration;
/// use redlock_core::Ttl;
/// assert_eq!(Ttl::from_duration(Duration::from_micros(1_999)).map(Ttl::as_millis), Some(1));
/// assert_eq!(Ttl::from_duration(Duration::from_micros(999)), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ttl(NonZeroU64);

impl Ttl {
    /// One second.
    pub const SECOND: Self = Self(NonZeroU64::MIN.saturating_add(999));

    /// A day.
    pub const DAY: Self = Self(NonZeroU64::MIN.saturating_add(86_400_000 - 1));

    /// The whole milliseconds of `duration`, rounded down: a lease is never believed longer than its node keeps it.
    /// `None` below one millisecond and above the range of a signed 64-bit number.
    pub fn from_duration(duration: Duration) -> Option<Self> {
        let millis = u64::try_from(duration.as_millis()).ok()?;
        let in_range = i64::try_from(millis).is_ok();
        NonZeroU64::new(millis).filter(|_| in_range).map(Self)
    }

    /// In milliseconds.
    pub fn as_millis(self) -> u64 {
        self.0.get()
    }

    /// As a duration.
    pub fn as_duration(self) -> Duration {
        Duration::from_millis(self.0.get())
    }
}

impl fmt::Debug for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_duration(), f)
    }
}
