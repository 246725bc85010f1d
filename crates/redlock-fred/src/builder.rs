//! The options of a node.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Blocking, Config, ConnectionConfig, ReconnectPolicy, TcpConfig};
use redlock_core::NodeName;
use socket2::TcpKeepalive;

use crate::line::{Line, Target};
use crate::tls::Security;
use crate::{FredNode, NodeConfigError, url};

/// How long the kernel retransmits before it gives the connection up; a peer that is merely stopped still acknowledges.
const USER_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent connection is probed, so that an address translator between does not forget it.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The options of a [`FredNode`]; made by [`FredNode::builder`] and [`FredNode::client_builder`].
///
/// ```
/// use redlock_core::Backend;
/// use redlock_fred::FredNode;
///
/// let node = FredNode::builder("redis://10.0.0.1").name("rack-1").timeouts_before_reconnect(5).build()?;
/// assert_eq!(node.node().as_str(), "rack-1");
/// # Ok::<(), redlock_fred::NodeConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct FredNodeBuilder {
    source: Source,
    name: Option<NodeName>,
    timeouts_before_reconnect: u32,
    connect_timeout: Duration,
    security: Security,
}

#[derive(Clone)]
enum Source {
    Url(String),
    Client(Client),
}

impl FredNodeBuilder {
    pub(crate) fn of_url(url: impl Into<String>) -> Self {
        Self::new(Source::Url(url.into()))
    }

    pub(crate) fn of_client(client: Client) -> Self {
        Self::new(Source::Client(client))
    }

    fn new(source: Source) -> Self {
        Self {
            source,
            name: None,
            timeouts_before_reconnect: 3,
            connect_timeout: Duration::from_millis(500),
            security: Security::default(),
        }
    }

    /// What the node is called in errors, events and metrics. Default: `host:port`, or the socket's path, and the
    /// database where it is not the first.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(NodeName::new(name));
        self
    }

    /// After how many timeouts in a row, with nothing heard between them, the client is told to reconnect. Default: 3.
    ///
    /// Commands that wait at the same time count as one, so that one hiccup of the node under load replaces nothing.
    pub fn timeouts_before_reconnect(mut self, timeouts: u32) -> Self {
        self.timeouts_before_reconnect = timeouts;
        self
    }

    /// How long one attempt to connect may take, authentication included. Default: 500 ms. A command waits for it no
    /// longer than its own deadline. A client that was handed over connects within limits of its own; then this is how
    /// long commands are kept for its next connection.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How TLS sessions are made, for a `rediss://` URL. Default: the system's certificates are trusted, and are read
    /// when the node is built. A client that was handed over has its own.
    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    pub fn tls(mut self, tls: redlock_tls::Tls) -> Self {
        self.security.tls = Some(tls);
        self
    }

    /// The node. No network I/O happens here: it connects at its first command.
    pub fn build(self) -> Result<FredNode, NodeConfigError> {
        if self.timeouts_before_reconnect == 0 {
            return Err(NodeConfigError::NoTimeouts);
        }
        if self.connect_timeout.is_zero() {
            return Err(NodeConfigError::NoTimeToConnect);
        }
        let ours = matches!(self.source, Source::Url(_));
        let client = match self.source {
            Source::Url(url) => connectable(self.security.config(&url)?, self.connect_timeout)?,
            Source::Client(client) => {
                self.security.unused("what was handed over")?;
                usable(client)?
            }
        };
        let config = client.client_config();
        let name = self.name.unwrap_or_else(|| url::name(&config));
        let target = Target {
            client,
            ours,
            clustered: config.server.is_clustered(),
            timeouts_before_reconnect: self.timeouts_before_reconnect,
            connect_timeout: self.connect_timeout,
        };
        Ok(FredNode::new(name, Line::to(target)))
    }
}

/// A client of our own, as a node needs it.
fn connectable(config: Config, connect_timeout: Duration) -> Result<Client, NodeConfigError> {
    let tcp = TcpConfig {
        nodelay: Some(true),
        // A closed socket's data is delivered for up to minutes after a fault of the network; a reset one's is not.
        linger: Some(Duration::ZERO),
        keepalive: Some(TcpKeepalive::new().with_time(KEEPALIVE)),
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        user_timeout: Some(USER_TIMEOUT),
        ..TcpConfig::default()
    };
    let connection = ConnectionConfig {
        connection_timeout: connect_timeout,
        internal_command_timeout: connect_timeout,
        max_command_attempts: 1,
        tcp,
        ..ConnectionConfig::default()
    };
    // For ever, at first at once: a node is in use again well within a second of its return.
    let mut policy = ReconnectPolicy::new_exponential(0, 1, 250, 2);
    policy.set_jitter(1);
    let mut builder = Builder::from_config(config);
    let built = builder.set_connection_config(connection).set_policy(policy).build();
    built.map_err(|_| NodeConfigError::Client { reason: "fred refuses its configuration" })
}

/// A client that was handed over.
fn usable(client: Client) -> Result<Client, NodeConfigError> {
    let wrong = |reason| Err(NodeConfigError::Client { reason });
    if !client.has_reconnect_policy() {
        return wrong("it has no reconnect policy, so the first lost connection would be its last; set one");
    }
    if client.client_config().blocking == Blocking::Interrupt {
        return wrong("with Blocking::Interrupt commands may overtake each other; use Blocking::Block");
    }
    Ok(client)
}

impl std::fmt::Debug for FredNodeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("FredNodeBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
