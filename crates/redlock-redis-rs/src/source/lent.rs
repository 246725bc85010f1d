//! A connection that was handed over.

use std::time::Duration;

use async_trait::async_trait;
use redis::Cmd;
use redis::aio::MultiplexedConnection;
use redlock_core::{BackendError, FaultKind, Sent};

use super::own::introduce;
use crate::batches::{Batches, Carried, Carrier};
use crate::handshake::Peer;
use crate::wire::{Made, Supply};

/// The one connection that there is.
pub(crate) struct Lent(Multiplexed);

impl Lent {
    pub(crate) fn new(connection: MultiplexedConnection) -> Self {
        Self(Multiplexed::new(connection))
    }
}

#[async_trait]
impl Supply for Lent {
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError> {
        // It cannot be ended and made anew, so what is before it is itself.
        let mut connection = self.0.handle();
        let peer = introduce(&mut connection, before).await.map_err(dead)?;
        Ok(Made { wire: Box::new(Batches::over(self.0.clone())), peer })
    }

    fn awaited(&self) -> &'static str {
        "the connection that was handed over, which answers nothing"
    }
}

fn dead(error: redis::RedisError) -> BackendError {
    let message = format!(
        "{error}; the MultiplexedConnection that was handed over has ended, and never reconnects: make the node from a \
         redis::Client, a URL or a ConnectionManager"
    );
    BackendError::new(FaultKind::Closed, Sent::No, message).with_source(error)
}

/// Carries batches over a multiplexed connection.
#[derive(Clone)]
pub(crate) struct Multiplexed {
    connection: MultiplexedConnection,
}

impl Multiplexed {
    pub(crate) fn new(mut connection: MultiplexedConnection) -> Self {
        // Of this handle only: the client's own time limit knows nothing of deadlines.
        connection.set_response_timeout(Duration::MAX);
        Self { connection }
    }

    pub(crate) fn handle(&self) -> MultiplexedConnection {
        self.connection.clone()
    }
}

#[async_trait]
impl Carrier for Multiplexed {
    type Lane = ();
    const LIMIT: usize = 64;

    fn lane(&self, _command: &Cmd) {}

    async fn carry(&self, (): (), batch: &[Cmd]) -> Carried {
        let mut pipeline = redis::pipe();
        for command in batch {
            pipeline.add_command(command.clone());
        }
        let mut connection = self.handle();
        match connection.send_packed_commands(&pipeline, 0, batch.len()).await {
            Ok(replies) => Carried::replied(replies),
            Err(error) => Carried::failed(&error, batch.len()),
        }
    }
}
