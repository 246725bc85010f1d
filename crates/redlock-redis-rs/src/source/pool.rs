//! A connection of a pool of `deadpool-redis`.

use async_trait::async_trait;
use deadpool_redis::{Connection, Pool, PoolError};
use redis::Cmd;
use redlock_core::{BackendError, FaultKind, Sent};

use super::lent::Multiplexed;
use super::own::introduce;
use super::{Kind, Source};
use crate::batches::{Batches, Carried, Carrier};
use crate::convert;
use crate::handshake::Peer;
use crate::wire::{Made, Supply};

impl From<Pool> for Source {
    /// One connection of the pool, which stays checked out: the pool has one less for others. Another is checked out when it
    /// has ended, or has been silent for too long. The pool's own time limits are kept, and are cut short by the node's
    /// [`connect_timeout`](crate::RedisNodeBuilder::connect_timeout).
    fn from(pool: Pool) -> Self {
        Self(Kind::Supplied(Box::new(Pooled(pool))))
    }
}

struct Pooled(Pool);

#[async_trait]
impl Supply for Pooled {
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError> {
        let connection = self.0.get().await.map_err(refused)?;
        let carrier = Checked::new(connection);
        let mut connection = carrier.connection.handle();
        let peer =
            introduce(&mut connection, before).await.map_err(|error| convert::not_connected(&error))?;
        Ok(Made { wire: Box::new(Batches::over(carrier)), peer })
    }

    fn awaited(&self) -> &'static str {
        "a connection of the pool, where all may be in use"
    }
}

fn refused(error: PoolError) -> BackendError {
    let kind = match &error {
        PoolError::Backend(error) => return convert::not_connected(error),
        PoolError::Timeout(_) => FaultKind::Timeout,
        _ => FaultKind::Unreachable,
    };
    BackendError::new(kind, Sent::No, error.to_string()).with_source(error)
}

/// A connection that stays checked out for as long as the node uses it.
struct Checked {
    connection: Multiplexed,
    held: Option<Connection>,
}

impl Checked {
    fn new(held: Connection) -> Self {
        Self { connection: Multiplexed::new(held.clone()), held: Some(held) }
    }
}

impl Drop for Checked {
    /// One that has ended or went silent must not go back to the pool, which would try it on its next user.
    fn drop(&mut self) {
        drop(self.held.take().map(Connection::take));
    }
}

#[async_trait]
impl Carrier for Checked {
    type Lane = ();
    const LIMIT: usize = Multiplexed::LIMIT;

    fn lane(&self, _command: &Cmd) {}

    async fn carry(&self, lane: (), batch: &[Cmd]) -> Carried {
        self.connection.carry(lane, batch).await
    }
}
