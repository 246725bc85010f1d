use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::wire::later;

/// One connection of a [`FaultyLink`](crate::FaultyLink): a handle to hold back what is on its way and let it go.
///
/// Commands of one connection never overtake each other; those of two do, in the order that the test chooses.
#[derive(Clone, Debug)]
pub struct Connection {
    number: u64,
    gate: Arc<watch::Sender<Gate>>,
    pending: Arc<AtomicUsize>,
    last_reply: Arc<Mutex<Option<Instant>>>,
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
        let gate = watch::Sender::new(Gate { flow: Flow::Open, closed: false });
        Self { number, gate: Arc::new(gate), pending: Arc::default(), last_reply: Arc::default() }
    }

    /// From now on nothing is delivered.
    pub fn hold(&self) {
        self.set(Flow::Held(0));
    }

    /// Lets so many held commands through, those to come included.
    pub fn deliver(&self, count: usize) {
        self.gate.send_modify(|gate| {
            if let Flow::Held(permits) = &mut gate.flow {
                *permits = permits.saturating_add(count);
            }
        });
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
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn landed(&self) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many commands are on their way.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Whoever waits for a reply is told that the connection is closed. What was sent may still arrive.
    pub(crate) fn close(&self) {
        self.gate.send_modify(|gate| gate.closed = true);
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn set(&self, flow: Flow) {
        self.gate.send_modify(|gate| gate.flow = flow);
    }

    /// Waits until a command may pass; whether it arrives.
    pub(crate) async fn pass(&self) -> bool {
        let mut gate = self.gate.subscribe();
        // The sender is in `self`, so this cannot fail.
        let _ = gate.wait_for(|gate| gate.flow != Flow::Held(0)).await;
        self.gate.send_modify(|gate| {
            if let Flow::Held(permits) = &mut gate.flow {
                *permits = permits.saturating_sub(1);
            }
        });
        !self.loses()
    }

    pub(crate) fn loses(&self) -> bool {
        self.gate.borrow().flow == Flow::Lost
    }

    pub(crate) async fn closed(&self) {
        let _ = self.gate.subscribe().wait_for(|gate| gate.closed).await;
    }

    /// Replies of one connection come in order.
    pub(crate) fn reply_at(&self, delay: Duration) -> Instant {
        let mut last = self.last_reply.lock().unwrap_or_else(PoisonError::into_inner);
        let at = later(Instant::now(), delay).max(last.unwrap_or_else(Instant::now));
        *last = Some(at);
        at
    }
}
