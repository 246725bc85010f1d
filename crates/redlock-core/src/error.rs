//! Why an acquisition or an extension failed: one type each, with what can be done about it.

use std::fmt;
use std::time::Duration;

use crate::quorum::{Round, Vote};
use crate::{ConfigError, EntropyError, Holder, NodeFault, NodeSetConflict, Withheld};

/// Why a lock was not acquired.
///
/// Whatever the reason, nothing is left behind: every node that may have granted is being released in the background, and
/// what a dead node keeps ends with the ttl.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// Somebody else holds it, or several contenders split the nodes among them.
    #[error("{0}")]
    Held(Box<Held>),
    /// Too few nodes answered.
    #[error("{0}")]
    NoQuorum(Box<NoQuorum>),
    /// A quorum granted, but so late that nothing of the lease was left.
    #[error(
        "a quorum granted after {elapsed:?}, when the lease of {ttl:?} less its drift was over: nodes are too slow for this ttl"
    )]
    ValidityExhausted {
        /// The lease.
        ttl: Duration,
        /// From before the first send to the decision.
        elapsed: Duration,
    },
    /// Another client locks on a set of nodes that is not safe together with this one: two could hold at once.
    #[error("{0}")]
    NodeSetConflict(Box<NodeSetConflict>),
    /// The deadline of the whole acquisition passed.
    #[error("not acquired within {after:?}{}", last.as_ref().map(|last| format!(": {last}")).unwrap_or_default())]
    Deadline {
        /// The deadline.
        after: Duration,
        /// What the last attempt failed of, where one had ended.
        last: Option<Box<AcquireError>>,
    },
    /// The future given to [`Acquisition::cancel_on`](crate::Acquisition::cancel_on) was ready.
    #[error("the acquisition was cancelled")]
    Cancelled,
    /// [`Redlock::shutdown`](crate::Redlock::shutdown) was called.
    #[error("this Redlock has been shut down")]
    ShutDown,
    /// What was asked for cannot be; nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No random bits for a token; nothing was sent.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Awaited outside of a tokio runtime; nothing was sent.
    #[error("a lock must be acquired within a tokio runtime whose timer is enabled")]
    NoRuntime,
}

impl AcquireError {
    /// Whether the same acquisition may succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Held(held) => held.is_retryable(),
            Self::ValidityExhausted { .. } => true,
            Self::NoQuorum(error) => error.is_retryable(),
            Self::Deadline { last, .. } => last.as_ref().is_none_or(|last| last.is_retryable()),
            Self::NodeSetConflict(_)
            | Self::Cancelled
            | Self::ShutDown
            | Self::Config(_)
            | Self::Entropy(_)
            | Self::NoRuntime => false,
        }
    }

    /// After what time another attempt makes sense, where that is known: when the holder's lease runs out, if it is not
    /// extended; or when so many nodes count again that a quorum is possible.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Held(held) => held.remaining,
            Self::NoQuorum(error) => error.retry_after(),
            Self::Deadline { last, .. } => last.as_ref()?.retry_after(),
            _ => None,
        }
    }
}

/// Who is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Which of the resources, where the nodes agree about it; otherwise the first.
    pub resource: String,
    /// Who, where a quorum names the same holder and its value is one of ours.
    pub holder: Option<Holder>,
    /// Until the holder's lease runs out, as the nodes see it now; `None` where nobody holds a quorum, or without an
    /// expiry.
    pub remaining: Option<Duration>,
    /// On how many nodes the same value was seen when it was clear.
    pub nodes: usize,
    /// Of how many.
    pub total: usize,
    /// The key holds something that is no string, such as the hash of another library's lock: its type.
    pub foreign: Option<String>,
}

impl Held {
    /// Whether it may be free later: not where data of the application stands, which no lease ends.
    fn is_retryable(&self) -> bool {
        self.foreign.is_none() || self.remaining.is_some()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, nodes, total, .. } = self;
        match (&self.foreign, &self.holder, self.nodes) {
            (Some(kind), _, _) => write!(f, "{resource:?} is held in a foreign format (a {kind})")?,
            (None, Some(holder), _) => write!(f, "{resource:?} is held by {holder}")?,
            (None, None, 0) => return write!(f, "{resource:?} was held a moment ago"),
            (None, None, _) => write!(f, "{resource:?} is held by another client")?,
        }
        if let Some(remaining) = self.remaining {
            write!(f, " for another {remaining:?}")?;
        }
        write!(f, " (seen on {nodes} of {total} nodes)")
    }
}

/// Too few nodes answered as they should, and what was wrong with the others.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NoQuorum {
    /// How many nodes must agree.
    pub needed: usize,
    /// Of how many.
    pub total: usize,
    /// How many agreed.
    pub agreed: usize,
    /// How many answered, and did not agree.
    pub refused: usize,
    /// The nodes that did not answer as they should, each with its name.
    pub faults: Vec<NodeFault>,
    /// The nodes that granted, and whose grants do not count for now.
    pub withheld: Vec<Withheld>,
}

impl NoQuorum {
    pub(crate) fn of(round: &Round, faults: Vec<NodeFault>, withheld: Vec<Withheld>) -> Self {
        let quorum = round.quorum();
        let (agreed, refused) = (round.count(Some(Vote::Yes)), round.count(Some(Vote::No)));
        Self { needed: quorum.needed(), total: quorum.nodes(), agreed, refused, faults, withheld }
    }

    /// Whether enough of the faults may pass by themselves.
    pub fn is_retryable(&self) -> bool {
        let lasting = self.faults.iter().filter(|fault| !fault.error.is_retryable()).count();
        self.total.saturating_sub(lasting) >= self.needed
    }

    /// When so many of the withheld nodes count that they make a quorum with those that agreed.
    fn retry_after(&self) -> Option<Duration> {
        let missing = self.needed.checked_sub(self.agreed)?;
        let mut waits: Vec<_> = self.withheld.iter().filter_map(|node| node.remaining).collect();
        waits.sort_unstable();
        waits.get(missing.checked_sub(1)?).copied()
    }
}

impl fmt::Display for NoQuorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, total, agreed, .. } = self;
        write!(f, "{agreed} of {total} nodes agreed, {needed} are needed")?;
        let faults = self.faults.iter().map(|fault| fault as &dyn fmt::Display);
        let nodes = faults.chain(self.withheld.iter().map(|node| node as &dyn fmt::Display));
        for (index, node) in nodes.enumerate() {
            write!(f, "{}{node}", if index == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for NoQuorum {}

/// Why a lease has ended for its holder. Once it has, it stays ended, whatever replies come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// Its validity ran out before an extension was confirmed.
    Expired,
    /// So many nodes answered that they do not hold it that somebody else may have a quorum: it was evicted, taken, or
    /// forgotten by restarted nodes.
    Gone,
    /// So many nodes were seen to restart without their data that those which keep it are fewer than a quorum.
    Forgotten,
    /// The holder released it, or dropped its guard.
    Released,
    /// It was detached: another process may adopt it.
    Detached,
    /// The runtime that watched it has shut down.
    RuntimeGone,
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "its validity ran out",
            Self::Gone => "a quorum of nodes does not hold it any more",
            Self::Forgotten => "too many of its nodes have restarted and forgot it",
            Self::Released => "it was released",
            Self::Detached => "it was detached",
            Self::RuntimeGone => "the runtime that watched it has shut down",
        })
    }
}

/// The lock does not protect any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock is lost: {reason}")]
pub struct LockLost {
    /// Why.
    pub reason: LossReason,
}

/// Why an extension failed. The lock's validity is what it was before.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtendError {
    /// The lock is lost; it cannot come back.
    #[error(transparent)]
    Lost(#[from] LockLost),
    /// Fewer nodes than a quorum confirmed it. The lock still holds until its validity ends.
    #[error("not extended: {0}")]
    NotConfirmed(Box<NoQuorum>),
    /// The new ttl cannot be; nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl ExtendError {
    /// Whether the same extension may succeed if it is tried again at once.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotConfirmed(error) => error.is_retryable(),
            Self::Lost(_) | Self::Config(_) => false,
        }
    }
}
