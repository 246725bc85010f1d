//! How a connection carries commands: a queue in order, emptied by a task of its own, since what was sent arrives
//! though nobody waits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use redlock_core::{Backend, BackendError, Command, Epoch, FaultKind, Reply, Sent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::connection::Connection;
use super::log::{Log, Outcome};
use super::plan::{Fate, Plan};

/// How long a command that lands after its caller's deadline may take: the link, not the caller, is late.
const GRACE: Duration = Duration::from_secs(1);

/// Longer than any test.
const FOREVER: Duration = Duration::from_secs(1_000_000_000);

/// The sending end of a connection.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) connection: Connection,
    queue: mpsc::UnboundedSender<Parcel>,
    /// Until the first command starts the task: a link can be made outside a runtime.
    unstarted: Option<mpsc::UnboundedReceiver<Parcel>>,
    last_due: Option<Instant>,
}

impl Wire {
    pub(crate) fn new(number: u64) -> Self {
        let (queue, unstarted) = mpsc::unbounded_channel();
        Self { connection: Connection::new(number), queue, unstarted: Some(unstarted), last_due: None }
    }

    pub(crate) fn send<B: Backend>(
        &mut self,
        command: &Command,
        deadline: Instant,
        plan: Plan,
        (inner, log): (&Arc<B>, &Log),
    ) -> Receipt {
        if let Some(parcels) = self.unstarted.take() {
            tokio::spawn(carry(parcels, self.connection.clone(), Arc::clone(inner), log.clone()));
        }
        let sent = Instant::now();
        let due = later(sent, plan.delay).max(self.last_due.unwrap_or(sent));
        self.last_due = Some(due);
        let (answer, receiver) = oneshot::channel();
        let parcel = Parcel { command: command.clone(), deadline, sent, due, plan, answer };
        self.connection.posted();
        // The receiver lives as long as this sender; only a runtime that shuts down drops it, and then nobody waits.
        let _ = self.queue.send(parcel);
        Receipt { answer: receiver, connection: self.connection.clone() }
    }
}

/// A command on its way.
pub(crate) struct Parcel {
    command: Command,
    deadline: Instant,
    sent: Instant,
    due: Instant,
    plan: Plan,
    answer: oneshot::Sender<Arrival>,
}

/// An answer, and when it is back.
struct Arrival {
    at: Instant,
    result: Result<Reply, BackendError>,
}

/// What the caller of a sent command waits for.
pub(crate) struct Receipt {
    answer: oneshot::Receiver<Arrival>,
    connection: Connection,
}

impl Receipt {
    pub(crate) async fn wait(self, deadline: Instant) -> Result<Reply, BackendError> {
        let Self { answer, connection } = self;
        tokio::select! {
            biased;
            result = arrived(answer) => result,
            () = connection.closed() => {
                Err(BackendError::new(FaultKind::Closed, Sent::Maybe, "the connection was replaced"))
            }
            () = tokio::time::sleep_until(deadline) => Err(BackendError::timeout()),
        }
    }
}

async fn arrived(answer: oneshot::Receiver<Arrival>) -> Result<Reply, BackendError> {
    let Ok(Arrival { at, result }) = answer.await else { return std::future::pending().await };
    sleep_until(at).await;
    result
}

async fn carry<B: Backend>(
    mut parcels: mpsc::UnboundedReceiver<Parcel>,
    connection: Connection,
    inner: Arc<B>,
    log: Log,
) {
    while let Some(parcel) = parcels.recv().await {
        sleep_until(parcel.due).await;
        let arrives = connection.pass().await;
        connection.landed();
        let stop = Stop { connection: connection.clone(), log: log.clone() };
        match parcel.plan.fate.clone() {
            _ if !arrives => stop.lose(parcel),
            Fate::CommandLost => stop.lose(parcel),
            Fate::Error(error) => stop.finish(parcel, Err(error)),
            Fate::Answered | Fate::ReplyLost => stop.hand_over(parcel, &inner).await,
        }
    }
}

/// The end of a parcel's way.
struct Stop {
    connection: Connection,
    log: Log,
}

impl Stop {
    /// Polls the inner backend once before the next parcel's turn, which fixes the order, and leaves the rest to a task.
    async fn hand_over<B: Backend>(self, parcel: Parcel, inner: &Arc<B>) {
        let mut execution = execute(Arc::clone(inner), parcel.command.clone(), parcel.deadline);
        let first = std::future::poll_fn(|cx| Poll::Ready(execution.as_mut().poll(cx))).await;
        match first {
            Poll::Ready(result) => self.finish(parcel, result),
            Poll::Pending => {
                tokio::spawn(async move { self.finish(parcel, execution.await) });
            }
        }
    }

    fn lose(self, parcel: Parcel) {
        self.log.add(parcel.sent, self.connection.number(), parcel.command, Outcome::Lost);
    }

    fn finish(self, parcel: Parcel, result: Result<Reply, BackendError>) {
        let lost = matches!(parcel.plan.fate, Fate::ReplyLost) || self.connection.loses();
        self.log.add(parcel.sent, self.connection.number(), parcel.command, outcome(&result, lost));
        if !lost {
            let at = self.connection.reply_at(parcel.plan.reply_delay);
            let number = self.connection.number();
            let result = result.map(|reply| Reply { epoch: epoch(reply.epoch, number), ..reply });
            // The caller may be gone.
            let _ = parcel.answer.send(Arrival { at, result });
        }
    }
}

type Execution = Pin<Box<dyn Future<Output = Result<Reply, BackendError>> + Send>>;

fn execute<B: Backend>(inner: Arc<B>, command: Command, deadline: Instant) -> Execution {
    let deadline = deadline.max(later(Instant::now(), GRACE));
    Box::pin(async move { inner.execute(&command, deadline).await })
}

fn outcome(result: &Result<Reply, BackendError>, lost: bool) -> Outcome {
    match result {
        Ok(reply) if lost => Outcome::AnswerLost(reply.answer.clone()),
        Ok(reply) => Outcome::Answered(reply.answer.clone()),
        Err(error) => Outcome::Failed(error.kind()),
    }
}

/// Changes when the inner backend's connection does, and when this one does.
fn epoch(inner: Epoch, number: u64) -> Epoch {
    Epoch::from_u64(inner.as_u64().wrapping_add(number))
}

/// A parcel takes a few steps from task to task; on a current-thread runtime each yield gives each one step. This is
/// ample for every parcel that can be on its way in a test.
pub(crate) async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Never past the end of time, which would panic.
pub(crate) fn later(start: Instant, delay: Duration) -> Instant {
    start + delay.min(FOREVER)
}

/// A timer rounds up to its resolution, so what is due already must not ask it.
async fn sleep_until(due: Instant) {
    if due > Instant::now() {
        tokio::time::sleep_until(due).await;
    }
}
