//! Getting to know a connection that the client has made: who the peer is, and the end of the connection before.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::types::config::Options;
use redlock_core::{BackendError, FaultKind, Sent};
use redlock_lua::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::call::{Call, once};
use crate::convert;
use crate::events::Events;
use crate::line::{Line, Target};

/// Between two tries to meet a connection, of which the first found it ending.
const PAUSE: Duration = Duration::from_millis(2);

/// Which connection of which server's run this is, in the server's own words; each unknown where the user may not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peer {
    client_id: Option<i64>,
    run_id: Option<String>,
}

impl Peer {
    /// Whether both were told, and are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.client_id.is_some() && self.run_id.is_some() && self == other
    }

    /// The command that makes the server forget what the connection before has still under way. Of another run the number
    /// may be another client's.
    pub(crate) fn end_of(&self, before: &Self) -> Option<Call> {
        let same_run = self.run_id.is_some() && self.run_id == before.run_id;
        let id = before.client_id.filter(|_| same_run && self.client_id != before.client_id)?;
        Some(Call::new(&["CLIENT", "KILL", "ID"]).with(id))
    }
}

/// The one task that meets a connection; commands wait for it.
pub(crate) struct Meeting {
    line: Arc<Line>,
    settled: bool,
}

impl Meeting {
    pub(crate) fn on(line: &Arc<Line>) -> Self {
        Self { line: Arc::clone(line), settled: false }
    }

    pub(crate) async fn run(mut self) {
        let begun = Instant::now();
        let limit = self.line.target.connect_timeout;
        let met = timeout(limit, self.meet()).await.unwrap_or_else(|_| {
            self.line.silent_since(begun);
            let message = format!("no connection within {limit:?}");
            Err(BackendError::new(FaultKind::Timeout, Sent::No, message))
        });
        self.settled = true;
        if let Err(error) = met {
            self.line.failed(&error);
        }
    }

    async fn meet(&self) -> Result<(), BackendError> {
        let target = &self.line.target;
        let mut events = Events::of(&target.client);
        loop {
            let changes = self.line.changes();
            let (mut failure, mut peer) = (pin!(events.failure()), pin!(acquaint(target)));
            let met = poll_fn(|cx| match failure.as_mut().poll(cx) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => peer.as_mut().poll(cx).map(Ok),
            });
            let met = met.await.map_err(convert::not_connected)?;
            match met {
                Ok(peer) => {
                    // What was replaced meanwhile has not been met.
                    if self.line.met(changes, peer) {
                        return Ok(());
                    }
                }
                // A connection that ends; the client is about to make another.
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

impl Drop for Meeting {
    /// One that its runtime dropped unfinished must not keep the line waiting for ever.
    fn drop(&mut self) {
        if !self.settled {
            self.line.abandoned();
        }
    }
}

async fn acquaint(target: &Target) -> Result<Peer, Error> {
    let mut events = Events::of(&target.client);
    if !target.client.is_connected() {
        events.made().await?;
    }
    introduce(target).await
}

async fn introduce(target: &Target) -> Result<Peer, Error> {
    let mut peer = Peer::default();
    // A cluster is many servers: what one of them says of a connection is not true of the others.
    if target.clustered {
        return Ok(peer);
    }
    // The client says so only after it has taken the connection into use.
    let options = Options { fail_fast: false, ..once() };
    let id = Call::new(&["CLIENT", "ID"]).begin(&target.client, &options);
    let info = Call::new(&["INFO", "server"]).begin(&target.client, &options);
    if let Ok(Value::Int(id)) = convert::reply(id.reply().await?) {
        peer.client_id = Some(id);
    }
    if let Ok(Value::Bytes(info)) = convert::reply(info.reply().await?) {
        peer.run_id = run_id(&String::from_utf8_lossy(&info));
    }
    Ok(peer)
}

fn run_id(info: &str) -> Option<String> {
    info.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::to_owned)
}
