//! Over which connection each node was last known to hold the lease.

use std::sync::{Mutex, PoisonError};

use crate::Epoch;
use crate::quorum::Nodes;

#[derive(Debug)]
pub(super) struct Homes(Mutex<Vec<Option<Epoch>>>);

impl Homes {
    /// Of a lease that those nodes are known to hold, each over that connection, which may have been replaced since. The others
    /// count for nothing yet; should one hold it all the same, it forgets what it was given before its last answer at the most.
    pub(super) fn of(nodes: &Nodes, known: &[(usize, Epoch)]) -> Self {
        let home = |node| match known.iter().rev().find(|(holds, _)| *holds == node) {
            Some((_, epoch)) => Some(*epoch),
            None => nodes.epoch(node),
        };
        Self(Mutex::new((0..nodes.len()).map(home).collect()))
    }

    /// The node holds it, as it said over that connection.
    pub(super) fn confirm(&self, node: usize, epoch: Epoch) {
        if let Some(home) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(node) {
            *home = (*home).max(Some(epoch));
        }
    }

    /// How many nodes have forgotten since they were last known to hold it.
    pub(super) fn forgotten(&self, forgot_since: impl Fn(usize) -> Option<Epoch>) -> usize {
        let homes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgot = |(node, home): &(usize, &Option<Epoch>)| forgot_since(*node) > **home;
        homes.iter().enumerate().filter(forgot).count()
    }
}
