//! Looking at locks from outside, and taking them away: by quorum.

use std::time::Duration;

use crate::lock::{Consensus, inspect};
use crate::quorum::{Decision, Round, Vote};
use crate::{
    BackendError, ConfigError, Evict, Holder, Keys, LockCommand, LockReply, NoQuorum, NodeFault, Redlock,
    Reply,
};

/// What a quorum of nodes said about a lock. It is about the past when it arrives: only acquiring a lock tells whether it can
/// be acquired.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LockStatus {
    /// Which lock.
    pub resource: String,
    /// Its state.
    pub state: LockState,
    /// The nodes that did not answer as they should before it was clear.
    pub faults: Vec<NodeFault>,
}

/// The state of a lock over all nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockState {
    /// Nobody has a quorum, but something may stand: a contender's attempt, or what is left of one.
    Free {
        /// On how many of the nodes that answered before it was clear.
        occupied: usize,
    },
    /// A quorum holds the same value.
    Held {
        /// Whose, where the value is one of ours.
        holder: Option<Holder>,
        /// Until it is free, if it is not extended; `None` without an expiry.
        remaining: Option<Duration>,
        /// On how many nodes.
        nodes: usize,
    },
    /// A quorum holds something that is no lock of this kind.
    Foreign {
        /// The type, as the nodes call it.
        kind: String,
        /// Until it is gone; `None` without an expiry.
        remaining: Option<Duration>,
        /// On how many nodes.
        nodes: usize,
    },
}

/// Why a question about a lock was not answered.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// Too few nodes answered.
    #[error("{0}")]
    NoQuorum(Box<NoQuorum>),
    /// There is no such lock; nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl StatusError {
    /// Whether the same question may be answered later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoQuorum(error) => error.is_retryable(),
            Self::Config(_) => false,
        }
    }
}

/// What a forced release did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ForcedRelease {
    /// From how many nodes something was deleted, of those that answered before it was decided.
    pub removed: usize,
    /// How many nodes confirmed that the key is gone.
    pub confirmed: usize,
    /// Of how many.
    pub total: usize,
    /// The nodes that failed.
    pub faults: Vec<NodeFault>,
}

/// A lock that this `Redlock` holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ActiveLock {
    /// What is locked.
    pub resources: Vec<String>,
    /// What remains of its validity.
    pub remaining: Duration,
    /// Since when it is held.
    pub held_for: Duration,
    /// How many extensions were confirmed.
    pub extensions: u32,
    /// Whether it is extended by itself.
    pub auto_extended: bool,
}

impl Redlock {
    /// Who holds a lock, as a quorum of nodes sees it: one round trip.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_memory::MemoryNode;
    /// use redlock_core::{LockState, Redlock};
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let guard = redlock.acquire("orders").await?;
    /// assert!(matches!(redlock.status("orders").await?.state, LockState::Held { nodes: 2.., .. }));
    /// guard.release().await;
    /// assert_eq!(redlock.status("orders").await?.state, LockState::Free { occupied: 0 });
    /// # Ok(()) }
    /// ```
    pub async fn status(&self, resource: &str) -> Result<LockStatus, StatusError> {
        let keys = Keys::of(self.shared().format.key(resource)?);
        let views = inspect(self.shared(), &keys, self.node_timeout()).await;
        let state = match views.consensus(0) {
            Consensus::NotHeld { occupied } => LockState::Free { occupied },
            Consensus::Held { value, remaining, nodes } => {
                LockState::Held { holder: value.holder(), remaining, nodes }
            }
            Consensus::Foreign { kind, remaining, nodes } => LockState::Foreign { kind, remaining, nodes },
            Consensus::Unknown => return Err(StatusError::NoQuorum(Box::new(views.into_no_quorum()))),
        };
        Ok(LockStatus { resource: resource.to_owned(), state, faults: views.faults })
    }

    /// Deletes a lock, whoever holds it: the one deletion that does not compare. Its holder is not told; it learns it from its
    /// next extension, or by its validity's end, and works on until then.
    ///
    /// Returns when a quorum has confirmed; the other nodes go on in the background.
    pub async fn force_release(&self, resource: &str) -> Result<ForcedRelease, StatusError> {
        let keys = Keys::of(self.shared().format.key(resource)?);
        let shared = self.shared();
        let mut round = Round::new(shared.quorum(), shared.now().saturating_add(Duration::MAX));
        let (mut removed, mut faults) = (0_usize, Vec::new());
        let mut in_flight = shared.send(LockCommand::Evict(Evict::new(keys)), self.node_timeout());
        while round.decide(shared.now()) == Decision::Pending {
            let Some((node, reply)) = in_flight.next().await else { break };
            match evicted(reply) {
                Ok(count) => {
                    removed = removed.saturating_add(usize::from(count > 0));
                    round.record(node, Vote::Yes);
                }
                Err(error) => {
                    faults.push(shared.fault(node, error, "evict"));
                    round.record(node, Vote::Fault);
                }
            }
        }
        shared.leave(in_flight, "evict");
        if !matches!(round.decide(shared.now()), Decision::Won { .. }) {
            return Err(StatusError::NoQuorum(Box::new(NoQuorum::of(&round, faults, Vec::new()))));
        }
        Ok(ForcedRelease {
            removed,
            confirmed: round.count(Some(Vote::Yes)),
            total: shared.nodes.len(),
            faults,
        })
    }

    /// The locks that this `Redlock` (with its clones) holds and that are valid, oldest first. No I/O.
    pub fn active_locks(&self) -> Vec<ActiveLock> {
        let leases = self.shared().registry.leases().into_iter();
        let active = leases.filter_map(|lease| {
            let remaining = lease.check().ok()?;
            let state = lease.state();
            Some(ActiveLock {
                resources: lease.resources.to_vec(),
                remaining,
                held_for: self.shared().now().saturating_since(lease.acquired_at),
                extensions: state.extensions(),
                auto_extended: state.auto().is_some(),
            })
        });
        active.collect()
    }
}

fn evicted(reply: Result<Reply, BackendError>) -> Result<u64, BackendError> {
    match reply?.into_lock()? {
        LockReply::Evicted(count) => Ok(count),
        _ => Err(BackendError::protocol("not an answer to an eviction")),
    }
}
