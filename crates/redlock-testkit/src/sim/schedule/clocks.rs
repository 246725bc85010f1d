//! How far the clocks of one schedule err.

use std::time::Duration;

use super::{Deployment, millis, up_to};
use crate::sim::clocks::{Rate, Setting};
use crate::sim::rng::Rng;

/// What the options allow, and how much of it each side takes.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Clocks {
    /// The drift factor, in parts per million.
    pub(in crate::sim) factor: u32,
    /// How slow a client's clock is at most.
    slow_client: u64,
    /// How fast a node's clock is at most; with the other it makes the factor.
    fast_node: u64,
    /// How far the clocks that tell the time of day are apart.
    apart: Duration,
    are_set: bool,
    /// Nodes forget: then tokens rise as far as wall clocks do, and all keep to the bound for them.
    bounded: bool,
}

/// The clocks of one process or node.
#[derive(Clone, Debug)]
pub(in crate::sim) struct ClockPlan {
    /// Where the monotonic clock stands when the schedule begins.
    pub(in crate::sim) origin: Duration,
    pub(in crate::sim) rate: Rate,
    /// What the wall clock says, and from when on.
    pub(in crate::sim) wall: Vec<Setting>,
    pub(in crate::sim) wall_rate: Rate,
}

/// The earliest wall clock when a schedule begins.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);
const HOURS: Duration = Duration::from_secs(6 * 3600);

impl Clocks {
    /// Where nodes forget, wall clocks are at most `max_clock_skew` apart: half of that when they are set, and the rest for
    /// what a node's, which goes by its clock, drifts until the end of the schedule.
    pub(super) fn random(rng: &mut Rng, deployment: &Deployment, contest: bool) -> Self {
        if deployment.forgets() {
            let factor = rng.pick(&[0, 1_000]);
            let (slow_client, fast_node) = (u64::from(factor) / 2, u64::from(factor) / 2);
            let apart = deployment.max_clock_skew / 2;
            return Self { factor, slow_client, fast_node, apart, are_set: rng.chance(500), bounded: true };
        }
        let factor = rng.weighted(&[(3, 10_000_u32), (1, 0), (2, 50_000), (2, 200_000)]);
        let whole = u64::from(factor);
        let slow_client = rng.pick(&[0, whole / 2, whole]);
        Self {
            factor,
            slow_client,
            fast_node: whole.saturating_sub(slow_client),
            apart: if contest { HOURS } else { rng.pick(&[Duration::ZERO, millis(50), HOURS]) },
            are_set: contest || rng.chance(500),
            bounded: false,
        }
    }

    pub(super) fn of_client(self, rng: &mut Rng, length: Duration) -> ClockPlan {
        let rate = rate(rng, self.slow_client, u64::from(self.factor));
        let origin = up_to(rng, HOURS);
        let settings = if self.are_set { rng.within(0, 3) } else { 0 };
        let mut at: Vec<_> = (0..settings).map(|_| up_to(rng, length)).collect();
        at.sort_unstable();
        let wall = std::iter::once(Duration::ZERO).chain(at).map(|at| self.setting(rng, at)).collect();
        let wall_rate = if self.bounded { Rate::TRUE } else { rate };
        ClockPlan { origin, rate, wall, wall_rate }
    }

    pub(super) fn of_node(self, rng: &mut Rng) -> ClockPlan {
        let whole = u64::from(self.factor);
        let parts = edge(rng, self.fast_node);
        let rate = if rng.chance(600) { Rate::fast(parts) } else { Rate::slow(edge(rng, whole)) };
        let wall = vec![self.setting(rng, Duration::ZERO)];
        ClockPlan { origin: up_to(rng, HOURS), rate, wall, wall_rate: rate }
    }

    fn setting(self, rng: &mut Rng, at: Duration) -> Setting {
        Setting { at, says: EPOCH.saturating_add(at).saturating_add(up_to(rng, self.apart)) }
    }
}

/// Slow or fast, and often as much as it may be.
fn rate(rng: &mut Rng, slow: u64, fast: u64) -> Rate {
    if rng.chance(600) { Rate::slow(edge(rng, slow)) } else { Rate::fast(edge(rng, fast)) }
}

fn edge(rng: &mut Rng, most: u64) -> u64 {
    if rng.chance(500) { most } else { rng.within(0, most) }
}
