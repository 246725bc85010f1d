//! The backend.

use std::sync::Arc;

use async_trait::async_trait;
use fred::clients::{Client, Pool};
use redlock_core::{
    Backend, BackendError, Capabilities, Command, Epoch, FaultKind, Inbox, NodeName, Notifications, Reply,
    Sent,
};
use redlock_lua::{Request, Value, Word, decode, plan};
use tokio::time::Instant;

use crate::call::Call;
use crate::line::Line;
use crate::ticket::{Ticket, replaced};
use crate::{FredNodeBuilder, NodeConfigError};

/// One vote: a Redis or Valkey server, a cluster, or a service behind sentinels, over a client of the `fred` crate.
///
/// It is made without any I/O, connects at its first command, and reconnects when it must: see the
/// [crate's documentation](crate). It must be used within a tokio runtime with I/O and time. A node with a client of its
/// own connects anew when that runtime has ended; a client that was handed over belongs to whoever drives it.
pub struct FredNode {
    name: NodeName,
    capabilities: Capabilities,
    line: Arc<Line>,
}

impl FredNode {
    /// The node at `redis://[user:password@]host[:port][/db]` or `unix:///path[?db=…&user=…&pass=…]`, with the default
    /// options. `valkey://` is the same as `redis://`, and `?protocol=resp3` chooses RESP3.
    ///
    /// With `rediss://` (and `valkeys://`, `rediss-cluster://`, `rediss-sentinel://`) the connection is by TLS, for which a
    /// feature must be on.
    ///
    /// `redis-cluster://…` and `redis-sentinel://…`, as fred has them, are one node, too: the cluster is one vote.
    ///
    /// ```
    /// use redlock_core::Backend;
    /// use redlock_fred::FredNode;
    ///
    /// let node = FredNode::from_url("redis://user:secret@10.0.0.1:7000/2")?;
    /// assert_eq!(node.node().as_str(), "10.0.0.1:7000/2");
    /// let error = FredNode::from_url("http://user:secret@10.0.0.1").expect_err("not Redis");
    /// assert!(error.to_string().starts_with("no URL of a Redis node: http://10.0.0.1"));
    /// # Ok::<(), redlock_fred::NodeConfigError>(())
    /// ```
    pub fn from_url(url: impl Into<String>) -> Result<Self, NodeConfigError> {
        Self::builder(url).build()
    }

    /// The node behind a client that is configured already; connecting it (`init`) is left to its owner.
    ///
    /// Its settings stay as they are. Commands of this node are sent once all the same, whatever number of attempts they
    /// would have, and answer by their deadlines, whatever its limits are. Set `TCP_NODELAY` in its `TcpConfig`, which
    /// fred leaves off, and avoid commands that block the connection (`BLPOP`): locks would wait behind them. When the
    /// connection falls silent, the client is told to reconnect, for all its users.
    ///
    /// ```
    /// use fred::types::Builder;
    /// use fred::types::config::ReconnectPolicy;
    /// use redlock_core::Backend;
    /// use redlock_fred::FredNode;
    ///
    /// # fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut builder = Builder::default_centralized();
    /// builder.set_policy(ReconnectPolicy::new_exponential(0, 10, 1_000, 2));
    /// builder.with_connection_config(|connection| connection.tcp.nodelay = Some(true));
    /// let node = FredNode::from_client(builder.build()?)?;
    /// assert_eq!(node.node().as_str(), "127.0.0.1:6379");
    /// # Ok(()) }
    /// # f().expect("a node");
    /// ```
    ///
    /// # Errors
    ///
    /// [`NodeConfigError::Client`] for a client without a reconnect policy, which would never come back from a lost
    /// connection, and for one with `Blocking::Interrupt`, which may send a later command first.
    pub fn from_client(client: Client) -> Result<Self, NodeConfigError> {
        Self::client_builder(client).build()
    }

    /// The node behind one client of a pool, which is chosen here and kept: over several connections a release could
    /// overtake its acquire.
    ///
    /// # Errors
    ///
    /// As [`from_client`](Self::from_client).
    pub fn from_pool(pool: &Pool) -> Result<Self, NodeConfigError> {
        Self::from_client(pool.next().clone())
    }

    /// The options of the node at that URL.
    pub fn builder(url: impl Into<String>) -> FredNodeBuilder {
        FredNodeBuilder::of_url(url)
    }

    /// The options of the node behind that client.
    pub fn client_builder(client: Client) -> FredNodeBuilder {
        FredNodeBuilder::of_client(client)
    }

    pub(crate) fn new(name: NodeName, line: Arc<Line>) -> Self {
        let locks = Capabilities::LOCK | Capabilities::FENCE;
        let one_server = Capabilities::SCAN | Capabilities::DESCRIBE | Capabilities::MEMBER;
        let capabilities = locks | if line.target.clustered { Capabilities::SLOTS } else { one_server };
        Self { name, capabilities, line }
    }

    /// Hands the words to the connection, or to the queue for it: at once, and in the order of the calls.
    fn send(&self, words: &[Word<'_>]) -> Ticket {
        self.line.send(Call::of(words))
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
impl Backend for FredNode {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        if deadline <= Instant::now() {
            return Err(past_deadline());
        }
        if matches!(command, Command::Admin(_)) && self.line.target.clustered {
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

impl std::fmt::Debug for FredNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FredNode").field("name", &self.name).finish_non_exhaustive()
    }
}
