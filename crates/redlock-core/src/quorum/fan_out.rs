//! The one place where a command is sent to many nodes.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Tasks;
use crate::{Backend, BackendError, Command, Epoch, FaultKind, Reply, Sent};

type Call = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send>>;

/// One command on its way to many nodes.
///
/// - The first poll polls every node's call, in the order of the nodes, before anything is said: what is sent afterwards
///   comes behind it on every node.
/// - A node that has not answered by the deadline answers [`BackendError::timeout`] here, whatever its backend does.
/// - Outside of a tokio runtime nothing is sent, and every node answers that.
/// - **Dropping it drops nothing that was sent:** calls without an answer go on in a counted background task of the
///   runtime in which they began. (`redis` skips a request whose receiver is gone before it is written: 15,000 cycles left
///   up to 1,415 keys.)
pub struct InFlight {
    calls: Vec<(usize, Call)>,
    answered: VecDeque<(usize, Result<Reply, BackendError>)>,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    tasks: Tasks,
    runtime: Option<Handle>,
    launched: bool,
    in_background: bool,
}

impl InFlight {
    pub(super) fn new(
        backends: impl Iterator<Item = (usize, Arc<dyn Backend>)>,
        command: &Arc<Command>,
        deadline: Instant,
        (tasks, epochs): (Tasks, Epochs),
    ) -> Self {
        let calls = backends.map(|(node, backend)| {
            let epochs = epochs.clone();
            (node, call(backend, Arc::clone(command), deadline, move |reply| epochs.heard(node, reply)))
        });
        let calls: Vec<_> = calls.collect();
        let answered = VecDeque::with_capacity(calls.len());
        Self {
            calls,
            answered,
            deadline,
            timer: None,
            tasks,
            runtime: None,
            launched: false,
            in_background: false,
        }
    }

    /// The next answer and the node that gave it; `None` when every node has answered. Cancellation loses no answer.
    pub async fn next(&mut self) -> Option<(usize, Result<Reply, BackendError>)> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// An answer that has come already and was not taken: what is known when the decision has fallen. Sends nothing.
    pub fn take_answered(&mut self) -> Option<(usize, Result<Reply, BackendError>)> {
        self.answered.pop_front()
    }

    /// Sends to every node without waiting for an answer, so that what is sent next comes behind it.
    pub async fn launch(&mut self) {
        poll_fn(|context| {
            self.advance(context);
            Poll::Ready(())
        })
        .await;
    }

    /// Waits for every answer, and looks at none.
    pub async fn finish(mut self) {
        while self.next().await.is_some() {}
    }

    /// Whether anything was sent: whether it was polled.
    pub fn is_launched(&self) -> bool {
        self.launched
    }

    /// Whether every node has answered, and every answer was taken.
    pub fn is_settled(&self) -> bool {
        self.calls.is_empty() && self.answered.is_empty()
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<(usize, Result<Reply, BackendError>)>> {
        if self.answered.is_empty() {
            self.advance(context);
        }
        match self.answered.pop_front() {
            Some(answer) => Poll::Ready(Some(answer)),
            None if self.calls.is_empty() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Polls every call once. N is small: this is cheaper than a waker for each.
    fn advance(&mut self, context: &mut Context<'_>) {
        if !self.launched {
            self.launched = true;
            self.runtime = Handle::try_current().ok();
            if self.runtime.is_none() {
                self.fail_all(&no_runtime());
            }
        }
        let answered = &mut self.answered;
        self.calls.retain_mut(|(node, call)| match call.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answered.push_back((*node, answer));
                false
            }
            Poll::Pending => true,
        });
        if !self.calls.is_empty() && self.out_of_time(context) {
            self.fail_all(&BackendError::timeout());
        }
    }

    fn fail_all(&mut self, error: &BackendError) {
        self.answered.extend(self.calls.drain(..).map(|(node, _)| (node, Err(error.clone()))));
    }

    fn out_of_time(&mut self, context: &mut Context<'_>) -> bool {
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        timer.as_mut().poll(context).is_ready()
    }
}

fn call(
    backend: Arc<dyn Backend>,
    command: Arc<Command>,
    deadline: Instant,
    heard: impl FnOnce(&Reply) + Send + 'static,
) -> Call {
    // Through the reference: `Arc<dyn Backend>` is a backend, too, and would box the future once more.
    Box::pin(async move { Backend::execute(&*backend, &command, deadline).await.inspect(heard) })
}

/// The latest epoch that was heard of each node.
#[derive(Clone)]
pub(super) struct Epochs(Arc<[Mutex<Option<Epoch>>]>);

impl Epochs {
    pub(super) fn of(nodes: usize) -> Self {
        Self((0..nodes).map(|_| Mutex::default()).collect())
    }

    pub(super) fn latest(&self, node: usize) -> Option<Epoch> {
        *self.0.get(node)?.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self, node: usize, reply: &Reply) {
        if let Some(slot) = self.0.get(node) {
            let mut latest = slot.lock().unwrap_or_else(PoisonError::into_inner);
            *latest = (*latest).max(Some(reply.epoch));
        }
    }
}

/// Without a runtime there is no timer by which to give up.
fn no_runtime() -> BackendError {
    BackendError::new(FaultKind::Unreachable, Sent::No, "outside of a tokio runtime")
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // A background task that is dropped belongs to a runtime that is gone: spawning there again would not end.
        if self.calls.is_empty() || self.in_background {
            return;
        }
        // Never polled means never sent: nothing to carry on with.
        let Some(runtime) = self.runtime.take() else { return };
        let rest = Self {
            calls: std::mem::take(&mut self.calls),
            answered: VecDeque::new(),
            deadline: self.deadline,
            timer: self.timer.take(),
            tasks: self.tasks.clone(),
            runtime: None,
            launched: true,
            in_background: true,
        };
        self.tasks.spawn(&runtime, rest.finish());
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting: Vec<_> = self.calls.iter().map(|(node, _)| node).collect();
        f.debug_struct("InFlight").field("waiting_for", &waiting).finish_non_exhaustive()
    }
}
