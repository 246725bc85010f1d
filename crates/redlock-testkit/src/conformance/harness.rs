use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redlock_core::{Backend, Key, LockValue, TokioClock};
use redlock_memory::MemoryNode;

use super::NetworkHarness;

const PATIENCE: Duration = Duration::from_secs(2);

/// The backend under test, and what the suite needs besides: a way to let time pass, and where possible a way behind
/// the backend's back.
///
/// [`Plain`] serves where there is only a backend; [`OnMemory`] for a layer, over a node in memory.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The backend. Each call gives the same one.
    fn backend(&self) -> Arc<dyn Backend>;

    /// Lets so much time pass on the node. Default: sleeps, which in virtual time costs nothing.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// How long the suite gives each command. Default: two seconds.
    fn patience(&self) -> Duration {
        PATIENCE
    }

    /// Puts something into a key that the backend cannot put there; `false` where the harness cannot either, and the
    /// checks that need it are skipped. That is the default.
    async fn plant(&self, _key: &Key, _plant: Plant) -> bool {
        false
    }

    /// Makes the node stop answering, as `SIGSTOP` does, or go on; `false` where the harness cannot. That is the
    /// default.
    async fn stall(&self, _stalled: bool) -> bool {
        false
    }

    /// The network between the backend and its server, where there is one to make faults in. Default: none.
    fn network(&self) -> Option<&NetworkHarness> {
        None
    }
}

/// What stands in a key and no lock of ours put there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plant {
    /// A string without an expiry (`SET key value`).
    Forever(LockValue),
    /// Something that is no string, without an expiry (`HSET key field value`).
    Foreign,
}

/// A backend and nothing else: time passes by sleeping, and checks that need a way behind its back are skipped.
pub struct Plain {
    backend: Arc<dyn Backend>,
    patience: Duration,
}

impl Plain {
    /// The harness of that backend.
    pub fn new(backend: impl Backend) -> Self {
        Self { backend: Arc::new(backend), patience: PATIENCE }
    }

    /// How long the suite gives each command; default: two seconds. It sends up to fifty at once, so a store that waits
    /// for a disk needs more.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[async_trait]
impl Harness for Plain {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plain").field(self.backend.node()).finish()
    }
}

/// A layer over a node in memory, with all that the suite can use: no check is skipped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), redlock_testkit::conformance::NonConformance> {
/// use redlock_testkit::FaultyLink;
/// use redlock_testkit::conformance::{self, OnMemory};
/// // In place of `FaultyLink::new`: your layer.
/// let report = conformance::lock_family(&OnMemory::wrapped(FaultyLink::new)).await?;
/// assert!(report.skipped().is_empty());
/// # Ok(())
/// # }
/// ```
pub struct OnMemory {
    node: MemoryNode,
    backend: Arc<dyn Backend>,
}

impl OnMemory {
    /// The node itself.
    pub fn bare() -> Self {
        Self::wrapped(|node| node)
    }

    /// What `wrap` puts around the node. The node counts by the runtime's clock, which may be paused.
    pub fn wrapped<B: Backend>(wrap: impl FnOnce(MemoryNode) -> B) -> Self {
        let node = MemoryNode::builder("conformance").clock(Arc::new(TokioClock::new())).build();
        Self { backend: Arc::new(wrap(node.clone())), node }
    }

    /// The node under the layer.
    pub fn node(&self) -> &MemoryNode {
        &self.node
    }
}

#[async_trait]
impl Harness for OnMemory {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    async fn plant(&self, key: &Key, plant: Plant) -> bool {
        match plant {
            Plant::Forever(value) => self.node.insert(key, value, None),
            Plant::Foreign => self.node.insert_foreign(key, "hash", None),
        }
        true
    }

    async fn stall(&self, stalled: bool) -> bool {
        if stalled {
            self.node.hang();
        } else {
            self.node.recover();
        }
        true
    }
}

impl fmt::Debug for OnMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnMemory").field("node", &self.node).finish_non_exhaustive()
    }
}
