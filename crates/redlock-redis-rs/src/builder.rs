//! The options of a node.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::NodeName;

use crate::line::{Line, Target};
use crate::source::Opened;
use crate::source::own::Own;
use crate::tls::Security;
use crate::wire::Supply;
use crate::{NodeConfigError, RedisNode, Source, url};

/// The options of a [`RedisNode`]; made by [`RedisNode::builder`].
///
/// ```
/// use redlock_core::Backend;
/// use redlock_redis_rs::RedisNode;
///
/// let node = RedisNode::builder("redis://10.0.0.1").name("rack-1").timeouts_before_reconnect(5).build()?;
/// assert_eq!(node.node().as_str(), "rack-1");
/// # Ok::<(), redlock_redis_rs::NodeConfigError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct RedisNodeBuilder {
    source: Source,
    name: Option<NodeName>,
    timeouts_before_reconnect: u32,
    connect_timeout: Duration,
    security: Security,
}

impl RedisNodeBuilder {
    pub(crate) fn new(source: impl Into<Source>) -> Self {
        Self {
            source: source.into(),
            name: None,
            timeouts_before_reconnect: 3,
            connect_timeout: Duration::from_millis(500),
            security: Security::default(),
        }
    }

    /// What the node is called in errors, events and metrics. Default: `host:port`, or the socket's path, and the
    /// database where it is not the first. What does not tell its address (a connection, a manager, a pool) needs a name.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(NodeName::new(name));
        self
    }

    /// After how many timeouts in a row, with nothing heard between them, the connection is replaced. Default: 3.
    ///
    /// Commands that wait at the same time count as one, so that one hiccup of the node under load replaces nothing.
    pub fn timeouts_before_reconnect(mut self, timeouts: u32) -> Self {
        self.timeouts_before_reconnect = timeouts;
        self
    }

    /// How long one attempt to connect may take, authentication included, before it is given up and made anew; also how
    /// long a pool may take to give a connection. Default: 500 ms. A command waits for it no longer than its own deadline.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How TLS sessions are made, for a `rediss://` URL. Default: the system's certificates are trusted, and are read
    /// when the node is built.
    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    pub fn tls(mut self, tls: redlock_tls::Tls) -> Self {
        self.security.tls = Some(tls);
        self
    }

    /// The node. Nothing is connected to here: it connects at its first command.
    pub fn build(self) -> Result<RedisNode, NodeConfigError> {
        if self.timeouts_before_reconnect == 0 {
            return Err(NodeConfigError::NoTimeouts);
        }
        if self.connect_timeout.is_zero() {
            return Err(NodeConfigError::NoTimeToConnect);
        }
        let (timeouts_before_reconnect, connect_timeout) =
            (self.timeouts_before_reconnect, self.connect_timeout);
        let (supply, name) = self.supply()?;
        let target = Target { supply, timeouts_before_reconnect, connect_timeout };
        Ok(RedisNode::new(name, Line::to(target)))
    }

    /// Where connections come from, and the node's name.
    fn supply(self) -> Result<(Box<dyn Supply>, NodeName), NodeConfigError> {
        match self.source.open(self.connect_timeout)? {
            Opened::Address { info, secure, shown } => {
                let tls = self.security.session(secure, &shown)?;
                let name = self.name.unwrap_or_else(|| url::name(&info));
                Ok((Box::new(Own { info, tls }), name))
            }
            Opened::Supply(supply) => {
                self.security.session(false, "what was handed over")?;
                Ok((supply, self.name.ok_or(NodeConfigError::NoName)?))
            }
        }
    }
}

impl std::fmt::Debug for RedisNodeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The source may hold a password.
        f.debug_struct("RedisNodeBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
