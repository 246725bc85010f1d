//! A command on its way: waiting for a connection, or for its reply.

use std::sync::Arc;

use redlock_core::{BackendError, Epoch, FaultKind, Sent};
use redlock_lua::Value;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::connection::Connection;
use crate::line::Line;
use crate::wire::Outcome;

/// The place in the order that a command got when it was sent.
pub(crate) enum Ticket {
    /// It is in the connection's pipeline.
    Begun(Flight),
    /// It waits for the connection that is being made.
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
        Err(_) => Err(line.while_no_queue_moves(|| still_queued(turn, line.awaited()))),
    }
}

/// The command may have left the queue at the very moment of the deadline.
fn still_queued(mut turn: oneshot::Receiver<Result<Flight, BackendError>>, awaited: &str) -> BackendError {
    turn.close();
    match turn.try_recv() {
        Ok(Ok(_)) => BackendError::timeout(),
        Ok(Err(error)) => error,
        Err(_) => BackendError::new(FaultKind::Timeout, Sent::No, format!("still waiting for {awaited}")),
    }
}

/// A command in a connection's pipeline.
pub(crate) struct Flight {
    pub(crate) connection: Arc<Connection>,
    pub(crate) begun: Instant,
    pub(crate) outcome: Outcome,
}

impl Flight {
    async fn land(self, line: &Line, deadline: Instant) -> Result<(Epoch, Value), BackendError> {
        let outcome = match self.outcome {
            Outcome::Known(outcome) => Ok(outcome),
            Outcome::Awaited(reply) => timeout_at(deadline, reply).await,
        };
        let Ok(outcome) = outcome else {
            if self.connection.is_silent_since(self.begun) {
                line.replace(&self.connection);
            }
            return Err(BackendError::timeout());
        };
        outcome.map(|value| (self.connection.epoch(), value))
    }
}
