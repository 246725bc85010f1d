use std::sync::Arc;
use std::time::{Duration, SystemTime};

use redlock_core::{BootClock, Clock, Durability, NodeName};

use crate::MemoryNode;

/// Sets up a [`MemoryNode`]; every part has a default.
///
/// ```
/// use std::sync::Arc;
/// use redlock_core::BootClock;
/// use redlock_memory::MemoryNode;
/// let node = MemoryNode::builder("memory-1").clock(Arc::new(BootClock::new())).durable(true).build();
/// assert!(node.is_empty());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct MemoryNodeBuilder {
    name: NodeName,
    clock: Option<Arc<dyn Clock>>,
    durable: bool,
    replicas: u64,
    unix_time: Option<Duration>,
}

impl MemoryNodeBuilder {
    pub(crate) fn new(name: NodeName) -> Self {
        Self { name, clock: None, durable: false, replicas: 0, unix_time: None }
    }

    /// The clock by which keys expire. Default: a [`BootClock`], which goes on in suspend.
    ///
    /// Tests in virtual time pass a [`TokioClock`](redlock_core::TokioClock); a test of a node whose clock runs wrong
    /// passes a clock of its own.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether the keys survive [`MemoryNode::restart`]. Default: no, as on a Redis without persistence.
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// How many replicas the node says it has: one of them takes its place in [`MemoryNode::fail_over`]. Default: none.
    pub fn replicas(mut self, replicas: u64) -> Self {
        self.replicas = replicas;
        self
    }

    /// What the node's wall clock says when it is built, since the Unix epoch; it goes on by the node's clock.
    /// Default: the system's time. For tests that must replay exactly.
    pub fn unix_time(mut self, time: Duration) -> Self {
        self.unix_time = Some(time);
        self
    }

    /// The node.
    pub fn build(self) -> MemoryNode {
        let clock = self.clock.unwrap_or_else(|| Arc::new(BootClock::new()));
        let durability = if self.durable { Durability::Always } else { Durability::Nothing };
        MemoryNode::start(
            self.name,
            clock,
            (durability, self.replicas),
            self.unix_time.unwrap_or_else(system_time),
        )
    }
}

fn system_time() -> Duration {
    // A system clock before 1970 tells nothing worth an error.
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
