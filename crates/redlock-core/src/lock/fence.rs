//! One fencing token over a quorum: which it is, and that enough nodes have stored it.

use std::future::poll_fn;
use std::task::Poll;

use super::attempt::Attempt;
use crate::mutants::{self, Mutant};
use crate::quorum::{Decision, InFlight, Round, Vote};
use crate::{BackendError, FenceCommit, FencingToken, Grant, Lift, LockCommand, LockReply, Ownership, Reply};

/// What the nodes stored whose grants are counted.
#[derive(Debug, Default)]
pub(super) struct Stored(Vec<(usize, FencingToken)>);

impl Stored {
    /// Takes note of a grant; one without a token is none.
    pub(super) fn record(&mut self, node: usize, grant: &Grant) -> Result<(), BackendError> {
        let token = grant.fence.ok_or_else(|| BackendError::protocol("a grant without a fencing token"))?;
        self.0.push((node, token));
        Ok(())
    }

    /// The token of the lock. Every earlier lock of a resource has left its token on a quorum of nodes, one of which is among
    /// these, and there the grant was greater.
    fn highest(&self) -> Option<FencingToken> {
        self.0.iter().map(|(_, token)| *token).max()
    }

    /// Whether the node is known to have stored the token or a greater one: then whoever comes next gets a greater one there.
    fn has(&self, node: usize, token: FencingToken) -> bool {
        self.0.iter().any(|(other, stored)| *other == node && *stored >= token)
    }

    /// The second round as it stands before anything of it was sent: nodes that have the token have voted for it, and those that
    /// did not grant against. Won already, as a rule; nodes without a vote are to be lifted.
    fn second_round(&self, first: &Round, token: FencingToken) -> Round {
        let mut second = first.anew();
        for node in 0..first.quorum().nodes() {
            match first.vote(node) {
                Some(Vote::Yes) if !self.has(node, token) => {}
                Some(vote) => second.record(node, vote),
                None => {}
            }
        }
        second
    }
}

/// An answer that came while counters were lifted.
enum Heard {
    /// A straggler's to the acquire.
    Acquire(usize, Result<Reply, BackendError>),
    Lift(usize, Result<Reply, BackendError>),
}

impl Attempt {
    /// After a quorum has granted: the attempt's token, stored on a quorum, in a second round where it is not yet. `won` is the
    /// first round's decision; the second must be won before the same validity ends.
    pub(super) async fn fence(&mut self, won: Decision) -> Decision {
        let Some(token) = self.stored.highest() else { return won };
        let fence = self.terms.limits.fence_commit(token);
        self.claim.fence = Some(fence);
        let second = self.stored.second_round(&self.round, token);
        let decision = second.decide(self.shared.now());
        if decision != Decision::Pending || mutants::active(Mutant::NoSecondRound) {
            return won;
        }
        self.lift(fence, second).await
    }

    /// Lifts the counters of the nodes that may have granted and are not known to have the token. Where a straggler granted, its
    /// lift comes behind the grant; where it refused or will, the lift finds another's key and counts for nothing.
    async fn lift(&mut self, fence: FenceCommit, second: Round) -> Decision {
        let lift = Lift::new(self.claim.keys.clone(), self.claim.value.clone(), fence);
        let missing = (0..second.quorum().nodes()).filter(|node| second.vote(*node).is_none());
        let mut lifts = self.shared.send_to(missing, LockCommand::Lift(lift), self.terms.node_timeout);
        let second = self.second.insert(second).clone();
        lifts.launch().await;
        let decision = self.decide_lift(&mut lifts, second, fence.token).await;
        self.shared.leave(lifts, "lift");
        decision
    }

    async fn decide_lift(
        &mut self,
        lifts: &mut InFlight,
        mut second: Round,
        token: FencingToken,
    ) -> Decision {
        let mut decision = second.decide(self.shared.now());
        while decision == Decision::Pending {
            match hear(self.in_flight.as_mut(), lifts).await {
                Some(Heard::Acquire(node, reply)) => {
                    self.count(node, reply);
                    // A late grant is as good as a lift where it stored as much. Were it greater, the token need not follow: it was
                    // decided over a quorum, and the next lock gets a greater one from that node.
                    if self.stored.has(node, token) {
                        second.record(node, Vote::Yes);
                    }
                }
                Some(Heard::Lift(node, reply)) => second.record(node, self.lifted(node, reply)),
                None => break,
            }
            decision = second.decide(self.shared.now());
        }
        self.second = Some(second);
        decision
    }

    fn lifted(&mut self, node: usize, reply: Result<Reply, BackendError>) -> Vote {
        match lifted(reply) {
            Ok(Ownership::Mine) => Vote::Yes,
            Ok(Ownership::Absent | Ownership::Other) => Vote::No,
            Err(error) => {
                let fault = self.shared.fault(node, error, "lift");
                // A straggler that answers neither command is one fault.
                if self.faults.iter().all(|known| known.node != fault.node) {
                    self.faults.push(fault);
                }
                Vote::Fault
            }
        }
    }
}

/// The next answer of either; `None` when all lifts are answered.
async fn hear(mut acquires: Option<&mut InFlight>, lifts: &mut InFlight) -> Option<Heard> {
    poll_fn(|context| {
        let late = acquires.as_mut().map(|acquires| acquires.poll_next(context));
        if let Some(Poll::Ready(Some((node, reply)))) = late {
            return Poll::Ready(Some(Heard::Acquire(node, reply)));
        }
        lifts.poll_next(context).map(|answer| answer.map(|(node, reply)| Heard::Lift(node, reply)))
    })
    .await
}

fn lifted(reply: Result<Reply, BackendError>) -> Result<Ownership, BackendError> {
    match reply?.into_lock()? {
        LockReply::Lifted(ownership) => Ok(ownership),
        _ => Err(BackendError::protocol("not an answer to a lift")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Moment;
    use crate::quorum::Quorum;

    fn token(number: u64) -> FencingToken {
        FencingToken::new(number).expect("in range")
    }

    /// A first round of five in which the nodes granted those tokens, refused (0), or have not answered.
    fn first(granted: &[(usize, u64)]) -> (Stored, Round) {
        let (mut stored, mut round) = (Stored::default(), Round::new(Quorum::of(5), Moment::from_nanos(1)));
        for (node, number) in granted {
            let vote = match FencingToken::new(*number) {
                Some(token) => {
                    stored.record(*node, &Grant::fenced(token)).map_or(Vote::Fault, |()| Vote::Yes)
                }
                None => Vote::No,
            };
            round.record(*node, vote);
        }
        (stored, round)
    }

    fn missing(round: &Round) -> Vec<usize> {
        (0..5).filter(|node| round.vote(*node).is_none()).collect()
    }

    #[test]
    fn a_quorum_that_stored_the_same_needs_no_second_round() {
        let (stored, first) = first(&[(0, 7), (2, 7), (4, 7)]);
        let second = stored.second_round(&first, stored.highest().expect("granted"));
        assert!(matches!(second.decide(Moment::ORIGIN), Decision::Won { .. }));
    }

    /// The greatest of one node is not on a quorum: another holder would not meet it.
    /// hazard: 27
    #[test]
    fn the_highest_of_one_node_is_lifted_on_the_others() {
        let (stored, first) = first(&[(0, 7), (2, 9), (4, 7), (1, 0)]);
        assert_eq!(stored.highest(), Some(token(9)));
        let second = stored.second_round(&first, token(9));
        assert_eq!(second.decide(Moment::ORIGIN), Decision::Pending);
        assert_eq!(missing(&second), [0, 3, 4], "not the one that has it, nor the one that refused");
    }

    #[test]
    fn a_grant_without_a_token_is_none() {
        Stored::default().record(0, &Grant::new()).expect_err("an older node");
    }

    proptest! {
        /// hazard: 27
        #[test]
        fn the_token_is_on_a_quorum_or_the_round_goes_on(numbers in prop::collection::vec(1_u64..4, 3..=5)) {
            let granted: Vec<_> = numbers.iter().copied().enumerate().collect();
            let (stored, first) = first(&granted);
            let highest = stored.highest().expect("granted");
            prop_assert_eq!(highest.get(), numbers.iter().copied().max().unwrap_or_default());
            let having = numbers.iter().filter(|number| **number == highest.get()).count();
            let won = matches!(stored.second_round(&first, highest).decide(Moment::ORIGIN), Decision::Won { .. });
            prop_assert_eq!(won, having >= 3);
        }
    }
}
