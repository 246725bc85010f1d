//! One connection over its life.

use std::sync::{Arc, Mutex, PoisonError};

use redis::Cmd;
use redlock_core::Epoch;
use tokio::time::Instant;

use crate::handshake::Peer;
use crate::ticket::Flight;
use crate::wire::{Made, Wire};

/// A connection, its number, and whether it still answers.
pub(crate) struct Connection {
    wire: Box<dyn Wire>,
    epoch: Epoch,
    peer: Peer,
    silence: Mutex<Silence>,
    tolerance: u32,
}

impl Connection {
    pub(crate) fn new(made: Made, epoch: Epoch, tolerance: u32) -> Self {
        let Made { wire, peer } = made;
        let silence = Mutex::new(Silence { heard: wire.heard(), timeouts: 0, last: Instant::now() });
        Self { wire, epoch, peer, silence, tolerance }
    }

    /// Gives the command its place before it returns.
    pub(crate) fn begin(self: &Arc<Self>, command: Cmd) -> Flight {
        let outcome = self.wire.begin(command);
        Flight { connection: Arc::clone(self), begun: Instant::now(), outcome }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn is_open(&self) -> bool {
        self.wire.is_open()
    }

    /// Counts a timeout of a command begun then. Whether the connection has been silent over too many in a row.
    pub(crate) fn is_silent_since(&self, begun: Instant) -> bool {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        silence.count(begun, self.wire.heard()) >= self.tolerance
    }

    /// Ends the connection at once; what waits for replies fails.
    pub(crate) fn end(&self) {
        self.wire.end();
    }
}

/// Timeouts in a row with nothing heard between them.
struct Silence {
    heard: u64,
    timeouts: u32,
    last: Instant,
}

impl Silence {
    fn count(&mut self, begun: Instant, heard: u64) -> u32 {
        if heard != self.heard {
            self.heard = heard;
            self.timeouts = 0;
        }
        // A burst of commands that wait over the same silence counts once.
        if self.timeouts == 0 || begun >= self.last {
            self.timeouts = self.timeouts.saturating_add(1);
            self.last = Instant::now();
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
        let start = Instant::now();
        let mut silence = Silence { heard: 1, timeouts: 0, last: start };
        assert_eq!(silence.count(start, 1), 1);
        assert_eq!(silence.count(start, 1), 1, "begun before the first timeout");
        assert_eq!(silence.count(Instant::now() + Duration::from_secs(1), 1), 2);
        assert_eq!(silence.count(Instant::now() + Duration::from_secs(1), 2), 1, "something was heard");
    }
}
