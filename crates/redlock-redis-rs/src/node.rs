//! The backend.

use std::sync::Arc;

use async_trait::async_trait;
use redis::Cmd;
use redlock_core::{
    Backend, BackendError, Capabilities, Command, Epoch, FaultKind, Inbox, NodeName, Notifications, Reply,
    Sent,
};
use redlock_lua::{Request, Value, Word, decode, plan};
use tokio::time::Instant;

use crate::line::Line;
use crate::ticket::Ticket;
use crate::{NodeConfigError, RedisNodeBuilder, Source};

/// One Redis or Valkey server as a redlock node, over one multiplexed connection of the `redis` crate.
///
/// It is made without any I/O, connects at its first command, and reconnects when it must: see the
/// [crate's documentation](crate). It must be used within a tokio runtime with I/O and time; when that runtime ends, the
/// next command connects anew on its own.
pub struct RedisNode {
    name: NodeName,
    line: Arc<Line>,
}

impl RedisNode {
    /// The node at `redis://[user:password@]host[:port][/db]` or `unix:///path[?db=…&user=…&pass=…]`, with the default
    /// options. `valkey://` is the same as `redis://`, and `?protocol=resp3` chooses RESP3. With `rediss://` (and `valkeys://`)
    /// the connection is by TLS, for which the feature `tls-rustls-ring` or `tls-rustls-aws-lc` is needed.
    ///
    /// ```
    /// use redlock_core::Backend;
    /// use redlock_redis_rs::RedisNode;
    ///
    /// let node = RedisNode::from_url("redis://user:secret@10.0.0.1:7000/2")?;
    /// assert_eq!(node.node().as_str(), "10.0.0.1:7000/2");
    /// let error = RedisNode::from_url("http://user:secret@10.0.0.1").expect_err("not Redis");
    /// assert!(error.to_string().starts_with("no URL of a Redis node: http://10.0.0.1"));
    /// # Ok::<(), redlock_redis_rs::NodeConfigError>(())
    /// ```
    pub fn from_url(url: impl Into<String>) -> Result<Self, NodeConfigError> {
        Self::builder(url.into()).build()
    }

    /// The options of a node made from a URL, or from what the application already has: see [`Source`].
    pub fn builder(source: impl Into<Source>) -> RedisNodeBuilder {
        RedisNodeBuilder::new(source)
    }

    pub(crate) fn new(name: NodeName, line: Arc<Line>) -> Self {
        Self { name, line }
    }

    /// Hands the words to the connection, or to the queue for it: at once, and in the order of the calls.
    fn send(&self, words: &[Word<'_>]) -> Ticket {
        let mut command = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
        for word in words {
            command.arg(&**word);
        }
        self.line.send(command)
    }

    async fn finish(
        &self,
        request: &Request<'_>,
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<(Epoch, Value), BackendError> {
        let (epoch, reply) = ticket.reply(&self.line, deadline).await?;
        match request.resend(&reply) {
            // Nobody reckons any more with what is sent after the deadline; and nothing was executed.
            Some(_) if deadline <= Instant::now() => Err(past_deadline()),
            Some(words) => self.send(&words).reply(&self.line, deadline).await,
            None => Ok((epoch, reply)),
        }
    }
}

#[async_trait]
impl Backend for RedisNode {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        let locks = Capabilities::LOCK | Capabilities::FENCE;
        let one_server = Capabilities::SCAN | Capabilities::DESCRIBE | Capabilities::MEMBER;
        locks | if self.line.is_cluster() { Capabilities::SLOTS } else { one_server }
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        if deadline <= Instant::now() {
            return Err(past_deadline());
        }
        if matches!(command, Command::Admin(_)) && self.line.is_cluster() {
            return Err(BackendError::unsupported("an admin command on a cluster"));
        }
        let requests = plan(command)?;
        // Before the first await, since commands are applied in the order of their first poll.
        let tickets: Vec<Ticket> = requests.iter().map(|request| self.send(request.words())).collect();
        let mut epoch = None;
        let mut replies = Vec::with_capacity(requests.len());
        for (request, ticket) in requests.iter().zip(tickets) {
            let (this, reply) = self.finish(request, ticket, deadline).await?;
            if *epoch.get_or_insert(this) != this {
                return Err(replaced());
            }
            replies.push(reply);
        }
        let answer = decode(command, replies)?;
        Ok(Reply { epoch: epoch.ok_or_else(replaced)?, answer })
    }

    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}

fn past_deadline() -> BackendError {
    BackendError::new(FaultKind::Timeout, Sent::No, "the deadline was past")
}

/// One answer is never put together from what two connections said: two servers may stand behind them.
fn replaced() -> BackendError {
    BackendError::new(FaultKind::Closed, Sent::Maybe, "the connection was replaced meanwhile")
}

impl std::fmt::Debug for RedisNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisNode").field("name", &self.name).finish_non_exhaustive()
    }
}
