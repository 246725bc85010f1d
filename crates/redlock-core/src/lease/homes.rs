//! Over which connection each node was last known to hold the lease.

use std::sync::{Mutex, PoisonError};

use crate::Epoch;
use crate::quorum::Nodes;

#[derive(Debug)]
pub(super) struct Homes(Mutex<Vec<Option<Epoch>>>);

impl Homes {
    /// Of a lease that was granted now, or before the last answers.
    pub(super) fn of(nodes: &Nodes) -> Self {
        Self(Mutex::new((0..nodes.len()).map(|node| nodes.epoch(node)).collect()))
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
