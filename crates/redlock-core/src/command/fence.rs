//! The part of the lock family that fencing tokens add: a counter beside each key, which only rises.
//!
//! The counter of a key stands under [`Key::fence`]. It outlives the lock, by the retention that each use grants it anew, and
//! neither a release nor an eviction touches it.

use std::time::Duration;

use crate::{FencingToken, Keys, LockValue, Ttl};

/// What an acquire proposes to the counters of its keys. Needs [`Capabilities::FENCE`](crate::Capabilities::FENCE).
///
/// A node that grants stores `v = max(highest counter + 1, min(candidate, its own wall clock + max_ahead))` in the counters of
/// all keys and tells it ([`Grant::fence`](crate::Grant)). Where all keys hold this very grant already, `v` is what the counters
/// hold: it is this command, executed before. A counter that would reach 2^53 is an error of the kind
/// [`FencingExhausted`](crate::FaultKind::FencingExhausted), and one that holds no number
/// [`ForeignFormat`](crate::FaultKind::ForeignFormat); then nothing is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FenceProposal {
    /// The caller's wall clock in microseconds, as a rule.
    pub candidate: FencingToken,
    /// How far ahead of the node's wall clock the candidate may bring a counter: what is beyond it is cut off, lest one clock
    /// that runs hours ahead does so to the tokens of everybody.
    pub max_ahead: Duration,
    /// How long the counters live from now on, at least.
    pub retention: Ttl,
}

impl FenceProposal {
    /// That candidate, with the other two as they are by default: a second, a day.
    pub fn new(candidate: FencingToken) -> Self {
        Self { candidate, max_ahead: Duration::from_secs(1), retention: Ttl::DAY }
    }

    /// Another bound for how far the candidate may be ahead.
    #[must_use]
    pub fn max_ahead(mut self, bound: Duration) -> Self {
        self.max_ahead = bound;
        self
    }

    /// Another life of the counters.
    #[must_use]
    pub fn retention(mut self, retention: Ttl) -> Self {
        self.retention = retention;
        self
    }
}

/// A token that was decided, on its way to the counters: each becomes the greater of the two, and lives for `retention` from
/// now on at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FenceCommit {
    /// The token.
    pub token: FencingToken,
    /// How long the counters live from now on, at least.
    pub retention: Ttl,
}

impl FenceCommit {
    /// That token, in counters that live for a day.
    pub fn new(token: FencingToken) -> Self {
        Self { token, retention: Ttl::DAY }
    }

    /// Another life of the counters.
    #[must_use]
    pub fn retention(mut self, retention: Ttl) -> Self {
        self.retention = retention;
        self
    }
}

/// Raise the counters: where every key holds `value`, each counter becomes at least the token. Answered by
/// [`LockReply::Lifted`](crate::LockReply::Lifted) with whose the keys are; only [`Mine`](crate::Ownership::Mine) says that the
/// counters are there.
///
/// The keys themselves are left alone. Needs [`Capabilities::FENCE`](crate::Capabilities::FENCE).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lift {
    /// The keys whose counters are meant.
    pub keys: Keys,
    /// The holder's value.
    pub value: LockValue,
    /// To what.
    pub fence: FenceCommit,
}

impl Lift {
    /// Raises the counters of those keys.
    pub fn new(keys: Keys, value: LockValue, fence: FenceCommit) -> Self {
        Self { keys, value, fence }
    }
}
