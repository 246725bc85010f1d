//! Where connections come from, and what one can do.

use std::pin::Pin;

use async_trait::async_trait;
use redis::Cmd;
use redlock_core::BackendError;
use redlock_lua::Value;

use crate::handshake::Peer;

/// Makes the connections of one node.
#[async_trait]
pub(crate) trait Supply: Send + Sync {
    /// A connection over which commands can be sent, after the one before was ended. Where it fails, no command has been
    /// sent. It may be dropped at any time.
    async fn connect(&self, before: Option<Peer>) -> Result<Made, BackendError>;

    /// What commands wait for meanwhile.
    fn awaited(&self) -> &'static str {
        "a connection"
    }

    /// Whether it is a cluster, of which nothing is true but what is asked for a key.
    fn is_cluster(&self) -> bool {
        false
    }
}

/// A connection, and whose it is.
pub(crate) struct Made {
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) peer: Peer,
}

/// A way to one server, for as long as it lasts. Dropping it ends it.
pub(crate) trait Wire: Send + Sync {
    /// Gives the command its place before it returns: the order of the calls is the order in which the server executes.
    fn begin(&self, command: Cmd) -> Outcome;

    /// Whether it is not known to have ended.
    fn is_open(&self) -> bool;

    /// How often something was heard.
    fn heard(&self) -> u64;

    /// Ends it at once; what waits for replies fails.
    fn end(&self);
}

/// What becomes of a command that has its place.
pub(crate) enum Outcome {
    Known(Result<Value, BackendError>),
    Awaited(Pin<Box<dyn Future<Output = Result<Value, BackendError>> + Send>>),
}
