//! Order over a connection that is somebody else's too.
//!
//! The channel of a connection that was handed over may be full, of our commands or of others', and then commands overtake
//! each other on their way into it. So at most one message of ours is on its way at a time; what comes meanwhile waits here,
//! and goes as one batch. That a command waits for a round trip before it costs no more than a round trip.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use redis::{Cmd, RedisError};
use redlock_core::{BackendError, FaultKind, Sent};
use redlock_lua::Value;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::convert;
use crate::wire::{Outcome, Wire};

type Reply = Result<Value, BackendError>;

/// What carries batches.
#[async_trait]
pub(crate) trait Carrier: Send + Sync + 'static {
    /// Commands of different lanes may overtake each other.
    type Lane: Copy + Eq + Hash + Send + Sync;

    /// How many commands a batch may have. Their replies come together, so not too many.
    const LIMIT: usize;

    fn lane(&self, command: &Cmd) -> Self::Lane;

    /// Has the batch executed in its order, sending it once. Dropped before it is done, it may or may not have been sent;
    /// but nothing that is carried later is then executed before it.
    async fn carry(&self, lane: Self::Lane, batch: &[Cmd]) -> Carried;
}

/// What became of a batch.
pub(crate) struct Carried {
    /// As many as there were commands.
    pub(crate) replies: Vec<Reply>,
    /// Whether the connection has ended with it.
    pub(crate) ended: bool,
}

impl Carried {
    pub(crate) fn replied(replies: Vec<redis::Value>) -> Self {
        Self { replies: replies.into_iter().map(|reply| convert::reply(Ok(reply))).collect(), ended: false }
    }

    /// The same where nobody knows over which connection it went: an answer must not be taken for one of this connection,
    /// while an error is one over any.
    #[cfg(any(feature = "cluster", feature = "connection-manager"))]
    pub(crate) fn unproven(self, ended: bool) -> Self {
        let doubt = |reply| match reply {
            Ok(Value::Error { .. }) | Err(_) => reply,
            Ok(_) => {
                Err(BackendError::new(FaultKind::Closed, Sent::Maybe, "the client has reconnected meanwhile"))
            }
        };
        Self { replies: self.replies.into_iter().map(doubt).collect(), ended }
    }

    /// The same for every command: there is no connection, and none was sent.
    #[cfg(feature = "connection-manager")]
    pub(crate) fn refused(error: &BackendError, commands: usize) -> Self {
        Self { replies: vec![Err(error.clone()); commands], ended: true }
    }

    /// The same for every command.
    pub(crate) fn failed(error: &RedisError, commands: usize) -> Self {
        // The client's own time limit ends a request and no connection.
        let ended = error.code().is_none() && !error.is_timeout();
        Self { replies: vec![convert::reply(Err(error.clone())); commands], ended }
    }
}

/// The [`Wire`] over a carrier.
pub(crate) struct Batches<C: Carrier>(Arc<Shared<C>>);

struct Shared<C: Carrier> {
    carrier: C,
    lanes: Mutex<HashMap<C::Lane, VecDeque<Waiting>>>,
    heard: AtomicU64,
    ended: watch::Sender<bool>,
}

struct Waiting {
    command: Cmd,
    turn: oneshot::Sender<Reply>,
}

impl<C: Carrier> Batches<C> {
    pub(crate) fn over(carrier: C) -> Self {
        let (lanes, heard) = (Mutex::default(), AtomicU64::default());
        Self(Arc::new(Shared { carrier, lanes, heard, ended: watch::Sender::new(false) }))
    }
}

impl<C: Carrier> Wire for Batches<C> {
    fn begin(&self, command: Cmd) -> Outcome {
        let runtime = match Handle::try_current() {
            Ok(runtime) => runtime,
            Err(error) => return Outcome::Known(Err(not_sent(error.to_string()))),
        };
        let lane = self.0.carrier.lane(&command);
        let (turn, reply) = oneshot::channel();
        // Not spawned under the lock: a runtime that is shutting down drops the task here and now.
        if self.0.queue(lane, Waiting { command, turn }) {
            runtime.spawn(Runner { shared: Arc::clone(&self.0), lane, done: false }.run());
        }
        Outcome::Awaited(Box::pin(async move { reply.await.unwrap_or_else(|_| Err(ended())) }))
    }

    fn is_open(&self) -> bool {
        !*self.0.ended.borrow()
    }

    fn heard(&self) -> u64 {
        self.0.heard.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.0.ended.send_replace(true);
    }
}

impl<C: Carrier> Drop for Batches<C> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<C: Carrier> Shared<C> {
    /// Whether somebody must run the lane now.
    fn queue(&self, lane: C::Lane, waiting: Waiting) -> bool {
        let mut lanes = self.lanes();
        let idle = !lanes.contains_key(&lane);
        lanes.entry(lane).or_default().push_back(waiting);
        idle
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<C::Lane, VecDeque<Waiting>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one task of a lane that has something to do.
struct Runner<C: Carrier> {
    shared: Arc<Shared<C>>,
    lane: C::Lane,
    done: bool,
}

impl<C: Carrier> Runner<C> {
    async fn run(mut self) {
        let mut end = self.shared.ended.subscribe();
        while let Some(batch) = self.next() {
            let (commands, mut turns): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|waiting| (waiting.command, waiting.turn)).unzip();
            let mut carrying = self.shared.carrier.carry(self.lane, &commands);
            let mut end = std::pin::pin!(end.wait_for(|ended| *ended));
            let carried = std::future::poll_fn(|cx| {
                if end.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                match carrying.as_mut().poll(cx) {
                    Poll::Ready(carried) => Poll::Ready(Some(carried)),
                    // What nobody waits for must hold nobody up.
                    Poll::Pending if all_gone(&mut turns, cx) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            })
            .await;
            if let Some(carried) = carried {
                self.tell(carried, turns);
            }
        }
    }

    /// The commands that still have somebody who waits; none where the lane is idle or at its end.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let ended = *self.shared.ended.borrow();
        let mut lanes = self.shared.lanes();
        let queue = lanes.get_mut(&self.lane).filter(|_| !ended);
        let batch: Vec<_> = queue.map(|queue| take(queue, C::LIMIT)).unwrap_or_default();
        if batch.is_empty() {
            self.done = true;
            lanes.remove(&self.lane);
            return None;
        }
        Some(batch)
    }

    fn tell(&self, carried: Carried, turns: Vec<oneshot::Sender<Reply>>) {
        if carried.ended {
            // Before anybody is told: the next command is for the next connection.
            self.shared.ended.send_replace(true);
        } else {
            self.shared.heard.fetch_add(1, Ordering::Relaxed);
        }
        for (turn, reply) in turns.into_iter().zip(carried.replies) {
            // It may have given up meanwhile.
            let _ = turn.send(reply);
        }
    }
}

impl<C: Carrier> Drop for Runner<C> {
    /// A runner that its runtime dropped must not keep its lane waiting for ever.
    fn drop(&mut self) {
        if !self.done {
            self.shared.lanes().remove(&self.lane);
        }
    }
}

fn take(queue: &mut VecDeque<Waiting>, limit: usize) -> Vec<Waiting> {
    // Whoever has given up must not be acted for.
    queue.retain(|waiting| !waiting.turn.is_closed());
    queue.drain(..queue.len().min(limit)).collect()
}

fn all_gone(turns: &mut [oneshot::Sender<Reply>], cx: &mut Context<'_>) -> bool {
    turns.iter_mut().all(|turn| turn.poll_closed(cx).is_ready())
}

fn not_sent(message: String) -> BackendError {
    BackendError::new(FaultKind::Unreachable, Sent::No, message)
}

fn ended() -> BackendError {
    BackendError::new(FaultKind::Closed, Sent::Maybe, "the connection ended")
}
