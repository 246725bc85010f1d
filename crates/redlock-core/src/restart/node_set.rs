//! Whether two clients lock on sets of nodes that let each find a quorum without the other noticing.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::{NodeId, NodeSet};

/// What is done where another client's set of nodes makes two holders possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeSetPolicy {
    /// Nothing is locked, and [`AcquireError::NodeSetConflict`](crate::AcquireError::NodeSetConflict) says why: the default.
    #[default]
    Refuse,
    /// The observer is told ([`Event::NodeSetConflict`](crate::Event::NodeSetConflict)), and locks are taken all the same.
    Warn,
}

/// Another client of the same nodes uses a set with which ours shares too few: each could find a quorum of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeSetConflict {
    /// The nodes of this client whose identity is known.
    pub own: BTreeSet<NodeId>,
    /// How many nodes of this client must agree.
    pub own_quorum: usize,
    /// The other set.
    pub other: NodeSet,
    /// How long it stands if no client announces it again.
    pub remaining: Duration,
}

impl fmt::Display for NodeSetConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { own_quorum, other, remaining, .. } = self;
        write!(
            f,
            "another client locks on {} nodes with a quorum of {}, of which too few are ours ({own_quorum} must agree here) for \
             two quorums always to meet: change a set of nodes by one node at a time, and never by replacing one; that set \
             counts for {remaining:?} after its last client has gone",
            other.members().len(),
            other.quorum(),
        )
    }
}

impl std::error::Error for NodeSetConflict {}

/// Whether a quorum of a set of which `known` are known, and `unknown` others not, and a quorum of `other` share a node for
/// certain. What is not known is taken for nodes of `other`: only a conflict that is certain is told.
pub(super) fn is_safe(known: &BTreeSet<NodeId>, unknown: usize, own_quorum: usize, other: &NodeSet) -> bool {
    let strangers = other.members().difference(known).count();
    let union = known.len().saturating_add(strangers).saturating_add(unknown.saturating_sub(strangers));
    own_quorum.saturating_add(other.quorum()) > union
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quorum::Quorum;

    fn id(number: u8) -> NodeId {
        NodeId::from_random([number; 16])
    }

    fn set(members: impl IntoIterator<Item = u8>) -> BTreeSet<NodeId> {
        members.into_iter().map(id).collect()
    }

    fn safe(own: &[u8], other: &[u8]) -> bool {
        let quorum = |nodes: &[u8]| Quorum::of(nodes.len()).needed();
        let other_set = NodeSet::new(set(other.iter().copied()), quorum(other));
        is_safe(&set(own.iter().copied()), 0, quorum(own), &other_set)
    }

    #[test]
    fn one_node_at_a_time_is_safe_and_two_or_a_replacement_are_not() {
        assert!(safe(&[1, 2, 3], &[1, 2, 3, 4]) && safe(&[1, 2, 3, 4], &[2, 3, 4]));
        assert!(!safe(&[1, 2, 3], &[1, 2, 3, 4, 5]), "{{1,2}} and {{3,4,5}}");
        assert!(!safe(&[1, 2, 3], &[1, 2, 4]), "{{1,3}} and {{2,4}}");
        assert!(safe(&[1, 2, 3, 4], &[1, 2, 3, 5]), "an even number leaves room for one");
        let five_with_four = NodeSet::new(set(1..=5), 4);
        assert!(is_safe(&set(1..=3), 0, 2, &five_with_four), "a larger quorum for the time between");
    }

    fn subsets(members: u8) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |subset| subset & !members == 0)
    }

    /// By brute force: no quorum of the one may be disjoint from a quorum of the other.
    fn meet_always(own: (u8, u32), other: (u8, u32)) -> bool {
        let quorums = |(members, quorum): (u8, u32)| {
            subsets(members).filter(move |subset| subset.count_ones() == quorum)
        };
        quorums(own).all(|one| quorums(other).all(|two| one & two != 0))
    }

    fn members(bits: u8) -> BTreeSet<NodeId> {
        set((0..8).filter(|bit| bits & (1 << bit) != 0))
    }

    proptest! {
        #[test]
        fn the_test_is_that_of_brute_force(own: u8, other: u8, more in 0_u32..3, less in 0_u32..3) {
            let quorum = |bits: u8, more: u32| (bits.count_ones() / 2 + 1 + more).min(bits.count_ones());
            let ((q, bits), (other_q, other_bits)) = ((quorum(own, more), own), (quorum(other, less), other));
            prop_assume!(q > 0 && other_q > 0);
            let other_set = NodeSet::new(members(other_bits), usize::try_from(other_q)?);
            let told = is_safe(&members(bits), 0, usize::try_from(q)?, &other_set);
            prop_assert_eq!(told, meet_always((bits, q), (other_bits, other_q)));
        }

        /// Whatever the nodes turn out to be whose identity is not known yet.
        #[test]
        fn what_is_told_of_some_nodes_holds_of_all(own: u8, hidden: u8, other: u8) {
            prop_assume!(own != 0 && other != 0);
            let quorum = |bits: u8| usize::try_from(bits.count_ones()).map(|nodes| Quorum::of(nodes).needed());
            let other_set = NodeSet::new(members(other), quorum(other)?);
            let (known, unknown) = (own & !hidden, usize::try_from((own & hidden).count_ones())?);
            if !is_safe(&members(known), unknown, quorum(own)?, &other_set) {
                prop_assert!(!is_safe(&members(own), 0, quorum(own)?, &other_set));
            }
        }
    }
}
