//! Work that outlives the call that began it: stragglers, roll-backs, releases of dropped guards.

use std::future::Future;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Counts background work, so that a shutdown can wait for it. Cheap to clone; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Tasks(TaskTracker);

impl Tasks {
    /// Runs `work` on `runtime`. Where that runtime has shut down, `work` is dropped.
    pub fn spawn(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn_on(work, runtime);
    }

    /// Counts as one of them for as long as it lives.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.0.token()
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until none is under way.
    pub async fn drained(&self) {
        self.0.close();
        self.0.wait().await;
        self.0.reopen();
    }
}
