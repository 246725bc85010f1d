//! Which nodes forget, what the clients do about it, and for how long the deployment has been in use.

use std::time::Duration;

use redlock_core::RestartGuard;

use super::{Times, millis};
use crate::sim::rng::Rng;

#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Deployment {
    pub(in crate::sim) guard: RestartGuard,
    /// Whether nodes forget what somebody holds.
    forgets: bool,
    pub(in crate::sim) max_clock_skew: Duration,
    pub(in crate::sim) start: Start,
    /// This node never forgets: if all that were in use forget within one hold-off, the deployment looks new, which is a stated
    /// limit.
    pub(in crate::sim) faithful: usize,
    /// For how long a node that forgot is not counted.
    pub(in crate::sim) hold_off: Duration,
}

/// What the nodes are when the schedule begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) enum Start {
    /// Never used.
    #[default]
    New,
    /// Never used, and one of them is not there yet.
    OneMissing(usize),
    /// Marked by clients that were there before.
    InUse,
    /// The same, but for one that has never been there before.
    InUseButOne(usize),
    /// Older than any lease can be.
    Old,
}

/// The grain of an uptime, at both ends: a part of the hold-off.
const GRAIN: Duration = Duration::from_secs(2);

impl Deployment {
    pub(super) fn random(rng: &mut Rng, nodes: usize, times: Times) -> Self {
        let guard = if nodes < 2 {
            RestartGuard::Off
        } else {
            rng.weighted(&[
                (12, Some(RestartGuard::Off)),
                (6, Some(RestartGuard::Member)),
                (2, Some(RestartGuard::Strict)),
            ])
            .unwrap_or_default()
        };
        let max_clock_skew = rng.pick(&[millis(50), Duration::from_secs(1)]);
        let one = rng.index(nodes);
        let start = match guard {
            RestartGuard::Strict => rng.weighted(&[(4, Start::Old), (1, Start::New)]),
            RestartGuard::Member => rng.weighted(&[
                (2, Start::New),
                (1, Start::OneMissing(one)),
                (4, Start::InUse),
                (3, Start::InUseButOne(one)),
                (2, Start::Old),
            ]),
            RestartGuard::Off | _ => Start::New,
        };
        // 2 % is more than the drift of any deployment in which nodes forget.
        let leases = times.max_ttl().saturating_add(times.max_ttl() / 50).saturating_add(millis(2));
        let leases = leases.saturating_add(max_clock_skew);
        let hold_off = leases.max(max_clock_skew.saturating_mul(3)).saturating_add(GRAIN);
        let forgets = guard != RestartGuard::Off;
        // One that has been in use, beside the one that has not.
        let next = rng.within(1, u64::try_from(nodes).unwrap_or(2).saturating_sub(1).max(1));
        let faithful = one.saturating_add(usize::try_from(next).unwrap_or(1)).checked_rem(nodes).unwrap_or(0);
        Self { guard, forgets, max_clock_skew, start, faithful, hold_off }
    }

    pub(in crate::sim) fn forgets(&self) -> bool {
        self.forgets
    }

    /// Nodes forget as before.
    pub(in crate::sim) fn replace_guard(&mut self, guard: Option<RestartGuard>) {
        self.guard = guard.unwrap_or(self.guard);
    }
}
