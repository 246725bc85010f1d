//! What the members of a deployment keep on each node about the deployment itself.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Durability;
use crate::Ttl;

/// Names a node whatever its address is: chosen at random when the node became a member, and kept for as long as its data is.
///
/// ```
/// use redlock_core::NodeId;
/// let id = NodeId::from_random([7; 16]);
/// assert_eq!(NodeId::parse(id.as_str()), Some(id));
/// assert_eq!(NodeId::parse("a,b"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The identity made of those random bits.
    pub fn from_random(bits: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bits)).into())
    }

    /// The identity with that text: letters and digits.
    pub fn parse(text: &str) -> Option<Self> {
        let known = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        known.then(|| Self(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says of which run of the node's process it is known that it has not forgotten a lock. It has no expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marker {
    /// The run, as [`Description::run`](super::Description::run) names it.
    pub run_id: String,
    /// The node.
    pub node_id: NodeId,
    /// The longest lease that any client of the deployment may take.
    pub max_ttl: Ttl,
    /// What survived a crash when this was written; `None` where it was not known.
    pub durability: Option<Durability>,
}

impl Marker {
    /// The marker of that run.
    pub fn new(
        run_id: impl Into<String>,
        node_id: NodeId,
        max_ttl: Ttl,
        durability: Option<Durability>,
    ) -> Self {
        Self { run_id: run_id.into(), node_id, max_ttl, durability }
    }
}

/// Notes on a node without a marker that a client is about to declare the deployment new. Nobody else finds it new from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The run, as [`Description::run`](super::Description::run) names it.
    pub run_id: String,
    /// Who claims: chosen at random for each declaration.
    pub claimant: NodeId,
    /// Whether it stands, or was given up.
    pub stands: bool,
}

impl Claim {
    /// That claimant's claim of that run.
    pub fn new(run_id: impl Into<String>, claimant: NodeId) -> Self {
        Self { run_id: run_id.into(), claimant, stands: true }
    }

    /// The same, given up.
    #[must_use]
    pub fn given_up(mut self) -> Self {
        self.stands = false;
        self
    }
}

/// The nodes that one client locks on, and how many of them it asks to agree.
///
/// ```
/// use redlock_core::{NodeId, NodeSet};
/// let ids = [2, 1, 3].map(|number| NodeId::from_random([number; 16]));
/// let set = NodeSet::new(ids, 2);
/// assert_eq!(NodeSet::parse(&set.to_string()), Some(set));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeSet {
    members: BTreeSet<NodeId>,
    quorum: usize,
}

impl NodeSet {
    /// Those nodes and that quorum.
    pub fn new(members: impl IntoIterator<Item = NodeId>, quorum: usize) -> Self {
        Self { members: members.into_iter().collect(), quorum }
    }

    /// The set that [`Display`](fmt::Display) has written: `quorum|id,id,…`.
    pub fn parse(text: &str) -> Option<Self> {
        let (quorum, members) = text.split_once('|')?;
        let members = members.split(',').map(NodeId::parse).collect::<Option<_>>()?;
        Some(Self { members, quorum: quorum.parse().ok()? })
    }

    /// The nodes, sorted.
    pub fn members(&self) -> &BTreeSet<NodeId> {
        &self.members
    }

    /// How many must agree.
    pub fn quorum(&self) -> usize {
        self.quorum
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|", self.quorum)?;
        for (index, member) in self.members.iter().enumerate() {
            write!(f, "{}{member}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// A set of nodes that a client uses, told to its nodes for so long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announce {
    /// The set.
    pub set: NodeSet,
    /// How long it stands if it is not announced again.
    pub hold: Ttl,
}

impl Announce {
    /// That set, for that long.
    pub fn new(set: NodeSet, hold: Ttl) -> Self {
        Self { set, hold }
    }
}

/// A set that some client has announced.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnnouncedSet {
    /// The set.
    pub set: NodeSet,
    /// How long it stands yet, by the node's clock.
    pub remaining: Duration,
}

impl AnnouncedSet {
    /// That set, for so long yet.
    pub fn new(set: NodeSet, remaining: Duration) -> Self {
        Self { set, remaining }
    }
}

/// What stands on a node about its deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership {
    /// The marker, where there is one.
    pub marker: Option<Marker>,
    /// The sets that are in use, in no order.
    pub sets: Vec<AnnouncedSet>,
    /// The runs of the node of which somebody is about to say that they belong to a new deployment.
    pub claims: Vec<String>,
}

impl Membership {
    /// With those parts.
    pub fn new(marker: Option<Marker>, sets: Vec<AnnouncedSet>) -> Self {
        Self { marker, sets, claims: Vec::new() }
    }

    /// With those runs claimed.
    #[must_use]
    pub fn claimed(mut self, runs: impl IntoIterator<Item = String>) -> Self {
        self.claims = runs.into_iter().collect();
        self
    }
}
