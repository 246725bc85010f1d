//! A `ConnectionManager`, which reconnects by itself and tells nobody.

use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, Value};
use redlock_core::{BackendError, Sent};

use super::{Kind, Source};
use crate::batches::{Batches, Carried, Carrier};
use crate::convert;
use crate::handshake::{Peer, QUESTIONS, questions, refusal};
use crate::wire::{Made, Supply};

impl From<ConnectionManager> for Source {
    /// The connection of that manager, which others may use too. Its user must be allowed `CLIENT ID` and `INFO`: each
    /// batch of commands asks which connection of which run of the server it goes over, since the manager tells nobody when
    /// it has reconnected. A batch that finds itself on another connection fails.
    ///
    /// The manager replays nothing. Its retries are attempts to connect, with pauses that grow to seconds: while it makes
    /// them, commands fail by their deadlines, and a server that is back is not used before the next attempt. So make it
    /// with `ConnectionManagerConfig::set_number_of_retries(0)`: the node tries again often enough. Its response timeout
    /// (500 ms by default) ends commands that have more time. **A connection that went silent without an end** (a middlebox
    /// that drops packets) it never leaves, and nobody can make it: that needs a URL or a `redis::Client`. Nor does it try
    /// again once a server has **refused** it while it connected (a wrong password for a moment, too many clients): it keeps
    /// that answer for ever, every command fails with an error that says so, and the node is of no use any more.
    fn from(manager: ConnectionManager) -> Self {
        Self(Kind::Supplied(Box::new(Managed(manager))))
    }
}

struct Managed(ConnectionManager);

#[async_trait]
impl Supply for Managed {
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError> {
        let mut manager = self.0.clone();
        let lost = |error| convert::not_connected(&error);
        let answers = manager
            .send_packed_commands(&questions(), 0, QUESTIONS)
            .await
            .map_err(|error| not_met(&error))?;
        let peer = Peer::of(&answers);
        if let Some(refusal) = refusal(&answers, REMEDY) {
            return Err(refusal);
        }
        if let Some(kill) = before.and_then(|before| peer.end_of(&before)) {
            manager.send_packed_command(&kill).await.map_err(lost)?;
        }
        let wire = Box::new(Batches::over(Proven { manager, peer: peer.clone() }));
        Ok(Made { wire, peer })
    }

    fn awaited(&self) -> &'static str {
        "the connection manager"
    }
}

const REMEDY: &str = "without CLIENT ID and INFO nobody knows when a ConnectionManager has reconnected: grant both, or make \
                      the node from a redis::Client or a URL";

/// An error at a first batch, which only the connection itself can have: a command's own would be a reply.
fn not_met(error: &RedisError) -> BackendError {
    let met = convert::not_connected(error);
    if !is_kept(error) {
        return met;
    }
    let message = format!(
        "{error}; so a server refused the ConnectionManager, which keeps that answer and never tries again: make a new one, \
         or the node from a redis::Client or a URL"
    );
    BackendError::new(met.kind(), Sent::No, message).with_source(error.clone())
}

/// Whether the manager has this error in place of a connection: it makes another after an error of I/O only.
fn is_kept(error: &RedisError) -> bool {
    error.code().is_some() || error.kind() == ErrorKind::AuthenticationFailed
}

/// Carries batches that prove over which connection they went.
struct Proven {
    manager: ConnectionManager,
    peer: Peer,
}

#[async_trait]
impl Carrier for Proven {
    type Lane = ();
    const LIMIT: usize = 64;

    fn lane(&self, _command: &Cmd) {}

    async fn carry(&self, (): (), batch: &[Cmd]) -> Carried {
        let mut pipeline: Pipeline = questions();
        for command in batch {
            pipeline.add_command(command.clone());
        }
        let mut manager = self.manager.clone();
        match manager.send_packed_commands(&pipeline, 0, QUESTIONS + batch.len()).await {
            Ok(replies) => self.judge(replies),
            Err(error) if is_kept(&error) => Carried::refused(&not_met(&error), batch.len()),
            Err(error) => Carried::failed(&error, batch.len()),
        }
    }
}

impl Proven {
    fn judge(&self, mut replies: Vec<Value>) -> Carried {
        let answers: Vec<_> = replies.drain(..replies.len().min(QUESTIONS)).collect();
        let found = Peer::of(&answers);
        let carried = Carried::replied(replies);
        if found.is_known() && found == self.peer { carried } else { carried.unproven(found.is_known()) }
    }
}
