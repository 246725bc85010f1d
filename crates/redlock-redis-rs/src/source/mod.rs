//! What a node can be made from.

#[cfg(feature = "cluster")]
mod cluster;
mod lent;
#[cfg(feature = "connection-manager")]
mod manager;
pub(crate) mod own;
#[cfg(feature = "deadpool")]
mod pool;
#[cfg(feature = "sentinel")]
mod sentinel;
mod socket;

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionInfo};

use crate::wire::Supply;
use crate::{NodeConfigError, url};

/// What a node is made from: a URL, or what the application already has. A URL or a [`redis::Client`] is to be preferred:
/// the connection is then the node's own, and only such a one is replaced when it falls silent and reset at its end. What
/// each of the others cannot do is told by its `From` implementation.
///
/// ```
/// use redlock_core::Backend;
/// use redlock_redis_rs::RedisNode;
///
/// let client = redis::Client::open("redis://user:secret@10.0.0.1:7000/2?protocol=resp3")?;
/// let node = RedisNode::builder(client).build()?;
/// assert_eq!(node.node().as_str(), "10.0.0.1:7000/2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Source(Kind);

enum Kind {
    Url(String),
    Info(Box<ConnectionInfo>),
    Supplied(Box<dyn Supply>),
    #[cfg(feature = "cluster")]
    Cluster(Box<redis::cluster::ClusterClientBuilder>),
}

impl Source {
    /// `connect_timeout` is what a whole attempt to connect may take.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_variables, reason = "only a cluster's client keeps its own time")
    )]
    pub(crate) fn open(self, connect_timeout: Duration) -> Result<Opened, NodeConfigError> {
        let (address, shown) = match self.0 {
            Kind::Url(url) => (url::parse(&url)?, url::shown(&url)),
            Kind::Info(info) => {
                let shown = info.addr().to_string();
                (url::check(*info)?, shown)
            }
            Kind::Supplied(supply) => return Ok(Opened::Supply(supply)),
            #[cfg(feature = "cluster")]
            Kind::Cluster(builder) => {
                let wrong = |error: redis::RedisError| NodeConfigError::Cluster { reason: error.to_string() };
                let builder = builder.connection_timeout(cluster::time_for_each(connect_timeout));
                let client = builder.build().map_err(wrong)?;
                return Ok(Opened::Supply(Box::new(cluster::Clustered::new(client))));
            }
        };
        Ok(Opened::Address { info: address.info, secure: address.secure, shown })
    }
}

/// Where connections come from.
pub(crate) enum Opened {
    /// A server to connect to, and how its place may be shown.
    Address { info: ConnectionInfo, secure: bool, shown: String },
    /// What makes them by itself.
    Supply(Box<dyn Supply>),
}

impl From<&str> for Source {
    /// The server at `redis://[user:password@]host[:port][/db]` or `unix:///path[?db=…&user=…&pass=…]`; `rediss://` is by TLS,
    /// for which a feature is needed.
    fn from(url: &str) -> Self {
        Self(Kind::Url(url.to_owned()))
    }
}

impl From<String> for Source {
    /// The server at that URL.
    fn from(url: String) -> Self {
        Self(Kind::Url(url))
    }
}

impl From<Client> for Source {
    /// The server that the client is for, with its user, database, protocol and TCP settings. The node opens a connection of
    /// its own, as from a URL: without delay (`TCP_NODELAY`), and reset at its end, whatever the client's settings say.
    fn from(client: Client) -> Self {
        Self(Kind::Info(Box::new(client.get_connection_info().clone())))
    }
}

impl From<MultiplexedConnection> for Source {
    /// That connection, which may be used by others too. **It never reconnects**: when it has ended, every command fails
    /// with an error that says so, and the node is of no use any more. A command that blocks (`BLPOP`) or a long script of
    /// another user of the connection holds the node up.
    fn from(connection: MultiplexedConnection) -> Self {
        Self(Kind::Supplied(Box::new(lent::Lent::new(connection))))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may hold a password.
        f.debug_struct("Source").finish_non_exhaustive()
    }
}
