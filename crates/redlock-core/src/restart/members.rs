//! What is known of each node over its present connection, and what follows from it for its votes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bell::Bell;
use super::hold_off::HoldOff;
use super::known::{Known, Said};
use super::node_set::{NodeSetConflict, NodeSetPolicy};
use super::standing::{Blank, Judgement};
use crate::options::Limits;
use crate::quorum::Nodes;
use crate::verify::Verification;
use crate::{
    BackendError, Capabilities, Epoch, FaultKind, Moment, NodeProblem, NodeSet, RestartGuard, Sent, Withheld,
};

/// How old what is known of a node whose votes are withheld may be.
pub(super) const RE_READ: Duration = Duration::from_millis(200);

/// What one client knows of the members of its deployment.
#[derive(Debug)]
pub(crate) struct Members {
    pub(super) guard: RestartGuard,
    pub(super) policy: NodeSetPolicy,
    hold_off: HoldOff,
    pub(super) nodes: Nodes,
    state: Mutex<State>,
    pub(super) news: Bell,
    /// Ends what runs in the background.
    pub(super) over: CancellationToken,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) known: Vec<Known>,
    /// What was told to the observer, so that it is told once.
    problems: Vec<NodeProblem>,
    pub(super) conflict: Option<(NodeSetConflict, Moment)>,
    pub(super) announced: Option<(Moment, NodeSet)>,
    pub(super) keeper: bool,
}

/// What a node's grant over one connection is worth.
#[derive(Debug)]
pub(super) enum Worth {
    Counts,
    /// Not known yet: the node is being asked.
    Asking,
    /// Not known, or not any more: the node is to be asked.
    Unknown,
    /// It was asked, and this came of it.
    Failed(BackendError),
    Withheld {
        by: Blank,
        /// Whether it counts at once when the other nodes turn out to be new, too.
        may_be_fresh: bool,
    },
}

/// What is to be told and done after an answer.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) problems: Vec<NodeProblem>,
    pub(super) conflict: Option<NodeSetConflict>,
    pub(super) withheld: Option<Withheld>,
    pub(super) counts_again: bool,
    /// A node has forgotten what it held.
    pub(super) forgot: bool,
}

impl Members {
    pub(crate) fn new(guard: RestartGuard, policy: NodeSetPolicy, limits: Limits, nodes: &Nodes) -> Self {
        let known = nodes.iter().map(|_| Known::default()).collect();
        let state = State { known, problems: Vec::new(), conflict: None, announced: None, keeper: false };
        Self {
            guard,
            policy,
            hold_off: HoldOff::new(limits),
            nodes: nodes.clone(),
            state: Mutex::new(state),
            news: Bell::default(),
            over: CancellationToken::new(),
        }
    }

    /// Whether anything has to be known of that node before its grants count.
    pub(super) fn guards(&self, node: usize) -> bool {
        self.guard != RestartGuard::Off && !self.has(node, Capabilities::DURABLE)
    }

    pub(super) fn has(&self, node: usize, capability: Capabilities) -> bool {
        self.nodes.iter().nth(node).is_some_and(|backend| backend.capabilities().contains(capability))
    }

    /// What the node's grant over that connection is worth now.
    /// `wanted` is when it was granted: of a node that is withheld, no much older answer is taken.
    /// `grants` is whether it is a grant: what is held already is not ended by a conflict that comes later.
    pub(super) fn worth(
        &self,
        (node, epoch): (usize, Epoch),
        grants: bool,
        (wanted, now): (Moment, Moment),
    ) -> Worth {
        if !self.guards(node) {
            return Worth::Counts;
        }
        let state = self.state();
        let Some(known) = state.known.get(node) else { return Worth::Unknown };
        let Some(said) = known.said.as_ref().filter(|said| said.epoch >= epoch) else {
            return match &known.failed {
                _ if known.asking => Worth::Asking,
                Some(error) => Worth::Failed(error.clone()),
                None => Worth::Unknown,
            };
        };
        if said.epoch != epoch {
            return Worth::Failed(replaced());
        }
        let (since, outdated) = (now.saturating_since(said.at), wanted.saturating_since(said.at) > RE_READ);
        let hold_off = self.hold_off_of(&state);
        match known.judge(self.guard, hold_off, now) {
            // Its marker tells other clients how long this one's leases may be.
            Some(Judgement::Member | Judgement::Survivor | Judgement::Old) if self.is_marked(said) => {
                if grants && self.is_forbidden(&state) {
                    Worth::Failed(forbidden())
                } else if since > hold_off / 2 {
                    // What keeps it up to date has stopped: the runtime in which it ran, or the machine.
                    asked(known)
                } else {
                    Worth::Counts
                }
            }
            Some(Judgement::Member | Judgement::Survivor | Judgement::Old) | None => asked(known),
            Some(Judgement::Blank(_)) if known.asking || outdated => asked(known),
            Some(Judgement::Blank(by)) => {
                Worth::Withheld { by, may_be_fresh: by.may_be_fresh() && self.may_be_fresh(&state, now) }
            }
        }
    }

    /// Whether any node is being asked.
    pub(super) fn is_asking(&self) -> bool {
        self.state().known.iter().any(|known| known.asking)
    }

    pub(super) fn is_asking_of(&self, node: usize) -> bool {
        self.state().known.get(node).is_some_and(|known| known.asking)
    }

    /// Says why that node's votes are withheld.
    pub(super) fn withheld(&self, node: usize, by: Blank, may_be_fresh: bool) -> Withheld {
        let state = self.state();
        let silent = |(other, _): &(usize, &Known)| self.said_now(&state, *other).is_none();
        let missing = state.known.iter().enumerate().filter(silent).map(|(other, _)| self.nodes.name(other));
        let waits_for = if may_be_fresh { missing.collect() } else { Vec::new() };
        Withheld { node: self.nodes.name(node), reason: by.reason, remaining: by.remaining, waits_for }
    }

    /// Who is withheld now, as far as is known.
    pub(crate) fn all_withheld(&self, now: Moment) -> Vec<Withheld> {
        let mut withheld = Vec::new();
        for node in (0..self.nodes.len()).filter(|node| self.guards(*node)) {
            let blank = {
                let state = self.state();
                let known = state.known.get(node).filter(|_| self.said_now(&state, node).is_some());
                match known.and_then(|known| known.judge(self.guard, self.hold_off_of(&state), now)) {
                    Some(Judgement::Blank(by)) => {
                        Some((by, by.may_be_fresh() && self.may_be_fresh(&state, now)))
                    }
                    _ => None,
                }
            };
            withheld.extend(blank.map(|(by, may_be_fresh)| self.withheld(node, by, may_be_fresh)));
        }
        withheld
    }

    /// Whether the node is to be asked, because nobody does now.
    pub(super) fn begin(&self, node: usize) -> bool {
        let mut state = self.state();
        let Some(known) = state.known.get_mut(node).filter(|known| !known.asking) else { return false };
        (known.asking, known.failed) = (true, None);
        true
    }

    /// Whether nothing was said over that connection, nor is being asked.
    pub(super) fn is_stranger(&self, node: usize, epoch: Epoch) -> bool {
        let state = self.state();
        state.known.get(node).is_some_and(|known| {
            !known.asking
                && known.said.as_ref().is_none_or(|said| said.epoch < epoch)
                && !known.mute_at(epoch)
        })
    }

    /// Takes an answer in, and says what is new in it. The question is not over yet.
    pub(super) fn learn(&self, node: usize, said: Said, now: Moment) -> News {
        let mut guard = self.state();
        let state = &mut *guard;
        let forgot = state.known.get_mut(node).is_some_and(|known| known.learn(said));
        let mut news = self.problems(state);
        news.forgot = forgot && self.guards(node);
        news.conflict = self.find_conflict(state, now);
        news
    }

    /// The question is over: nobody is asking any more.
    pub(super) fn settle(&self, node: usize, failed: Option<BackendError>, now: Moment) -> News {
        let judged = {
            let mut state = self.state();
            let hold_off = self.hold_off_of(&state);
            if let Some(known) = state.known.get_mut(node) {
                (known.asking, known.failed) = (false, failed);
            }
            let known = state.known.get(node).filter(|_| self.guards(node));
            let judged = known.and_then(|known| known.judge(self.guard, hold_off, now));
            let marked = known.and_then(|known| known.said.as_ref()).is_some_and(|said| self.is_marked(said));
            judged.map(|judged| (judged, marked, self.may_be_fresh(&state, now)))
        };
        let mut news = News::default();
        match judged {
            // Of a new deployment it may yet come to count.
            Some((Judgement::Blank(by), _, may_be_fresh)) if !(may_be_fresh && by.may_be_fresh()) => {
                news.withheld = self.first_told(node, by, false);
            }
            Some((Judgement::Member | Judgement::Survivor | Judgement::Old, true, _)) => {
                let told = self.state().known.get_mut(node).and_then(|known| known.told.take());
                news.counts_again = told.is_some();
            }
            _ => {}
        }
        self.news.ring();
        news
    }

    /// Why the votes are withheld, where the observer has not been told yet.
    pub(super) fn first_told(&self, node: usize, by: Blank, may_be_fresh: bool) -> Option<Withheld> {
        {
            let mut state = self.state();
            let known = state.known.get_mut(node)?;
            let before = known.told.replace(by.reason);
            let kind = std::mem::discriminant;
            if before.is_some_and(|before| kind(&before) == kind(&by.reason)) {
                return None;
            }
        }
        Some(self.withheld(node, by, may_be_fresh))
    }

    /// Forgets what a node said: it does not behave like that.
    pub(crate) fn doubt(&self, node: usize) {
        if let Some(known) = self.state().known.get_mut(node) {
            known.said = None;
        }
    }

    /// Two nodes that are one server, as far as is known: no majority of such nodes is one.
    pub(crate) fn duplicate(&self) -> Option<NodeProblem> {
        let state = self.state();
        state.problems.iter().find(|problem| matches!(problem, NodeProblem::Duplicate { .. })).cloned()
    }

    /// What the nodes said, by their present connections, and of what the others failed.
    pub(crate) fn told(&self, node: usize) -> Option<Result<crate::Description, BackendError>> {
        let state = self.state();
        let known = state.known.get(node)?;
        if let Some(error) = &known.failed {
            return Some(Err(error.clone()));
        }
        known.said.as_ref().map(|said| Ok(said.description.clone()))
    }

    /// Where a node forgot what was granted over earlier connections: the first connection to its present run.
    pub(crate) fn forgot_since(&self, node: usize) -> Option<Epoch> {
        self.state().known.get(node)?.forgot_since
    }

    /// Ends what runs in the background.
    pub(crate) fn close(&self) {
        self.over.cancel();
    }

    pub(super) fn hold_off(&self) -> Duration {
        self.hold_off_of(&self.state())
    }

    pub(super) fn own_max_ttl(&self) -> crate::Ttl {
        self.hold_off.own_max_ttl()
    }

    pub(super) fn durability(&self, node: usize) -> Option<crate::Durability> {
        self.state().known.get(node)?.said.as_ref()?.description.survival()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the node said over its present connection.
    pub(super) fn said_now<'a>(&self, state: &'a State, node: usize) -> Option<&'a Said> {
        let said = state.known.get(node)?.said.as_ref()?;
        (self.nodes.epoch(node) == Some(said.epoch)).then_some(said)
    }

    pub(super) fn hold_off_of(&self, state: &State) -> Duration {
        let markers = state.known.iter().filter_map(|known| known.said.as_ref()?.marker.as_ref());
        self.hold_off.of(markers.map(|marker| marker.max_ttl).max())
    }

    pub(super) fn is_marked(&self, said: &Said) -> bool {
        // Without a run there is nothing to bind a marker to.
        if said.description.run_id.is_none() {
            return true;
        }
        said.live_marker().is_some_and(|marker| {
            // What it says of the disk decides after a restart, and may be changed while the node runs.
            marker.max_ttl >= self.own_max_ttl() && marker.durability == said.description.survival()
        })
    }

    /// Whether nothing may be locked on these nodes, whatever their votes are worth.
    fn is_forbidden(&self, state: &State) -> bool {
        state.problems.iter().any(|problem| matches!(problem, NodeProblem::Duplicate { .. }))
            || state.conflict.is_some() && self.policy == NodeSetPolicy::Refuse
    }

    fn problems(&self, state: &mut State) -> News {
        let names = self.nodes.iter().map(|backend| backend.node().clone());
        let said = names.zip(&state.known);
        let said = said.filter_map(|(name, known)| Some((name, known.said.as_ref()?.description.clone())));
        let problems = Verification::of(said.collect()).problems;
        let news = problems.iter().filter(|problem| !state.problems.contains(problem)).cloned().collect();
        state.problems = problems;
        News { problems: news, ..News::default() }
    }
}

fn asked(known: &Known) -> Worth {
    match &known.failed {
        _ if known.asking => Worth::Asking,
        Some(error) => Worth::Failed(error.clone()),
        None => Worth::Unknown,
    }
}

/// The acquisition says by an error of its own what is wrong with the set of nodes.
fn forbidden() -> BackendError {
    BackendError::new(FaultKind::Rejected, Sent::Maybe, "nothing may be locked on these nodes")
}

fn replaced() -> BackendError {
    BackendError::new(
        FaultKind::Closed,
        Sent::Maybe,
        "the connection was replaced before it was known whether the node forgot",
    )
}
