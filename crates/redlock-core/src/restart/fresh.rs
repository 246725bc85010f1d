//! Which nodes are to be marked, and when all of them are a new deployment.

use std::time::Duration;

use super::known::Said;
use super::members::{Members, News, RE_READ, State};
use super::standing::Judgement;
use crate::mutants::{self, Mutant};
use crate::{Epoch, Marker, Membership, Moment, RestartGuard};

/// A node's run, by the connection over which it was told.
pub(super) type Run = (usize, Epoch, String);

/// On which nodes a marker is to be written.
pub(super) enum ToMark {
    Nothing,
    /// On this one, which counts when it is marked.
    One(Run),
    /// On all, which are a new deployment.
    New(Vec<Run>),
}

impl Members {
    /// What is to be written on which nodes: on this one, which counts when it is marked; or on all, which are new. The nodes
    /// of a new deployment count as being asked from here on.
    pub(super) fn to_mark(&self, node: usize, now: Moment, limit: Duration) -> ToMark {
        let mut guard = self.state();
        let state = &mut *guard;
        let hold_off = self.hold_off_of(state);
        let Some(known) = state.known.get(node).filter(|_| self.guards(node)) else { return ToMark::Nothing };
        let Some(said) = &known.said else { return ToMark::Nothing };
        match known.judge(self.guard, hold_off, now) {
            Some(_) if self.is_marked(said) => ToMark::Nothing,
            Some(Judgement::Member | Judgement::Survivor | Judgement::Old) => {
                said.run().map_or(ToMark::Nothing, |run| ToMark::One((node, said.epoch, run)))
            }
            Some(Judgement::Blank(by)) if by.may_be_fresh() => self.fresh(state, (node, now, limit)),
            Some(Judgement::Blank(_)) | None => ToMark::Nothing,
        }
    }

    /// All nodes, where all have answered on their present connections, not long ago, none counts, and nobody is about to declare
    /// them new: nobody has ever locked anything there that is still held. One that is missing may be in use, together with any
    /// of these.
    fn fresh(&self, state: &mut State, (asker, now, limit): (usize, Moment, Duration)) -> ToMark {
        let recent = limit.saturating_mul(4).max(RE_READ);
        let blank = (0..self.nodes.len()).filter_map(|node| {
            let known = state.known.get(node).filter(|known| node == asker || !known.asking)?;
            let said = self.said_now(state, node)?;
            let recent = now.saturating_since(said.at) <= recent;
            let judged = known.judge(self.guard, self.hold_off_of(state), now);
            let blank = matches!(judged, Some(Judgement::Blank(by)) if by.may_be_fresh());
            (recent && blank && !said.is_claimed()).then(|| Some((node, said.epoch, said.run()?)))?
        });
        let blank: Vec<_> = blank.collect();
        let quorum = mutants::active(Mutant::QuorumOfBlankNodesIsFresh);
        let enough = if quorum { self.nodes.quorum().needed() } else { self.nodes.len() };
        if self.guard != RestartGuard::Member || blank.len() < enough {
            return ToMark::Nothing;
        }
        for (node, ..) in &blank {
            if let Some(known) = state.known.get_mut(*node) {
                known.asking = true;
            }
        }
        ToMark::New(blank)
    }

    /// Takes in what stands on a node by now, over the connection over which it was described.
    pub(super) fn read_again(&self, node: usize, epoch: Epoch, stands: Membership, now: Moment) -> News {
        let again = self.state().known.get(node).and_then(|known| {
            let said = known.said.as_ref().filter(|said| said.epoch == epoch)?;
            let description = said.description.clone();
            let Membership { marker, sets, claims } = stands;
            Some(Said { epoch, at: said.at, description, marker, sets, sets_at: now, claims })
        });
        again.map_or_else(News::default, |again| self.learn(node, again, now))
    }

    /// Whether each of these nodes has a marker by now.
    pub(super) fn are_marked(&self, nodes: &[Run]) -> bool {
        let state = self.state();
        nodes.iter().all(|(node, ..)| {
            let said = state.known.get(*node).and_then(|known| known.said.as_ref());
            said.is_some_and(|said| said.live_marker().is_some())
        })
    }

    /// Whether none of these nodes has a marker by now, nor is claimed.
    pub(super) fn are_new(&self, nodes: &[Run]) -> bool {
        let state = self.state();
        nodes.iter().all(|(node, epoch, _)| {
            let said = state.known.get(*node).and_then(|known| known.said.as_ref());
            said.is_some_and(|said| {
                said.epoch == *epoch && said.live_marker().is_none() && !said.is_claimed()
            })
        })
    }

    /// The node was marked over the connection over which it was described.
    pub(super) fn marked(&self, marks: Vec<(usize, Epoch, Marker)>) {
        let mut state = self.state();
        for (node, epoch, marker) in marks {
            if let Some(known) = state.known.get_mut(node) {
                known.marked(epoch, marker);
            }
        }
    }

    /// Whether none of the nodes that have answered is known to be in use.
    pub(super) fn may_be_fresh(&self, state: &State, now: Moment) -> bool {
        let hold_off = self.hold_off_of(state);
        self.guard == RestartGuard::Member
            && (0..self.nodes.len()).all(|node| {
                if !self.guards(node) {
                    return false;
                }
                let known = state.known.get(node).filter(|_| self.said_now(state, node).is_some());
                match known.and_then(|known| known.judge(self.guard, hold_off, now)) {
                    Some(Judgement::Blank(by)) => by.may_be_fresh(),
                    Some(Judgement::Member | Judgement::Survivor | Judgement::Old) => false,
                    None => true,
                }
            })
    }
}
