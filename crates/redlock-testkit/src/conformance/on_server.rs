use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use redlock_core::{Backend, Key};

use super::{Harness, Plant};
use crate::server::{RedisServer, ServerError};

/// A backend over a real server that the harness has started, with all that the suite can use: no check is skipped.
///
/// ```no_run
/// # use redlock_core::Backend;
/// # fn connect(url: String) -> impl Backend { redlock_memory::MemoryNode::new(url) }
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_testkit::conformance::{self, OnServer};
/// use redlock_testkit::server::RedisServer;
/// // In place of `connect`: your backend, from a URL.
/// let harness = OnServer::new(RedisServer::start()?, |server| connect(server.url()));
/// let report = conformance::lock_family(&harness).await?;
/// assert!(report.skipped().is_empty());
/// # Ok(()) }
/// ```
pub struct OnServer {
    server: RedisServer,
    backend: Arc<dyn Backend>,
}

impl OnServer {
    /// The backend that `connect` makes for that server.
    pub fn new<B: Backend>(server: RedisServer, connect: impl FnOnce(&RedisServer) -> B) -> Self {
        Self { backend: Arc::new(connect(&server)), server }
    }

    /// The server under the backend.
    pub fn server(&self) -> &RedisServer {
        &self.server
    }
}

#[async_trait]
impl Harness for OnServer {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    async fn plant(&self, key: &Key, plant: Plant) -> bool {
        put(&self.server, key, plant).is_ok()
    }

    async fn stall(&self, stalled: bool) -> bool {
        let done = if stalled { self.server.freeze() } else { self.server.thaw() };
        done.is_ok()
    }
}

impl fmt::Debug for OnServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnServer").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Puts that into the key, behind the backend's back.
pub(super) fn put(server: &RedisServer, key: &Key, plant: Plant) -> Result<(), ServerError> {
    let key = key.as_str().as_bytes();
    match plant {
        Plant::Forever(value) => server.command([b"SET".as_slice(), key, value.as_bytes()])?,
        Plant::Foreign => server.command([b"HSET".as_slice(), key, b"field", b"value"])?,
    };
    Ok(())
}
