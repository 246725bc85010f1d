//! The decision of one round, without I/O and without a clock.

use crate::Moment;
use crate::mutants::{self, Mutant};

/// How many of N nodes are enough: `floor(N/2) + 1`, so that any two quorums share a node.
///
/// ```
/// use redlock_core::quorum::Quorum;
/// let five = Quorum::of(5);
/// assert_eq!((five.needed(), five.tolerated()), (3, 2));
/// // An even number tolerates no more than the odd one below it.
/// assert_eq!(Quorum::of(4).tolerated(), Quorum::of(3).tolerated());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quorum {
    nodes: usize,
    needed: usize,
}

impl Quorum {
    /// The quorum of that many nodes.
    pub fn of(nodes: usize) -> Self {
        let half = nodes / 2;
        let needed = if mutants::active(Mutant::HalfIsEnough) { half.max(1) } else { half.saturating_add(1) };
        Self { nodes, needed }
    }

    /// How many nodes there are.
    pub fn nodes(self) -> usize {
        self.nodes
    }

    /// How many must agree.
    pub fn needed(self) -> usize {
        self.needed
    }

    /// How many may fail or disagree while a quorum is still possible.
    pub fn tolerated(self) -> usize {
        self.nodes.saturating_sub(self.needed)
    }
}

/// What one node's answer counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vote {
    /// It did what was asked.
    Yes,
    /// It answered, and did not.
    No,
    /// It did not answer, or with an error: what it did is not known.
    Fault,
}

/// What the votes so far come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Both outcomes are still possible.
    Pending,
    /// A quorum agreed, in time.
    Won {
        /// Until when the result may be believed.
        valid_until: Moment,
    },
    /// A quorum is out of reach, or came too late.
    Lost(Loss),
}

/// Why a round is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// So many nodes refused that a quorum is impossible, whatever the others say. A split vote is this, too.
    Refused,
    /// Refusals alone would have left a quorum possible: nodes did not answer.
    NoQuorum,
    /// The validity was used up before a quorum agreed.
    ValidityExhausted,
}

/// One round: takes votes in, and says what they come to as soon as it can be said.
///
/// ```
/// use redlock_core::quorum::{Decision, Loss, Quorum, Round, Vote};
/// use redlock_core::Moment;
/// let (now, until) = (Moment::from_nanos(1), Moment::from_nanos(9));
/// let mut round = Round::new(Quorum::of(3), until);
/// round.record(0, Vote::Yes);
/// assert_eq!(round.decide(now), Decision::Pending);
/// round.record(2, Vote::Yes);
/// assert_eq!(round.decide(now), Decision::Won { valid_until: until });
/// assert_eq!(round.decide(until), Decision::Lost(Loss::ValidityExhausted));
/// ```
#[derive(Clone, Debug)]
pub struct Round {
    quorum: Quorum,
    valid_until: Moment,
    votes: Vec<Option<Vote>>,
}

impl Round {
    /// A round whose result may be believed until `valid_until`, counted from before its first send
    /// ([`Drift::valid_until`](super::Drift::valid_until)).
    pub fn new(quorum: Quorum, valid_until: Moment) -> Self {
        Self { quorum, valid_until, votes: vec![None; quorum.nodes()] }
    }

    /// A further round of the same attempt: without votes, and to be won before the same validity ends.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.quorum, self.valid_until)
    }

    /// A node's vote; `None` where it has not voted yet.
    pub fn vote(&self, node: usize) -> Option<Vote> {
        self.votes.get(node).copied().flatten()
    }

    /// How many nodes there are, and how many must agree.
    pub fn quorum(&self) -> Quorum {
        self.quorum
    }

    /// Counts a node's vote. A node has one vote: its first.
    pub fn record(&mut self, node: usize, vote: Vote) {
        if let Some(slot) = self.votes.get_mut(node) {
            slot.get_or_insert(vote);
        }
    }

    /// What the votes come to at `now`.
    pub fn decide(&self, now: Moment) -> Decision {
        let needed = self.quorum.needed();
        let (yes, pending) = (self.count(Some(Vote::Yes)), self.count(None));
        let possible = yes.saturating_add(pending) >= needed;
        if self.count(Some(Vote::No)) > self.quorum.tolerated() {
            Decision::Lost(Loss::Refused)
        } else if !possible {
            Decision::Lost(Loss::NoQuorum)
        } else if now >= self.valid_until {
            Decision::Lost(Loss::ValidityExhausted)
        } else if yes >= needed {
            Decision::Won { valid_until: self.valid_until }
        } else {
            Decision::Pending
        }
    }

    /// How many nodes have voted so (`None`: not yet).
    pub fn count(&self, vote: Option<Vote>) -> usize {
        self.votes.iter().filter(|slot| **slot == vote).count()
    }

    /// The nodes that are not known to have refused: whatever they did must be undone when the round is lost.
    pub fn not_refused(&self) -> impl Iterator<Item = usize> {
        let only_yes = mutants::active(Mutant::RollBackOnlyYes);
        self.votes.iter().enumerate().filter_map(move |(node, vote)| {
            let undo = if only_yes { *vote == Some(Vote::Yes) } else { *vote != Some(Vote::No) };
            undo.then_some(node)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Moment = Moment::ORIGIN;

    fn round(nodes: usize) -> Round {
        Round::new(Quorum::of(nodes), Moment::from_nanos(1))
    }

    /// hazard: 19
    #[test]
    fn any_two_quorums_share_a_node() {
        for nodes in 1..=9 {
            let quorum = Quorum::of(nodes);
            assert!(2 * quorum.needed() > nodes, "two disjoint quorums of {nodes}");
            assert!(2 * quorum.needed() <= nodes + 2, "more nodes than needed of {nodes}");
        }
    }

    /// node-redlock 5 waits for ever here. hazard: 19
    #[test]
    fn a_split_vote_of_an_even_number_is_lost() {
        let mut round = round(4);
        for (node, vote) in [Vote::Yes, Vote::No, Vote::Yes, Vote::No].into_iter().enumerate() {
            assert_eq!(round.decide(NOW), Decision::Pending);
            round.record(node, vote);
        }
        assert_eq!(round.decide(NOW), Decision::Lost(Loss::Refused));
    }

    #[test]
    fn one_refusal_beside_a_dead_node_is_no_quorum() {
        let mut round = round(3);
        round.record(0, Vote::No);
        round.record(1, Vote::Fault);
        assert_eq!(round.decide(NOW), Decision::Lost(Loss::NoQuorum));
    }

    #[test]
    fn a_second_vote_of_one_node_does_not_count() {
        let mut round = round(3);
        round.record(0, Vote::Yes);
        round.record(0, Vote::Yes);
        round.record(7, Vote::Yes);
        assert_eq!(round.decide(NOW), Decision::Pending);
    }

    proptest! {
        #[test]
        fn a_decision_never_changes_and_comes_by_the_last_vote(
            votes in prop::collection::vec(prop_oneof![Just(Vote::Yes), Just(Vote::No), Just(Vote::Fault)], 1..10)
        ) {
            let mut round = round(votes.len());
            let mut decided = Decision::Pending;
            for (node, vote) in votes.iter().enumerate() {
                round.record(node, *vote);
                let decision = round.decide(NOW);
                prop_assert!(decided == Decision::Pending || same_side(decided, decision));
                decided = decision;
            }
            let yes = votes.iter().filter(|vote| **vote == Vote::Yes).count();
            let won = matches!(decided, Decision::Won { .. });
            prop_assert_ne!(decided, Decision::Pending);
            prop_assert_eq!(won, yes > votes.len() / 2);
        }
    }

    fn same_side(before: Decision, after: Decision) -> bool {
        matches!(before, Decision::Won { .. }) == matches!(after, Decision::Won { .. })
            && after != Decision::Pending
    }
}
