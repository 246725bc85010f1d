//! When a connection has been silent for too long.

use tokio::time::Instant;

/// Timeouts in a row with nothing heard between them.
#[derive(Default)]
pub(crate) struct Silence {
    heard: u64,
    timeouts: u32,
    last: Option<Instant>,
}

impl Silence {
    /// Counts a timeout of what was begun then, when so much had been heard.
    pub(crate) fn count(&mut self, begun: Instant, heard: u64) -> u32 {
        if heard != self.heard {
            self.heard = heard;
            self.timeouts = 0;
        }
        // A burst of commands that wait over the same silence counts once.
        if self.timeouts == 0 || self.last.is_none_or(|last| begun >= last) {
            self.timeouts = self.timeouts.saturating_add(1);
            self.last = Some(Instant::now());
        }
        self.timeouts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn timeouts_count_while_nothing_is_heard() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut silence = Silence::default();
        assert_eq!(silence.count(start, 1), 1);
        assert_eq!(silence.count(start, 1), 1, "begun before the first timeout");
        assert_eq!(silence.count(Instant::now() + second, 1), 2);
        assert_eq!(silence.count(Instant::now() + second, 2), 1, "something was heard");
    }
}
