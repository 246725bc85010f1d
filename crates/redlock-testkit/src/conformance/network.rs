use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redlock_core::{Backend, Key};

use super::harness::{Harness, Plant};
use super::on_server;
use crate::proxy::Proxy;
use crate::server::{RedisServer, ServerError};

/// A backend that reaches a real server through a [`Proxy`], for
/// [`contract_over_network`](super::contract_over_network).
pub struct NetworkHarness {
    server: Mutex<RedisServer>,
    proxy: Proxy,
    backend: Arc<dyn Backend>,
}

impl NetworkHarness {
    /// The backend that `connect` makes for a URL, which is the proxy's before that server.
    ///
    /// # Errors
    ///
    /// Where the server listens on no port, or none is left for the proxy.
    pub fn new<B: Backend>(
        server: RedisServer,
        connect: impl FnOnce(String) -> B,
    ) -> Result<Self, ServerError> {
        let proxy = Proxy::of(&server)?;
        let backend = connect(proxy.url(&server));
        Ok(Self::around(server, proxy, backend))
    }

    /// The same where the backend, which reaches the server through that proxy, has been made already.
    pub fn around(server: RedisServer, proxy: Proxy, backend: impl Backend) -> Self {
        Self { server: Mutex::new(server), proxy, backend: Arc::new(backend) }
    }

    /// What stands between the backend and the server.
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The server behind the proxy.
    pub fn server(&self) -> MutexGuard<'_, RedisServer> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many commands that write, or may, have reached the server since it started.
    pub(super) fn writes(&self) -> Result<u64, ServerError> {
        let server = self.server();
        let mut sum: u64 = 0;
        for command in ["set", "eval", "evalsha", "fcall"] {
            sum = sum.saturating_add(server.calls(command)?);
        }
        Ok(sum)
    }
}

#[async_trait]
impl Harness for NetworkHarness {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    async fn plant(&self, key: &Key, plant: Plant) -> bool {
        on_server::put(&self.server(), key, plant).is_ok()
    }

    async fn stall(&self, stalled: bool) -> bool {
        let server = self.server();
        let done = if stalled { server.freeze() } else { server.thaw() };
        done.is_ok()
    }

    fn network(&self) -> Option<&NetworkHarness> {
        Some(self)
    }
}

impl fmt::Debug for NetworkHarness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkHarness").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}
