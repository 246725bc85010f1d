//! How much of a lease may be believed: integer arithmetic, in one place.

use std::time::Duration;

use crate::mutants::{self, Mutant};
use crate::{Moment, Ttl};

/// The allowance for clocks that run at different speeds: `factor · ttl + 2 ms`.
///
/// The 2 ms are Redis' own granularity of expiry and the timer's (the Redlock specification, "Safety arguments", and the
/// classic implementations).
///
/// ```
/// use std::time::Duration;
/// use redlock_core::{quorum::Drift, Ttl};
/// let drift = Drift::from_factor(0.01)?;
/// assert_eq!(drift.of(Ttl::SECOND), Duration::from_millis(12));
/// assert!(Drift::from_factor(1.0).is_err());
/// # Ok::<(), redlock_core::quorum::DriftError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drift {
    parts_per_million: u32,
}

/// A drift factor that is no number in 0..1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a drift factor must be at least 0 and below 1, not {0}")]
pub struct DriftError(f64);

impl Drift {
    /// 1 %: the default of the field.
    pub const DEFAULT: Self = Self { parts_per_million: 10_000 };
    const FIXED: Duration = Duration::from_millis(2);

    /// The drift of that factor, rounded up to parts per million, once and for all.
    pub fn from_factor(factor: f64) -> Result<Self, DriftError> {
        if !(0.0..1.0).contains(&factor) {
            return Err(DriftError(factor));
        }
        // In range, so the conversion is exact up to the rounding that is meant.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let parts_per_million = (factor * 1e6).ceil() as u32;
        Ok(Self { parts_per_million })
    }

    /// The allowance for a lease of `ttl`, rounded up.
    pub fn of(self, ttl: Ttl) -> Duration {
        if mutants::active(Mutant::NoDrift) {
            return Self::FIXED;
        }
        let nanos = ttl.as_duration().as_nanos().saturating_mul(u128::from(self.parts_per_million));
        let share = u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Duration::from_nanos(share).saturating_add(Self::FIXED)
    }

    /// Until when a lease of `ttl` may be believed whose first command was sent at `started`: elapsed time counts from
    /// *before* the first send, because a node's own countdown may start right then.
    pub fn valid_until(self, started: Moment, ttl: Ttl) -> Moment {
        started.saturating_add(ttl.as_duration()).saturating_sub(self.of(ttl))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(millis: u64) -> Ttl {
        Ttl::from_duration(Duration::from_millis(millis)).expect("a ttl of whole milliseconds")
    }

    #[test]
    fn validity_is_ttl_less_drift_from_the_start() {
        let start = Moment::from_nanos(1_000);
        let until = Drift::DEFAULT.valid_until(start, ttl(30_000));
        assert_eq!(until.saturating_since(start), Duration::from_millis(30_000 - 300 - 2));
    }

    #[test]
    fn a_ttl_within_its_drift_is_never_valid() {
        let start = Moment::from_nanos(5);
        assert!(Drift::DEFAULT.valid_until(start, ttl(2)) <= start);
    }

    #[test]
    fn factors_out_of_range_are_refused() {
        for factor in [-0.1, 1.0, 2.0, f64::NAN, f64::INFINITY] {
            assert!(Drift::from_factor(factor).is_err(), "{factor}");
        }
    }

    #[test]
    fn the_longest_ttl_does_not_overflow() {
        let longest = Ttl::from_duration(Duration::from_millis(i64::MAX as u64)).expect("in range");
        let _ = Drift::from_factor(0.999_999)
            .expect("in range")
            .valid_until(Moment::from_nanos(u64::MAX), longest);
    }
}
