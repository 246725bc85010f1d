//! One attempt: a fresh token, one round (two for some fencing tokens), and nothing left behind where it is lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::fence::Stored;
use crate::lease::Claim;
use crate::mutants::{self, Mutant};
use crate::options::Terms;
use crate::quorum::{Decision, InFlight, Loss, Round, Vote};
use crate::restart::{Ballot, Step};
use crate::shared::Shared;
use crate::unconfirmed::{Sending, Trace, until_confirmed};
use crate::{
    Acquire, BackendError, Epoch, FenceProposal, Grant, Keys, LockCommand, LockReply, LockValue, Moment,
    NoQuorum, NodeFault, Reply,
};

/// An attempt under way. Dropped before it is over, it releases its token on every node not known to have refused.
pub(super) struct Attempt {
    pub(super) shared: Arc<Shared>,
    runtime: Handle,
    pub(super) terms: Terms,
    pub(super) claim: Claim,
    started: Moment,
    pub(super) round: Round,
    /// Taken when the attempt is over.
    pub(super) in_flight: Option<InFlight>,
    pub(super) faults: Vec<NodeFault>,
    pub(super) ballot: Ballot,
    fenced: bool,
    /// What the nodes stored, where the attempt is fenced.
    pub(super) stored: Stored,
    /// The round in which the fencing counters are lifted, where they must be.
    pub(super) second: Option<Round>,
}

/// An attempt that was won.
pub(super) struct Won {
    pub(super) claim: Claim,
    pub(super) valid_until: Moment,
    /// Whose grants were counted, and over which connections.
    pub(super) homes: Vec<(usize, Epoch)>,
    /// How many rounds it took.
    pub(super) rounds: u32,
}

/// Why an attempt was lost.
pub(super) enum Lost {
    Refused,
    NoQuorum(NoQuorum),
    ValidityExhausted { elapsed: Duration },
}

impl Attempt {
    /// The token exists before the first send; nothing is sent before [`run`](Self::run) is polled.
    pub(super) fn new(
        shared: Arc<Shared>,
        runtime: Handle,
        terms: Terms,
        (keys, value): (Keys, LockValue),
        fence: Option<FenceProposal>,
    ) -> Self {
        let claim = Claim::sending(keys, value, &shared.nodes);
        let started = shared.now();
        let round = Round::new(shared.quorum(), terms.limits.drift.valid_until(started, terms.ttl));
        let acquire = Acquire::new(claim.keys.clone(), claim.value.clone(), terms.ttl);
        let acquire = Acquire { fence, ..acquire };
        let in_flight = Some(shared.send(LockCommand::Acquire(acquire), terms.node_timeout));
        let ballot = Ballot::new(&shared, terms.node_timeout);
        Self {
            shared,
            runtime,
            terms,
            claim,
            started,
            round,
            in_flight,
            faults: Vec::new(),
            ballot,
            fenced: fence.is_some(),
            stored: Stored::default(),
            second: None,
        }
    }

    /// Until when the lock may be believed, or why it was not acquired. A lost attempt has sent its roll-back to every node
    /// when this returns, so that a leftover of its own cannot stand in the way of the next.
    pub(super) async fn run(mut self) -> Result<Won, Lost> {
        let mut decision = self.decide().await;
        if self.fenced && matches!(decision, Decision::Won { .. }) {
            decision = self.fence(decision).await;
        }
        self.shared.meet_new_nodes(self.terms.node_timeout);
        let now = self.shared.now();
        let loss = match decision {
            Decision::Won { valid_until } => {
                // Late grants belong to the lease.
                if let Some(stragglers) = self.in_flight.take() {
                    let traces = Arc::clone(&self.claim.traces);
                    // What they say tells a release what it has to undo.
                    let heard = move |node, reply: &Result<_, _>| {
                        traces.answered(node, granted(reply.clone()).as_ref().copied());
                    };
                    self.shared.leave_to(stragglers, "acquire", heard);
                }
                let rounds = if self.second.is_some() { 2 } else { 1 };
                let valid_until = self.believed(valid_until, now);
                let homes = std::mem::take(&mut self.ballot.counted);
                return Ok(Won { claim: self.claim.clone(), valid_until, homes, rounds });
            }
            Decision::Lost(loss) => loss,
            Decision::Pending => Loss::NoQuorum,
        };
        let lost = self.lost(loss, now);
        if let Some(roll_back) = self.take_roll_back() {
            roll_back.begin().await;
        }
        Err(lost)
    }

    async fn decide(&mut self) -> Decision {
        let mut decision = self.round.decide(self.shared.now());
        while decision == Decision::Pending {
            let Some(step) = self.ballot.next(self.in_flight.as_mut()).await else { break };
            self.take(step);
            decision = self.round.decide(self.shared.now());
        }
        // What has come at the same time belongs to the report, although it decides nothing any more.
        while let Some((node, reply)) = self.in_flight.as_mut().and_then(InFlight::take_answered) {
            self.count(node, reply);
        }
        decision
    }

    pub(super) fn take(&mut self, step: Step) {
        let late = match step {
            Step::Answer(node, reply) => {
                self.count(node, reply);
                false
            }
            Step::News { late } => late,
        };
        let open = self.is_open();
        for (node, vote) in self.ballot.settle(open, late) {
            self.round.record(node, vote);
        }
    }

    /// Whether a node may yet answer.
    fn is_open(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|in_flight| !in_flight.is_settled())
    }

    fn count(&mut self, node: usize, reply: Result<Reply, BackendError>) {
        let epoch = reply.as_ref().ok().map(|reply| reply.epoch);
        let granted = self.granted(node, reply);
        self.claim.traces.answered(node, granted.as_ref().copied());
        let vote = match (granted, epoch) {
            (Ok(true), Some(epoch)) => self.ballot.granted(node, epoch, self.is_open()),
            (Ok(_), epoch) => {
                if let Some(epoch) = epoch {
                    self.ballot.heard(node, epoch);
                }
                Some(Vote::No)
            }
            (Err(error), _) => {
                self.faults.push(self.shared.fault(node, error, "acquire"));
                Some(Vote::Fault)
            }
        };
        if let Some(vote) = vote {
            self.round.record(node, vote);
        }
    }

    fn granted(&mut self, node: usize, reply: Result<Reply, BackendError>) -> Result<bool, BackendError> {
        let Some(grant) = grant(reply)? else { return Ok(false) };
        if self.fenced {
            self.stored.record(node, &grant)?;
        }
        Ok(true)
    }

    fn believed(&self, valid_until: Moment, now: Moment) -> Moment {
        if mutants::active(Mutant::ValidityFromTheEnd) {
            return self.terms.limits.drift.valid_until(now, self.terms.ttl);
        }
        valid_until
    }

    fn lost(&mut self, loss: Loss, now: Moment) -> Lost {
        match loss {
            Loss::Refused => Lost::Refused,
            Loss::ValidityExhausted => {
                Lost::ValidityExhausted { elapsed: now.saturating_since(self.started) }
            }
            Loss::NoQuorum => {
                let mut faults = std::mem::take(&mut self.faults);
                faults.append(&mut self.ballot.faults);
                let round = self.second.as_ref().unwrap_or(&self.round);
                Lost::NoQuorum(NoQuorum::of(round, faults, std::mem::take(&mut self.ballot.withheld)))
            }
        }
    }

    fn take_roll_back(&mut self) -> Option<RollBack> {
        // First, since an attempt that was won comes by here too, and has nothing to undo.
        let in_flight = self.in_flight.take()?;
        // What was certainly not sent, as to a node that is known to be dead, needs no release.
        let nodes = self.round.not_refused().filter(|node| self.claim.traces.of(*node) != Trace::Nothing);
        Some(RollBack {
            nodes: nodes.collect(),
            in_flight,
            shared: Arc::clone(&self.shared),
            runtime: self.runtime.clone(),
            sending: Sending::of(&self.claim, self.terms.node_timeout, self.terms.ttl.as_duration()),
        })
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(roll_back) = self.take_roll_back().filter(RollBack::is_needed) else { return };
        let tasks = self.shared.nodes.tasks().clone();
        tasks.spawn(&self.runtime, async move { roll_back.begin().await });
    }
}

/// The release of a lost attempt's token.
struct RollBack {
    shared: Arc<Shared>,
    runtime: Handle,
    sending: Sending,
    nodes: Vec<usize>,
    in_flight: InFlight,
}

impl RollBack {
    /// An attempt that was never polled has sent nothing.
    fn is_needed(&self) -> bool {
        self.in_flight.is_launched()
    }

    /// Sends the release to every node; the answers are awaited in the background.
    async fn begin(self) {
        let mut release = self.sending.send_to(&self.shared, self.nodes.iter().copied());
        release.launch().await;
        let tasks = self.shared.nodes.tasks().clone();
        let runtime = self.runtime.clone();
        tasks.spawn(&runtime, async move {
            let (shared, sending) = (Arc::clone(&self.shared), self.sending.clone());
            self.late_answers().await;
            until_confirmed(&shared, release, &sending).await;
        });
    }

    /// A late grant was, as a rule, undone by the release behind it, which then says so.
    async fn late_answers(mut self) {
        while let Some((node, reply)) = self.in_flight.next().await {
            let granted = granted(reply);
            self.sending.answered(node, granted.as_ref().copied());
            if let Err(error) = granted {
                self.shared.fault(node, error, "acquire");
            }
        }
    }
}

fn granted(reply: Result<Reply, BackendError>) -> Result<bool, BackendError> {
    grant(reply).map(|grant| grant.is_some())
}

fn grant(reply: Result<Reply, BackendError>) -> Result<Option<Grant>, BackendError> {
    match reply?.into_lock()? {
        LockReply::Granted(grant) => Ok(Some(grant)),
        LockReply::Refused(_) => Ok(None),
        _ => Err(BackendError::protocol("not an answer to an acquire")),
    }
}
