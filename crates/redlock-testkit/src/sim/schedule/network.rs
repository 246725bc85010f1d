//! How bad the ways between clients and nodes are.

use std::time::Duration;

use super::Times;
use crate::Faults;
use crate::sim::rng::Rng;

/// How bad a way may be.
pub(super) struct Network {
    bad_ways: u64,
    lose_commands: u32,
    lose_replies: u32,
    reconnects: u32,
    command_delay: Duration,
    reply_delay: Duration,
}

impl Network {
    pub(super) fn random(rng: &mut Rng, times: Times, contest: bool) -> Self {
        let losses = [0, 0, 50, 150, 300];
        let delays = [Duration::ZERO, times.slowest];
        Self {
            bad_ways: rng.pick(&[300, 600, 1000]),
            lose_commands: if contest { 300 } else { rng.pick(&losses) },
            lose_replies: rng.pick(&losses),
            reconnects: rng.pick(&[0, 0, 50, 200]),
            command_delay: rng.pick(&delays),
            reply_delay: rng.pick(&delays),
        }
    }

    pub(super) fn way(&self, rng: &mut Rng) -> Faults {
        let mild = Duration::from_millis(1);
        if !rng.chance(self.bad_ways) {
            return Faults::none().delay(Duration::ZERO..=mild);
        }
        Faults::none()
            .lose_commands(self.lose_commands)
            .lose_replies(self.lose_replies)
            .reconnects(self.reconnects)
            .delay(Duration::ZERO..=self.command_delay.max(mild))
            .reply_delay(Duration::ZERO..=self.reply_delay)
    }
}
