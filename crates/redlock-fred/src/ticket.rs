//! A command on its way: waiting for a connection, or for its reply.

use redlock_core::{BackendError, Epoch, FaultKind, Sent};
use redlock_lua::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::call::Outcome;
use crate::convert;
use crate::line::Line;

/// The place in the order that a command got when it was sent.
pub(crate) enum Ticket {
    /// The client has it.
    Begun(Flight),
    /// It waits for the connection.
    Queued(oneshot::Receiver<Result<Flight, BackendError>>),
    /// It was not sent.
    Refused(BackendError),
}

impl Ticket {
    /// The server's reply by `deadline`, and the connection over which it came.
    pub(crate) async fn reply(self, line: &Line, deadline: Instant) -> Result<(Epoch, Value), BackendError> {
        match self {
            Self::Begun(flight) => flight.land(line, deadline).await,
            Self::Queued(turn) => wait(turn, line, deadline).await?.land(line, deadline).await,
            Self::Refused(error) => Err(error),
        }
    }
}

async fn wait(
    mut turn: oneshot::Receiver<Result<Flight, BackendError>>,
    line: &Line,
    deadline: Instant,
) -> Result<Flight, BackendError> {
    match timeout_at(deadline, &mut turn).await {
        Ok(Ok(flight)) => flight,
        Ok(Err(_)) => Err(BackendError::new(FaultKind::Unreachable, Sent::No, "connecting was given up")),
        Err(_) => Err(line.while_no_queue_moves(|| still_queued(turn))),
    }
}

/// The command may have left the queue at the very moment of the deadline.
fn still_queued(mut turn: oneshot::Receiver<Result<Flight, BackendError>>) -> BackendError {
    turn.close();
    match turn.try_recv() {
        Ok(Ok(_)) => BackendError::timeout(),
        Ok(Err(error)) => error,
        Err(_) => BackendError::new(FaultKind::Timeout, Sent::No, "still connecting"),
    }
}

/// A command that the client has.
pub(crate) struct Flight {
    pub(crate) epoch: Epoch,
    /// What had changed of the connection when it was sent.
    pub(crate) changes: u64,
    pub(crate) begun: Instant,
    pub(crate) outcome: Outcome,
}

impl Flight {
    async fn land(self, line: &Line, deadline: Instant) -> Result<(Epoch, Value), BackendError> {
        match timeout_at(deadline, self.outcome.reply()).await {
            Ok(Ok(frame)) if line.changes() == self.changes => Ok((self.epoch, convert::reply(frame)?)),
            // The client does not say over which of its connections an answer came.
            Ok(Ok(_)) => Err(replaced()),
            Ok(Err(error)) => {
                line.ended(self.changes);
                Err(convert::lost(error))
            }
            Err(_) => {
                line.silent_since(self.begun);
                Err(BackendError::timeout())
            }
        }
    }
}

/// One answer is never put together from what two connections said: two servers may stand behind them.
pub(crate) fn replaced() -> BackendError {
    BackendError::new(FaultKind::Closed, Sent::Maybe, "the connection was replaced meanwhile")
}
