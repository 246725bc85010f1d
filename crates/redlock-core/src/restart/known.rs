//! What is known of one node over its connections.

use std::time::Duration;

use super::standing::{Facts, Judgement, is_of_present_run, is_of_process, judge, survived};
use crate::{
    AnnouncedSet, BackendError, Description, Epoch, Marker, Moment, NodeId, RestartGuard, Role,
    WithheldReason,
};

#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) asking: bool,
    pub(super) said: Option<Said>,
    /// Of what the last question failed.
    pub(super) failed: Option<BackendError>,
    /// The connection over which the node cannot describe itself.
    pub(super) mute: Option<Epoch>,
    run: Option<Run>,
    /// The first connection to the present run, where that run may have forgotten what an earlier one held.
    pub(super) forgot_since: Option<Epoch>,
    /// Why its votes are withheld, as the observer was told.
    pub(super) told: Option<WithheldReason>,
}

/// What a node said over one connection.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) epoch: Epoch,
    /// When it was asked.
    pub(super) at: Moment,
    pub(super) description: Description,
    pub(super) marker: Option<Marker>,
    pub(super) sets: Vec<AnnouncedSet>,
    pub(super) sets_at: Moment,
    /// The runs that somebody claims for a new deployment.
    pub(super) claims: Vec<String>,
}

/// What this process has seen of one run of a node's process.
#[derive(Clone, Debug)]
struct Run {
    id: Option<String>,
    epoch: Epoch,
    /// Since when it takes writes and keeps its data; `None` while it is a replica.
    since: Option<Moment>,
    /// When the run before it was last heard of.
    after: Option<Moment>,
    last_heard: Moment,
    /// The identity in the marker of this run that was seen.
    marker: Option<NodeId>,
    emptied: bool,
}

impl Said {
    pub(super) fn run(&self) -> Option<String> {
        self.description.run()
    }

    /// Whether somebody is about to declare that this run belongs to a new deployment.
    pub(super) fn is_claimed(&self) -> bool {
        self.claims.iter().any(|run| is_of_process(&self.description, run))
    }

    /// The marker, if it is of the present run.
    pub(super) fn live_marker(&self) -> Option<&Marker> {
        self.marker.as_ref().filter(|marker| is_of_present_run(&self.description, marker))
    }

    fn marker_of_process(&self) -> Option<&Marker> {
        self.marker.as_ref().filter(|marker| is_of_process(&self.description, &marker.run_id))
    }
}

impl Known {
    pub(super) fn mute_at(&self, epoch: Epoch) -> bool {
        self.mute == Some(epoch)
    }

    /// Takes an answer in; says whether the node has forgotten since the answer before.
    pub(super) fn learn(&mut self, said: Said) -> bool {
        let before = self.run.take();
        let mut run = match &before {
            Some(run) if run.is_of(&said) => run.clone(),
            _ => Run::new(&said, before.as_ref()),
        };
        let restarted = before
            .as_ref()
            .is_some_and(|before| before.id.is_some() && run.id.is_some() && before.id != run.id);
        let forgot = restarted && !survived(&said.description, said.marker.as_ref());
        if forgot {
            self.forgot_since = Some(said.epoch);
        }
        run.see(&said);
        self.run = Some(run);
        self.said = Some(said);
        forgot
    }

    pub(super) fn marked(&mut self, epoch: Epoch, marker: Marker) {
        if let (Some(said), Some(run)) = (&mut self.said, &mut self.run)
            && said.epoch == epoch
            && is_of_present_run(&said.description, &marker)
        {
            run.marker = Some(marker.node_id.clone());
            said.marker = Some(marker);
        }
    }

    /// What its grants are worth; `None` where nothing is known.
    pub(super) fn judge(&self, guard: RestartGuard, hold_off: Duration, now: Moment) -> Option<Judgement> {
        let (said, run) = (self.said.as_ref()?, self.run.as_ref()?);
        let facts = Facts {
            description: &said.description,
            marker: said.marker.as_ref(),
            // Up to the answer, since what came after it is not known.
            watched: run.since.map_or(Duration::ZERO, |since| said.at.saturating_since(since)),
            at_most: run.after.map(|after| now.saturating_since(after)),
            emptied: run.emptied,
        };
        Some(judge(guard, facts, hold_off))
    }
}

impl Run {
    fn new(said: &Said, before: Option<&Self>) -> Self {
        Self {
            id: said.description.run_id.clone(),
            epoch: said.epoch,
            since: None,
            after: before.map(|before| before.last_heard),
            last_heard: said.at,
            marker: None,
            emptied: false,
        }
    }

    /// A node that does not tell its run may be another behind each connection.
    fn is_of(&self, said: &Said) -> bool {
        self.id == said.description.run_id && (self.id.is_some() || self.epoch == said.epoch)
    }

    fn see(&mut self, said: &Said) {
        self.last_heard = said.at;
        let marker = said.marker_of_process().map(|marker| marker.node_id.clone());
        if self.marker.is_some() && marker != self.marker {
            (self.emptied, self.since) = (true, None);
        }
        self.marker = marker;
        match said.description.role {
            Some(Role::Replica) => self.since = None,
            Some(Role::Master | Role::Promoted) | None => drop(self.since.get_or_insert(said.at)),
        }
    }
}
