use std::ops::RangeInclusive;
use std::time::Duration;

use redlock_core::{Entropy, SeededEntropy};

use super::plan::{Fate, Plan};

/// How bad a random network is. Chances are in thousandths; times are drawn in whole milliseconds.
///
/// ```
/// use std::time::Duration;
/// use redlock_testkit::Faults;
/// let bad = Faults::none().lose_commands(40).lose_replies(40).delay(Duration::ZERO..=Duration::from_millis(20));
/// # let _ = bad;
/// ```
#[derive(Clone, Debug)]
#[must_use = "faults do nothing until a link is given them"]
pub struct Faults {
    lose_commands: u32,
    lose_replies: u32,
    reconnects: u32,
    delay: RangeInclusive<Duration>,
    reply_delay: RangeInclusive<Duration>,
}

impl Faults {
    /// A network that is always good.
    pub fn none() -> Self {
        let none = Duration::ZERO..=Duration::ZERO;
        Self { lose_commands: 0, lose_replies: 0, reconnects: 0, delay: none.clone(), reply_delay: none }
    }

    /// So many commands of a thousand never reach the node.
    pub fn lose_commands(mut self, per_mille: u32) -> Self {
        self.lose_commands = per_mille;
        self
    }

    /// So many replies of a thousand are lost; their commands were executed.
    pub fn lose_replies(mut self, per_mille: u32) -> Self {
        self.lose_replies = per_mille;
        self
    }

    /// Before so many commands of a thousand the connection is replaced: what is on its way over the old one may land
    /// later than what the new one carries.
    pub fn reconnects(mut self, per_mille: u32) -> Self {
        self.reconnects = per_mille;
        self
    }

    /// How long commands take. Order within a connection is kept.
    pub fn delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.delay = delay;
        self
    }

    /// How long replies take.
    pub fn reply_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        self.reply_delay = delay;
        self
    }
}

/// Draws the plan of each command. The same seed gives the same plans in the same order of first polls.
#[derive(Debug)]
pub(crate) struct Dice {
    faults: Faults,
    entropy: SeededEntropy,
}

impl Dice {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self { faults, entropy: SeededEntropy::new(seed) }
    }

    /// Always five draws, so that a change of one chance leaves the other parts of a schedule as they were.
    pub(crate) fn plan(&self) -> Plan {
        let faults = &self.faults;
        let (command_lost, reply_lost) = (self.hits(faults.lose_commands), self.hits(faults.lose_replies));
        let fate = match (command_lost, reply_lost) {
            (true, _) => Fate::CommandLost,
            (false, true) => Fate::ReplyLost,
            (false, false) => Fate::Answered,
        };
        let reconnect = self.hits(faults.reconnects);
        Plan {
            delay: self.within(&faults.delay),
            reply_delay: self.within(&faults.reply_delay),
            fate,
            reconnect,
        }
    }

    fn hits(&self, per_mille: u32) -> bool {
        self.draw() % 1000 < u64::from(per_mille)
    }

    fn within(&self, range: &RangeInclusive<Duration>) -> Duration {
        let (least, most) = (millis(*range.start()), millis(*range.end()));
        let span = most.saturating_sub(least).saturating_add(1);
        Duration::from_millis(least.saturating_add(self.draw() % span))
    }

    fn draw(&self) -> u64 {
        let mut bytes = [0; 8];
        // A seeded sequence does not fail.
        let _ = self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
