//! One connection over its life.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use redis::Cmd;
use redis::aio::MultiplexedConnection;
use redlock_core::Epoch;
use tokio::task::JoinHandle;
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use crate::ticket::{Flight, Outcome};

/// A connection and the task that drives it. Dropping the last handle resets the socket.
pub(crate) struct Connection {
    pipeline: MultiplexedConnection,
    driver: Driver,
    epoch: Epoch,
    peer: Peer,
    silence: Mutex<Silence>,
    tolerance: u32,
}

/// Which connection of which server's run this is, in the server's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) client_id: Option<i64>,
    pub(crate) run_id: Option<String>,
}

impl Connection {
    pub(crate) fn new(
        pipeline: MultiplexedConnection,
        driver: Driver,
        epoch: Epoch,
        peer: Peer,
        tolerance: u32,
    ) -> Self {
        let silence = Mutex::new(Silence { heard: driver.heard(), timeouts: 0, last: Instant::now() });
        Self { pipeline, driver, epoch, peer, silence, tolerance }
    }

    /// Puts a command into the pipeline before it returns, so that the order of the calls is the order on the wire.
    ///
    /// One poll does that: the pipeline's channel is never full, and tokio's cooperative budget, which could make the
    /// first poll of a busy task a mere yield, is lifted.
    pub(crate) fn begin(self: &Arc<Self>, command: Cmd) -> Flight {
        let mut pipeline = self.pipeline.clone();
        let send = async move { pipeline.send_packed_command(&command).await };
        let mut reply = Box::pin(unconstrained(send));
        let outcome = match reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Outcome::Known(outcome),
            Poll::Pending => Outcome::Awaited(reply),
        };
        Flight { connection: Arc::clone(self), begun: Instant::now(), outcome }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn is_open(&self) -> bool {
        self.driver.open.load(Ordering::Acquire)
    }

    /// Counts a timeout of a command begun then. Whether the connection has been silent over too many in a row.
    pub(crate) fn is_silent_since(&self, begun: Instant) -> bool {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        silence.count(begun, self.driver.heard()) >= self.tolerance
    }

    /// Ends the connection at once; what waits for replies fails.
    pub(crate) fn reset(&self) {
        self.driver.task.abort();
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

/// The task that moves a connection's bytes.
pub(crate) struct Driver {
    task: JoinHandle<()>,
    open: Arc<AtomicBool>,
    heard: Arc<AtomicU64>,
}

impl Driver {
    /// Runs `work` on this runtime until the connection ends; `heard` counts the reads of its socket.
    pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static, heard: Arc<AtomicU64>) -> Self {
        let open = Arc::new(AtomicBool::new(true));
        let closing = Closing(Arc::clone(&open));
        let task = tokio::spawn(async move {
            // Also marks the end where the runtime ends, and drops the task unfinished.
            let _closing = closing;
            work.await;
        });
        Self { task, open, heard }
    }

    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Closing(Arc<AtomicBool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
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
