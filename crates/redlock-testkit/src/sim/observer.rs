//! The library's own events, of which some are rare states.

use redlock_core::{AcquireError, Event, Observer};

use super::journal::{Journal, name};
use super::rare::Rare;

/// Listens to one client.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) journal: Journal,
    pub(super) client: usize,
}

impl Observer for Listener {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::AttemptLost { resources, error, .. } => self.attempt_lost(resources, error),
            Event::Acquired { rounds: 2, .. } => self.journal.count(Rare::SecondRound),
            Event::Failed { error: AcquireError::Deadline { .. }, .. } => {
                self.journal.count(Rare::DeadlineHit);
            }
            Event::VotesWithheld { withheld, .. } => {
                self.journal.count(Rare::Withheld);
                self.note(|| withheld.to_string());
            }
            Event::VotesCount { node, .. } => {
                self.journal.count(Rare::CountsAgain);
                self.note(|| format!("{node} counts again"));
            }
            Event::NodeSetConflict { conflict, .. } => self.note(|| conflict.to_string()),
            Event::ExtensionFailed { error, .. } => {
                self.journal.count(Rare::ExtensionNotConfirmed);
                self.note(|| error.to_string());
            }
            Event::RePlanted { node, .. } => {
                self.journal.count(Rare::RePlant);
                self.note(|| format!("re-planted at n{node}"));
            }
            Event::Extended { validity, .. } => self.note(|| format!("extended, valid for {validity:?}")),
            _ => {}
        }
    }
}

impl Listener {
    fn attempt_lost(&self, resources: &[String], error: &AcquireError) {
        match error {
            AcquireError::ValidityExhausted { .. } => self.journal.count(Rare::ValidityExhausted),
            AcquireError::Held(held) => {
                if held.holder.is_none() && held.nodes > 0 {
                    self.journal.count(Rare::SplitVote);
                }
                if resources.len() > 1 {
                    self.journal.count(Rare::MultiRefusal);
                }
            }
            _ => {}
        }
        self.note(|| format!("lost an attempt: {error}"));
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.journal.note(&name(self.client), what);
    }
}
