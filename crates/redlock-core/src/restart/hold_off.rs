//! For how long a node that may have forgotten casts no granting vote.

use std::time::Duration;

use crate::Ttl;
use crate::options::Limits;

/// The uptime that a node tells has a grain of a second, at both ends.
const UPTIME_GRAIN: Duration = Duration::from_secs(2);

/// A deployment's hold-off: whatever lease the node had granted before it forgot is over by then. And if its fencing counters
/// are lost, wall clocks have overtaken them: one was ahead by `max_clock_skew`, the node let it be so by as much again, and the
/// next client's is behind by a third.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldOff(Limits);

impl HoldOff {
    pub(super) fn new(limits: Limits) -> Self {
        Self(limits)
    }

    /// The longest lease that this client may take.
    pub(super) fn own_max_ttl(self) -> Ttl {
        // Checked at build(); the fallback cannot be reached.
        Ttl::from_duration(self.0.max_ttl).unwrap_or(Ttl::SECOND)
    }

    /// The hold-off where `longest` is the longest lease of which any node's marker knows.
    pub(super) fn of(self, longest: Option<Ttl>) -> Duration {
        let ttl = longest.map_or(self.own_max_ttl(), |longest| longest.max(self.own_max_ttl()));
        let drift = self.0.drift.of(ttl);
        let skew = self.0.max_clock_skew;
        let leases = ttl.as_duration().saturating_add(drift).saturating_add(skew);
        leases.max(skew.saturating_mul(3)).saturating_add(UPTIME_GRAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_longest_lease_its_drift_the_skew_and_the_grain_of_uptime() {
        let hold_off = HoldOff::new(Limits::default());
        let millis = 300_000 + (3_000 + 2) + 1_000 + 2_000;
        assert_eq!(hold_off.of(None), Duration::from_millis(millis));
        assert_eq!(
            hold_off.of(Some(Ttl::SECOND)),
            Duration::from_millis(millis),
            "never shorter than the own"
        );
        let longer = Ttl::from_duration(Duration::from_secs(600)).expect("in range");
        assert_eq!(hold_off.of(Some(longer)), Duration::from_millis(600_000 + (6_000 + 2) + 1_000 + 2_000));
    }

    /// A counter that was forgotten must have been overtaken by every wall clock. hazard: 14
    #[test]
    fn it_is_longer_than_three_skews() {
        let max_clock_skew = Duration::from_secs(3_600);
        let hold_off = HoldOff::new(Limits { max_clock_skew, ..Limits::default() });
        assert_eq!(hold_off.of(None), 3 * max_clock_skew + UPTIME_GRAIN);
    }
}
