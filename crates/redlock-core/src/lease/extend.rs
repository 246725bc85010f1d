//! Extension: manual and automatic, and the healing of nodes that lost the key.

use std::sync::Arc;
use std::time::Duration;

use crate::mutants;
use crate::quorum::{Decision, InFlight, Loss, Round, Vote};
use crate::restart::{Ballot, Step};
use crate::shared::deadline;
use crate::{
    BackendError, Event, ExtendError, LockLost, LockReply, LossReason, Moment, NoQuorum, NodeFault,
    Ownership, Reply, Ttl,
};

use super::{Lease, LeaseState, NewLease};

/// A confirmed extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extension {
    /// What remains of the validity now.
    pub validity: Duration,
    /// How many nodes had confirmed when it was decided.
    pub confirmed: usize,
    /// Of how many.
    pub total: usize,
}

/// An extension under way.
struct Extending {
    round: Round,
    in_flight: InFlight,
    ballot: Ballot,
    started: Moment,
    ttl: Ttl,
    /// Nodes that answered that they do not have the keys.
    absent: Vec<usize>,
    faults: Vec<NodeFault>,
}

impl Lease {
    /// One round of extension. On success the nodes that lost the keys are given them back, now or when they answer.
    pub(crate) async fn extend(self: &Arc<Self>, ttl: Ttl) -> Result<Extension, ExtendError> {
        let _turn = self.turn.lock().await;
        self.check().map_err(|reason| LockLost { reason })?;
        let mut extending = self.start_extension(ttl);
        let decision = self.decide(&mut extending).await;
        self.shared.meet_new_nodes(self.terms.node_timeout);
        match decision {
            Decision::Won { valid_until } => self.confirmed(extending, valid_until).await,
            Decision::Lost(Loss::Refused) => {
                self.lose(LossReason::Gone);
                Err(LockLost { reason: LossReason::Gone }.into())
            }
            Decision::Lost(Loss::NoQuorum | Loss::ValidityExhausted) | Decision::Pending => {
                let error = self.not_confirmed(extending);
                self.check().map_err(|reason| LockLost { reason })?;
                Err(error)
            }
        }
    }

    /// A lease that another process held: believed from the moment at which a quorum confirms it, and not before.
    pub(crate) async fn adopt(new: NewLease) -> Result<Arc<Self>, ExtendError> {
        let lease = Self::unwatched(new);
        let turn = lease.turn.lock().await;
        let mut extending = lease.start_extension(lease.terms.ttl);
        match lease.decide(&mut extending).await {
            Decision::Won { valid_until } => {
                *lease.state() = LeaseState::new(valid_until, None);
                lease.watch();
                lease.heal(extending).await;
            }
            Decision::Lost(Loss::Refused) => return Err(LockLost { reason: LossReason::Gone }.into()),
            Decision::Lost(Loss::NoQuorum | Loss::ValidityExhausted) | Decision::Pending => {
                return Err(lease.not_confirmed(extending));
            }
        }
        drop(turn);
        Ok(lease)
    }

    fn start_extension(&self, ttl: Ttl) -> Extending {
        let started = self.shared.now();
        let valid_until = self.terms.limits.drift.valid_until(started, ttl);
        let mut round = Round::new(self.shared.quorum(), valid_until);
        for node in mutants::acknowledged(&self.claim.value) {
            round.record(node, Vote::Yes);
        }
        let in_flight = self.shared.send(self.claim.extend(ttl), self.terms.node_timeout);
        let ballot = Ballot::new(&self.shared, self.terms.node_timeout);
        Extending { round, in_flight, ballot, started, ttl, absent: Vec::new(), faults: Vec::new() }
    }

    async fn decide(&self, extending: &mut Extending) -> Decision {
        let mut decision = extending.round.decide(self.shared.now());
        while decision == Decision::Pending {
            let Some(step) = extending.ballot.next(Some(&mut extending.in_flight)).await else { break };
            self.take(extending, step);
            decision = extending.round.decide(self.shared.now());
        }
        // What has come at the same time belongs to the report, although it decides nothing any more.
        while let Some((node, reply)) = extending.in_flight.take_answered() {
            self.count(extending, node, reply);
        }
        decision
    }

    fn take(&self, extending: &mut Extending, step: Step) {
        let late = match step {
            Step::Answer(node, reply) => {
                self.count(extending, node, reply);
                false
            }
            Step::News { late } => late,
        };
        let open = !extending.in_flight.is_settled();
        for (node, vote) in extending.ballot.settle(open, late) {
            extending.round.record(node, vote);
        }
        self.confirm_homes(extending);
    }

    fn count(&self, extending: &mut Extending, node: usize, reply: Result<Reply, BackendError>) {
        if let Some(vote) = self.vote(extending, node, reply) {
            extending.round.record(node, vote);
        }
        self.confirm_homes(extending);
    }

    fn confirm_homes(&self, extending: &mut Extending) {
        for (node, epoch) in extending.ballot.counted.drain(..) {
            self.homes.confirm(node, epoch);
        }
    }

    /// `None` where the node has the keys, and it is not known yet whether it counts: a node that forgot another's grant must
    /// not take the place of the one that keeps that other from a quorum.
    fn vote(
        &self,
        extending: &mut Extending,
        node: usize,
        reply: Result<Reply, BackendError>,
    ) -> Option<Vote> {
        let epoch = reply.as_ref().map(|reply| reply.epoch).ok();
        let vote = match (ownership(reply), epoch) {
            (Ok(Ownership::Mine), Some(epoch)) => {
                mutants::acknowledge(&self.claim.value, node);
                let open = !extending.in_flight.is_settled();
                return extending.ballot.acknowledged(node, epoch, open);
            }
            // "Nothing there" is no acknowledgement, and neither is it somebody else's.
            (Ok(Ownership::Absent), _) => {
                extending.absent.push(node);
                Vote::No
            }
            (Ok(Ownership::Mine | Ownership::Other), _) => Vote::No,
            (Err(error), _) => {
                extending.faults.push(self.shared.fault(node, error, "extend"));
                Vote::Fault
            }
        };
        if let Some(epoch) = epoch {
            extending.ballot.heard(node, epoch);
        }
        Some(vote)
    }

    async fn confirmed(
        self: &Arc<Self>,
        extending: Extending,
        valid_until: Moment,
    ) -> Result<Extension, ExtendError> {
        let now = self.shared.now();
        let verdict = self.state().confirm(now, valid_until);
        let margin = match verdict {
            Ok(margin) => margin,
            Err(reason) => {
                // The end was reached while the nodes answered; `check` makes it known.
                let _ = self.check();
                return Err(LockLost { reason }.into());
            }
        };
        self.shared.registry.reschedule(self);
        let confirmed = extending.round.count(Some(Vote::Yes));
        let validity = self.state().valid_until().saturating_since(now);
        self.shared.observers.emit(|| Event::Extended { resources: &self.resources, margin, validity });
        self.heal(extending).await;
        Ok(Extension { validity, confirmed, total: self.shared.nodes.len() })
    }

    fn not_confirmed(&self, extending: Extending) -> ExtendError {
        let Extending { round, mut faults, ballot, .. } = extending;
        faults.extend(ballot.faults);
        let error = ExtendError::NotConfirmed(Box::new(NoQuorum::of(&round, faults, ballot.withheld)));
        self.shared.observers.emit(|| Event::ExtensionFailed { resources: &self.resources, error: &error });
        error
    }

    /// Gives the keys back to the nodes that answered "nothing there", those that answer later included. Only after a quorum
    /// has confirmed in this very round: otherwise a lease could be valid, lost, and valid again.
    async fn heal(self: &Arc<Self>, extending: Extending) {
        let Extending { mut in_flight, started, ttl, absent, .. } = extending;
        if !absent.is_empty() {
            // Within this turn, so that a later release comes behind it on every connection.
            self.re_plant(&absent, started, ttl).await;
        }
        if in_flight.is_settled() {
            return;
        }
        let lease = Arc::clone(self);
        let stragglers = async move {
            while let Some((node, reply)) = in_flight.next().await {
                match ownership(reply) {
                    Ok(Ownership::Absent) => {
                        let _turn = lease.turn.lock().await;
                        lease.re_plant(&[node], started, ttl).await;
                    }
                    Ok(Ownership::Mine | Ownership::Other) => {}
                    Err(error) => drop(lease.shared.fault(node, error, "extend")),
                }
            }
        };
        self.shared.nodes.tasks().spawn(&self.runtime_here(), stragglers);
    }

    /// Sends the keys to those nodes for what remains of the lease, and waits for no answer. A re-plant is no
    /// acknowledgement of any round; where it fails, the next extension tries again.
    async fn re_plant(self: &Arc<Self>, absent: &[usize], started: Moment, ttl: Ttl) {
        let now = self.shared.now();
        let remaining = started.saturating_add(ttl.as_duration()).saturating_since(now);
        let worth_it = remaining > self.terms.node_timeout.saturating_mul(2);
        let Some(remaining) = Ttl::from_duration(remaining).filter(|_| worth_it) else { return };
        if self.check().is_err() {
            return;
        }
        let traces = Arc::clone(&self.claim.traces);
        let settled =
            absent.iter().copied().filter(|node| traces.planting(*node, self.shared.nodes.epoch(*node)));
        let settled: Vec<_> = settled.collect();
        let command = self.claim.re_plant(remaining).into();
        let mut in_flight =
            self.shared.nodes.send_to(absent.iter().copied(), command, deadline(self.terms.node_timeout));
        in_flight.launch().await;
        let lease = Arc::clone(self);
        let report = async move {
            while let Some((node, reply)) = in_flight.next().await {
                if settled.contains(&node) {
                    traces.answered(node, reply.as_ref().map(|_| true));
                }
                let epoch = reply.as_ref().map(|reply| reply.epoch).ok();
                if matches!(reply.and_then(Reply::into_lock), Ok(LockReply::RePlanted(true))) {
                    if let Some(epoch) = epoch {
                        lease.homes.confirm(node, epoch);
                    }
                    let node = &lease.shared.nodes.name(node);
                    lease.shared.observers.emit(|| Event::RePlanted { resources: &lease.resources, node });
                }
            }
        };
        self.shared.nodes.tasks().spawn(&self.runtime_here(), report);
    }

    /// Runs one automatic extension in the background, and puts the next one on the schedule.
    pub(super) fn spawn_extension(self: &Arc<Self>) {
        let over = ExtensionOver { lease: Arc::clone(self), pause: Duration::ZERO };
        self.shared.nodes.tasks().spawn(&self.runtime_here(), over.extend());
    }

    /// A quarter of what remains, so that several attempts fit, but never longer than one call may take.
    fn pause_after_failure(&self) -> Duration {
        let remaining = self.state().valid_until().saturating_since(self.shared.now());
        (remaining / 4).min(self.terms.node_timeout).max(Duration::from_millis(1))
    }
}

/// Puts the next automatic extension on the schedule, also when a runtime that shuts down drops the present one.
struct ExtensionOver {
    lease: Arc<Lease>,
    pause: Duration,
}

impl ExtensionOver {
    async fn extend(mut self) {
        if self.lease.extend(self.lease.terms.ttl).await.is_err() {
            self.pause = self.lease.pause_after_failure();
        }
    }
}

impl Drop for ExtensionOver {
    fn drop(&mut self) {
        let not_before = self.lease.shared.now().saturating_add(self.pause);
        self.lease.state().extension_over(not_before);
        self.lease.shared.registry.reschedule(&self.lease);
    }
}

fn ownership(reply: Result<Reply, BackendError>) -> Result<Ownership, BackendError> {
    match reply?.into_lock()? {
        LockReply::Extended(ownership) => Ok(ownership),
        _ => Err(BackendError::protocol("not an answer to an extension")),
    }
}
