//! Ending in good order.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::lease::Lease;
use crate::{Redlock, ReleaseOutcome};

/// What a shutdown achieved within its time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Shutdown {
    /// The locks that were released, each with its resources and outcome.
    pub released: Vec<(Vec<String>, ReleaseOutcome)>,
    /// The resources of the locks whose release had no outcome in time; they end with their ttl at the latest.
    pub unreleased: Vec<Vec<String>>,
    /// Work that was not over in time: stragglers and roll-backs in the background, acquisitions that nobody polled, and
    /// releases that a node has not confirmed, after each was tried once more.
    pub unfinished: usize,
}

impl Shutdown {
    /// Whether nothing was left undone.
    pub fn is_complete(&self) -> bool {
        self.unreleased.is_empty() && self.unfinished == 0
    }
}

impl Redlock {
    /// Releases every lock that is held, ends every acquisition that waits with
    /// [`AcquireError::ShutDown`](crate::AcquireError::ShutDown), and waits for what goes on in the background, for `within` at
    /// most. Later acquisitions fail at once. It concerns all clones.
    ///
    /// Cancelled, it may be called again. Guards that are still held learn of their release by their signal.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::time::Duration;
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let guard = redlock.acquire("a").await?;
    /// let shutdown = redlock.shutdown(Duration::from_secs(5)).await;
    /// assert!(shutdown.is_complete() && !guard.is_valid());
    /// # Ok(()) }
    /// ```
    pub async fn shutdown(&self, within: Duration) -> Shutdown {
        self.shared().closed.cancel();
        self.shared().members.close();
        let leases = self.shared().registry.leases();
        let mut released = Vec::new();
        // Without a runtime there is nothing to release with; and what was not done in time is told by what is left.
        if Handle::try_current().is_ok() {
            let work = async {
                release_all(&leases, &mut released).await;
                self.shared().nodes.tasks().drained().await;
            };
            let _ = timeout(within, work).await;
        }
        let left = leases.iter().filter(|lease| lease.state().outcome().is_none() && !lease.is_detached());
        let unreleased = left.map(|lease| lease.resources.to_vec()).collect();
        let unfinished = self.shared().nodes.tasks().len().saturating_add(self.shared().unconfirmed.len());
        Shutdown { released, unreleased, unfinished }
    }
}

async fn release_all(leases: &[Arc<Lease>], released: &mut Vec<(Vec<String>, ReleaseOutcome)>) {
    let mut releases = JoinSet::new();
    for lease in leases {
        let lease = Arc::clone(lease);
        releases.spawn(async move {
            let outcome = lease.release().await;
            // Handed on meanwhile, it was left alone.
            (!lease.is_detached()).then(|| (lease.resources.to_vec(), outcome))
        });
    }
    while let Some(outcome) = releases.join_next().await {
        released.extend(outcome.ok().flatten());
    }
}
