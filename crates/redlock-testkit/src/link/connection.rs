use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::wire::later;

/// One connection of a [`FaultyLink`](crate::FaultyLink): a handle to hold back what is on its way and let it go.
///
/// Commands of one connection never overtake each other; those of two do, in the order that the test chooses.
#[derive(Clone, Debug)]
pub struct Connection {
    number: u64,
    line: Arc<Line>,
}

/// What the handles of one connection share.
///
/// A `Notify` wakes in the order of registration. A `watch` wakes in a random one, and no run could be replayed.
#[derive(Debug)]
struct Line {
    gate: Mutex<Gate>,
    moved: Notify,
    closing: Notify,
    pending: AtomicUsize,
    last_reply: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug)]
struct Gate {
    flow: Flow,
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Open,
    /// Held back, but for so many.
    Held(usize),
    /// What arrives here is lost, replies too.
    Lost,
}

impl Connection {
    pub(crate) fn new(number: u64) -> Self {
        let line = Line {
            gate: Mutex::new(Gate { flow: Flow::Open, closed: false }),
            moved: Notify::new(),
            closing: Notify::new(),
            pending: AtomicUsize::new(0),
            last_reply: Mutex::new(None),
        };
        Self { number, line: Arc::new(line) }
    }

    /// From now on nothing is delivered.
    pub fn hold(&self) {
        self.set(Flow::Held(0));
    }

    /// Lets so many held commands through, those to come included.
    pub fn deliver(&self, count: usize) {
        if let Flow::Held(permits) = &mut self.gate().flow {
            *permits = permits.saturating_add(count);
        }
        self.line.moved.notify_waiters();
    }

    /// Ends [`hold`](Self::hold): all that was held arrives, in order.
    pub fn resume(&self) {
        self.set(Flow::Open);
    }

    /// Loses what is on its way, as a reset of the connection does; replies too.
    pub fn discard(&self) {
        self.set(Flow::Lost);
    }

    pub(crate) fn posted(&self) {
        self.line.pending.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn landed(&self) {
        self.line.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many commands are on their way.
    pub fn pending(&self) -> usize {
        self.line.pending.load(Ordering::Relaxed)
    }

    /// Whoever waits for a reply is told that the connection is closed. What was sent may still arrive.
    pub(crate) fn close(&self) {
        self.gate().closed = true;
        self.line.closing.notify_waiters();
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn set(&self, flow: Flow) {
        self.gate().flow = flow;
        self.line.moved.notify_waiters();
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.line.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a command may pass; whether it arrives.
    pub(crate) async fn pass(&self) -> bool {
        loop {
            let mut moved = pin!(self.line.moved.notified());
            moved.as_mut().enable();
            if let Some(arrives) = self.try_pass() {
                return arrives;
            }
            moved.await;
        }
    }

    fn try_pass(&self) -> Option<bool> {
        match &mut self.gate().flow {
            Flow::Open => Some(true),
            Flow::Lost => Some(false),
            Flow::Held(0) => None,
            Flow::Held(permits) => {
                *permits = permits.saturating_sub(1);
                Some(true)
            }
        }
    }

    pub(crate) fn loses(&self) -> bool {
        self.gate().flow == Flow::Lost
    }

    pub(crate) async fn closed(&self) {
        let mut closing = pin!(self.line.closing.notified());
        closing.as_mut().enable();
        // Not in the condition of the `if`, where the gate would stay locked.
        let closed = self.gate().closed;
        if !closed {
            closing.await;
        }
    }

    /// Replies of one connection come in order.
    pub(crate) fn reply_at(&self, delay: Duration) -> Instant {
        let mut last = self.line.last_reply.lock().unwrap_or_else(PoisonError::into_inner);
        let at = later(Instant::now(), delay).max(last.unwrap_or_else(Instant::now));
        *last = Some(at);
        at
    }
}
