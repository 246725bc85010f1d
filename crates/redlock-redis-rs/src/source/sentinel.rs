//! The master that sentinels name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use redis::Cmd;
use redis::sentinel::SentinelClient;
use redlock_core::{BackendError, FaultKind, Sent};
use redlock_lua::Value;
use tokio::sync::Mutex;

use super::{Kind, Source, own};
use crate::handshake::Peer;
use crate::wire::{Made, Outcome, Supply, Wire};
use crate::{convert, url};

impl From<SentinelClient> for Source {
    /// The master that the client's sentinels name, asked at each connection; without TLS. The connection is the node's own,
    /// as from a URL. It is left where it ends (sentinels end those of a master that they demote) and where the server
    /// answers that it is a replica: so the node follows a failover, under a new epoch. A failover on command leaves the old master writable until the
    /// sentinels demote it, some seconds later; so long the node stays there.
    ///
    /// A replica that was promoted lacks what its master had not yet sent it: all nodes together, not the replicas of one,
    /// make a lock safe. Where sentinels may be unreachable without an answer, give
    /// [`connect_timeout`](crate::RedisNodeBuilder::connect_timeout) more than a second: the client waits for each so long.
    fn from(client: SentinelClient) -> Self {
        Self(Kind::Supplied(Box::new(Sentinels(Mutex::new(client)))))
    }
}

struct Sentinels(Mutex<SentinelClient>);

#[async_trait]
impl Supply for Sentinels {
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError> {
        let client = self.0.lock().await.async_get_client().await;
        let client = client.map_err(|error| {
            let kind = convert::not_connected(&error).kind();
            BackendError::new(kind, Sent::No, format!("the sentinels name no master: {error}"))
                .with_source(error)
        })?;
        let address = url::check(client.get_connection_info().clone())
            .map_err(|error| BackendError::new(FaultKind::Unsupported, Sent::No, error.to_string()))?;
        let made = own::connect(&address.info, None, before).await?;
        Ok(Made { wire: Box::new(Master { wire: made.wire, demoted: Arc::default() }), peer: made.peer })
    }

    fn awaited(&self) -> &'static str {
        "the sentinels and the master that they name"
    }
}

/// A connection that is left where its server says that it is no master any more.
struct Master {
    wire: Box<dyn Wire>,
    demoted: Arc<AtomicBool>,
}

impl Wire for Master {
    fn begin(&self, command: Cmd) -> Outcome {
        let demoted = Arc::clone(&self.demoted);
        let note = move |reply: Result<Value, BackendError>| {
            if matches!(&reply, Ok(Value::Error { code, .. }) if code == "READONLY") {
                demoted.store(true, Ordering::Release);
            }
            reply
        };
        match self.wire.begin(command) {
            Outcome::Known(reply) => Outcome::Known(note(reply)),
            Outcome::Awaited(reply) => Outcome::Awaited(Box::pin(async move { note(reply.await) })),
        }
    }

    fn is_open(&self) -> bool {
        self.wire.is_open() && !self.demoted.load(Ordering::Acquire)
    }

    fn heard(&self) -> u64 {
        self.wire.heard()
    }

    fn end(&self) {
        self.wire.end();
    }
}
