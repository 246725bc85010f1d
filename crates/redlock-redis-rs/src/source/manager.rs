//! A `ConnectionManager`, which reconnects by itself and tells nobody.

use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{Cmd, Pipeline, Value};
use redlock_core::{BackendError, FaultKind, Sent};

use super::{Kind, Source};
use crate::batches::{Batches, Carried, Carrier};
use crate::convert;
use crate::handshake::{Peer, QUESTIONS, questions};
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
    /// that drops packets) it never leaves, and nobody can make it: that needs a URL or a `redis::Client`.
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
        let answers = manager.send_packed_commands(&questions(), 0, QUESTIONS).await.map_err(lost)?;
        let peer = Peer::of(&answers);
        if let Some(refusal) = answers.iter().find_map(refusal) {
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

/// A user who may not ask. What the server cannot answer now, it may answer later.
fn refusal(answer: &Value) -> Option<BackendError> {
    let Ok(redlock_lua::Value::Error { code, message }) = convert::reply(Ok(answer.clone())) else {
        return None;
    };
    let kind = redlock_lua::classify(&code, &message);
    matches!(kind, FaultKind::Permission | FaultKind::Rejected).then(|| {
        let remedy = format!(
            "{code} {message}; without CLIENT ID and INFO nobody knows when a ConnectionManager has reconnected: grant \
             both, or make the node from a redis::Client or a URL"
        );
        BackendError::new(FaultKind::Permission, Sent::No, remedy)
    })
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
