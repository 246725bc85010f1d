//! The options of a node.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::NodeName;

use crate::line::{Line, Target};
use crate::tls::Session;
use crate::{NodeConfigError, RedisNode, url};

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
#[derive(Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct RedisNodeBuilder {
    url: String,
    name: Option<NodeName>,
    timeouts_before_reconnect: u32,
    connect_timeout: Duration,
    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    tls: Option<redlock_tls::Tls>,
}

impl RedisNodeBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            timeouts_before_reconnect: 3,
            connect_timeout: Duration::from_millis(500),
            #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
            tls: None,
        }
    }

    /// What the node is called in errors, events and metrics. Default: `host:port`, or the socket's path, and the
    /// database where it is not the first.
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

    /// How long one attempt to connect may take, authentication included, before it is given up and made anew.
    /// Default: 500 ms. A command waits for it no longer than its own deadline.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How TLS sessions are made, for a `rediss://` URL. Default: the system's certificates are trusted, and are read
    /// when the node is built.
    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    pub fn tls(mut self, tls: redlock_tls::Tls) -> Self {
        self.tls = Some(tls);
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
        let address = url::parse(&self.url)?;
        let tls = self.session(address.secure)?;
        let info = address.info;
        let name = self.name.unwrap_or_else(|| url::name(&info));
        let target = Target {
            info,
            tls,
            timeouts_before_reconnect: self.timeouts_before_reconnect,
            connect_timeout: self.connect_timeout,
        };
        Ok(RedisNode::new(name, Line::to(target)))
    }

    #[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
    fn session(&self, secure: bool) -> Result<Option<Session>, NodeConfigError> {
        match &self.tls {
            Some(_) if !secure => Err(NodeConfigError::TlsWithoutSecureUrl { url: url::shown(&self.url) }),
            None if !secure => Ok(None),
            tls => Ok(Some(Session::of(&tls.clone().unwrap_or_default())?)),
        }
    }

    #[cfg(not(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc")))]
    fn session(&self, secure: bool) -> Result<Option<Session>, NodeConfigError> {
        if secure { Err(NodeConfigError::NoTls { url: url::shown(&self.url) }) } else { Ok(None) }
    }
}

impl std::fmt::Debug for RedisNodeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.debug_struct("RedisNodeBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}
