//! One fencing token over a quorum: which it is, and that enough nodes have stored it.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::attempt::Attempt;
use crate::mutants::{self, Mutant};
use crate::quorum::{Decision, InFlight, Round, Vote};
use crate::restart::{Ballot, Step};
use crate::{
    BackendError, FenceCommit, FencingToken, Grant, Lift, LockCommand, LockReply, NodeFault, Ownership, Reply,
};

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

/// The second round under way.
struct Lifting {
    round: Round,
    token: FencingToken,
    in_flight: InFlight,
    /// An acknowledgement counts where a grant would: a node that forgot another's grant must not take the place of the one that
    /// keeps that other from a quorum.
    ballot: Ballot,
}

/// What came while counters were lifted.
enum Heard {
    /// Of the acquire: a straggler's answer, or news of a node that has granted.
    Acquire(Step),
    Lift(Step),
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
        let in_flight = self.shared.send_to(missing, LockCommand::Lift(lift), self.terms.node_timeout);
        let ballot = Ballot::new(&self.shared, self.terms.node_timeout);
        self.second = Some(second.clone());
        let mut lifting = Lifting { round: second, token: fence.token, in_flight, ballot };
        lifting.in_flight.launch().await;
        let decision = self.decide_lift(&mut lifting).await;
        let Lifting { round, in_flight, ballot, .. } = lifting;
        self.second = Some(round);
        self.report(ballot);
        self.shared.leave(in_flight, "lift");
        decision
    }

    async fn decide_lift(&mut self, lifting: &mut Lifting) -> Decision {
        let mut decision = lifting.round.decide(self.shared.now());
        while decision == Decision::Pending {
            match self.hear(lifting).await {
                Some(Heard::Acquire(step)) => {
                    self.take(step);
                    self.carry_over(lifting);
                }
                Some(Heard::Lift(step)) => self.take_lift(lifting, step),
                None => break,
            }
            decision = lifting.round.decide(self.shared.now());
        }
        decision
    }

    /// The next of either; `None` when all lifts are answered, and it is known which of them count.
    async fn hear(&mut self, lifting: &mut Lifting) -> Option<Heard> {
        let (acquires, stragglers) = (&mut self.ballot, self.in_flight.as_mut());
        let mut acquires = pin!(async {
            match acquires.next(stragglers).await {
                Some(step) => Heard::Acquire(step),
                None => pending().await,
            }
        });
        let mut lifts = pin!(lifting.ballot.next(Some(&mut lifting.in_flight)));
        // Always in this order, so that a run can be replayed.
        poll_fn(|context| match acquires.as_mut().poll(context) {
            Poll::Ready(heard) => Poll::Ready(Some(heard)),
            Poll::Pending => lifts.as_mut().poll(context).map(|step| step.map(Heard::Lift)),
        })
        .await
    }

    /// A late grant that counts is as good as a lift where it stored as much. Were it greater, the token need not follow: it was
    /// decided over a quorum, and the next lock gets a greater one from that node.
    fn carry_over(&self, lifting: &mut Lifting) {
        for node in 0..self.round.quorum().nodes() {
            if self.round.vote(node) == Some(Vote::Yes) && self.stored.has(node, lifting.token) {
                lifting.round.record(node, Vote::Yes);
            }
        }
    }

    fn take_lift(&mut self, lifting: &mut Lifting, step: Step) {
        let late = match step {
            Step::Answer(node, reply) => {
                if let Some(vote) = self.lifted(lifting, node, reply) {
                    lifting.round.record(node, vote);
                }
                false
            }
            Step::News { late } => late,
        };
        let open = !lifting.in_flight.is_settled();
        for (node, vote) in lifting.ballot.settle(open, late) {
            lifting.round.record(node, vote);
        }
    }

    /// `None` where the node has the keys and the token, and it is not known yet whether it counts.
    fn lifted(
        &mut self,
        lifting: &mut Lifting,
        node: usize,
        reply: Result<Reply, BackendError>,
    ) -> Option<Vote> {
        let epoch = reply.as_ref().map(|reply| reply.epoch).ok();
        let vote = match (lifted(reply), epoch) {
            (Ok(Ownership::Mine), Some(epoch)) => {
                let open = !lifting.in_flight.is_settled();
                // A part of the acquisition: what has come to stand in its way since the first round still does.
                return lifting.ballot.granted(node, epoch, open);
            }
            (Ok(_), _) => Vote::No,
            (Err(error), _) => {
                let fault = self.shared.fault(node, error, "lift");
                self.add_fault(fault);
                Vote::Fault
            }
        };
        if let Some(epoch) = epoch {
            lifting.ballot.heard(node, epoch);
        }
        Some(vote)
    }

    /// Which acknowledgements counted; and why others did not, where the grant of the same node has not told it already.
    fn report(&mut self, lifts: Ballot) {
        self.ballot.counted.extend(lifts.counted);
        for fault in lifts.faults {
            self.add_fault(fault);
        }
        for withheld in lifts.withheld {
            if self.ballot.withheld.iter().all(|known| known.node != withheld.node) {
                self.ballot.withheld.push(withheld);
            }
        }
    }

    /// A straggler that answers neither command is one fault.
    fn add_fault(&mut self, fault: NodeFault) {
        let mut known = self.faults.iter().chain(&self.ballot.faults);
        if known.all(|known| known.node != fault.node) {
            self.faults.push(fault);
        }
    }
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
