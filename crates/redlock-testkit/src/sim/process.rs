//! A process that is stopped for a while, as by `SIGSTOP`, a debugger or the suspension of its machine, and goes on.
//!
//! Meanwhile none of the client's own code runs; what it has sent arrives, and what is sent back waits for it. The library's
//! background tasks live on the same runtime as everybody's and cannot be stopped. They are stopped where it matters, at
//! their next command: it leaves when the process goes on, although it was decided on before. That is one of the orders
//! that a real stop can have, and the worst.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use redlock_core::{
    Backend, BackendError, Capabilities, Command, FaultKind, Inbox, NodeName, Notifications, Reply, Sent,
};
use tokio::time::Instant;

use super::world::Link;

/// Whether a client's process runs, and who waits until it does.
#[derive(Debug, Default)]
pub(super) struct Process(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    wakers: Vec<Waker>,
    /// Commands that are to leave in this order.
    leaving: VecDeque<u64>,
    next: u64,
    /// Since the schedule's start; the last one may not be over.
    stops: Vec<(Duration, Duration)>,
}

impl Process {
    pub(super) fn stop(&self, now: Duration) {
        let mut state = self.state();
        state.stopped = true;
        state.stops.push((now, Duration::MAX));
    }

    pub(super) fn go_on(&self, now: Duration) {
        let mut state = self.state();
        state.stopped = false;
        if let Some((_, until)) = state.stops.last_mut() {
            *until = now;
        }
        wake_all(state);
    }

    /// When it was stopped, and until when.
    pub(super) fn stops(&self) -> Vec<(Duration, Duration)> {
        self.state().stops.clone()
    }

    /// For how long it was stopped between those times.
    pub(super) fn stopped(&self, from: Duration, until: Duration) -> Duration {
        let stops = self.stops().into_iter();
        stops.map(|(begin, end)| end.min(until).saturating_sub(begin.max(from))).sum()
    }

    /// Runs `future` while the process runs.
    pub(super) async fn run<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            if self.is_held(context) {
                return Poll::Pending;
            }
            future.as_mut().poll(context)
        })
        .await
    }

    async fn running(&self) {
        poll_fn(|context| if self.is_held(context) { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn is_held(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        if state.stopped {
            state.wait(context);
        }
        state.stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, context: &Context<'_>) {
        if !self.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            self.wakers.push(context.waker().clone());
        }
    }
}

/// In the order in which they came. Not under the lock.
fn wake_all(mut state: MutexGuard<'_, State>) {
    let wakers = std::mem::take(&mut state.wakers);
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

/// A process's end of a link: while it is stopped, nothing is sent, and no answer is taken in.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) process: Arc<Process>,
    pub(super) link: Link,
}

#[async_trait]
impl Backend for Port {
    fn node(&self) -> &NodeName {
        self.link.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.link.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let answer = match Turn::take(&self.process) {
            None => self.link.execute(command, deadline).await,
            // It leaves in its turn, although its caller may not wait for it: in a process that is stopped nobody gives up.
            Some(turn) => {
                let (link, command) = (self.link.clone(), command.clone());
                let leaving = async move {
                    turn.come().await;
                    link.execute(&command, deadline).await
                };
                let closed = || BackendError::new(FaultKind::Closed, Sent::Maybe, "the process is gone");
                tokio::spawn(leaving).await.unwrap_or_else(|_| Err(closed()))
            }
        };
        self.process.running().await;
        answer
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.link.notifications(inbox)
    }
}

/// A command's place among those that are to leave when the process goes on: nothing may overtake.
struct Turn {
    process: Arc<Process>,
    number: u64,
}

impl Turn {
    /// `None` where the command may leave at once.
    fn take(process: &Arc<Process>) -> Option<Self> {
        let mut state = process.state();
        if !state.stopped && state.leaving.is_empty() {
            return None;
        }
        let number = state.next;
        state.next = number.wrapping_add(1);
        state.leaving.push_back(number);
        drop(state);
        Some(Self { process: Arc::clone(process), number })
    }

    async fn come(self) {
        poll_fn(|context| {
            let mut state = self.process.state();
            if !state.stopped && state.leaving.front() == Some(&self.number) {
                return Poll::Ready(());
            }
            state.wait(context);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Turn {
    /// It has left.
    fn drop(&mut self) {
        let mut state = self.process.state();
        state.leaving.retain(|number| *number != self.number);
        wake_all(state);
    }
}
