//! Which set of nodes this client announces, and whether another's is in conflict with it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::members::{Members, State};
use super::node_set::{NodeSetConflict, NodeSetPolicy, is_safe};
use super::standing::Judgement;
use crate::quorum::Quorum;
use crate::{AnnouncedSet, Moment, NodeSet, RestartGuard};

impl Members {
    /// What is told of the sets in use after an announcement.
    pub(super) fn heard_sets(
        &self,
        node: usize,
        sets: Vec<AnnouncedSet>,
        now: Moment,
    ) -> Option<NodeSetConflict> {
        let mut guard = self.state();
        let state = &mut *guard;
        if let Some(said) = state.known.get_mut(node).and_then(|known| known.said.as_mut()) {
            said.sets = sets;
            said.sets_at = now;
        }
        self.find_conflict(state, now)
    }

    /// The set of this client, where it is time to announce it: every node is known, and nothing is in conflict with it.
    pub(super) fn to_announce(&self, now: Moment) -> Option<(NodeSet, Duration)> {
        let mut state = self.state();
        // With what is known since the sets were read: a node that has its identity only now may make this set conflict.
        self.find_conflict(&mut state, now);
        let hold_off = self.hold_off_of(&state);
        if self.guard == RestartGuard::Off
            || state.conflict.is_some()
            || state.known.iter().any(|known| known.asking)
        {
            return None;
        }
        let ids: Option<Vec<_>> = (0..self.nodes.len())
            .map(|node| {
                let known = state.known.get(node)?;
                // One that answers no more may be another node by now.
                let said = self.said_now(&state, node).filter(|_| known.failed.is_none())?;
                let judged = known.judge(self.guard, hold_off, now)?;
                let counts = !matches!(judged, Judgement::Blank(_));
                counts.then(|| said.marker.as_ref().map(|marker| marker.node_id.clone()))?
            })
            .collect();
        let set = NodeSet::new(ids?, self.nodes.quorum().needed());
        let due = state
            .announced
            .as_ref()
            .is_none_or(|(at, before)| *before != set || now.saturating_since(*at) >= hold_off / 5);
        due.then(|| {
            state.announced = Some((now, set.clone()));
            (set, hold_off)
        })
    }

    /// The conflict that stands now.
    pub(crate) fn conflict(&self, now: Moment) -> Option<NodeSetConflict> {
        let (conflict, read) = self.state().conflict.clone()?;
        let remaining =
            conflict.remaining.checked_sub(now.saturating_since(read)).filter(|rest| !rest.is_zero())?;
        Some(NodeSetConflict { remaining, ..conflict })
    }

    /// The same, where it forbids to lock.
    pub(crate) fn forbids(&self, now: Moment) -> Option<NodeSetConflict> {
        self.conflict(now).filter(|_| self.policy == NodeSetPolicy::Refuse)
    }

    /// Looks for a set that is in conflict with ours; says so where it is news.
    pub(super) fn find_conflict(&self, state: &mut State, now: Moment) -> Option<NodeSetConflict> {
        if self.guard == RestartGuard::Off {
            return None;
        }
        let markers = state.known.iter().filter_map(|known| known.said.as_ref()?.live_marker());
        let own: BTreeSet<_> = markers.map(|marker| marker.node_id.clone()).collect();
        let quorum = Quorum::of(self.nodes.len()).needed();
        let unknown = self.nodes.len().saturating_sub(own.len());
        let all = state.known.iter().filter_map(|known| known.said.as_ref());
        let live = all.flat_map(|said| said.sets.iter().map(move |set| (set, said.sets_at)));
        // What this client itself has announced before a node got another identity is nobody else's.
        let own_before = state.announced.as_ref().map(|(_, set)| set);
        let found = live.filter(|(one, _)| own_before != Some(&one.set)).filter_map(|(one, at)| {
            let rest = one.remaining.checked_sub(now.saturating_since(at)).filter(|rest| !rest.is_zero())?;
            (!is_safe(&own, unknown, quorum, &one.set)).then(|| (one.set.clone(), rest))
        });
        let found = found.max_by_key(|(_, rest)| *rest);
        let before = state.conflict.take();
        let (other, remaining) = found?;
        let conflict = NodeSetConflict { own, own_quorum: quorum, other, remaining };
        state.conflict = Some((conflict.clone(), now));
        before.is_none_or(|(before, _)| before.other != conflict.other).then_some(conflict)
    }
}
