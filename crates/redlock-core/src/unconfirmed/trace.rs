//! What is known of a claim at each node: whether a command that plants it may have been executed, or may yet be.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::quorum::Nodes;
use crate::{BackendError, Epoch, Sent};

/// Of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// Nothing that plants the claim has been executed, nor will be.
    Nothing,
    /// Something was sent, which may yet be executed. It went over the connection of that epoch or a later one; of none
    /// that was known where the node had not answered before.
    Open(Option<Epoch>),
    /// Whatever was sent has been answered.
    Answered,
}

/// Of all nodes.
#[derive(Debug)]
pub(crate) struct Traces(Mutex<Vec<Trace>>);

impl Traces {
    /// Of a claim that is about to be sent to every node.
    pub(crate) fn sending(nodes: &Nodes) -> Self {
        Self(Mutex::new((0..nodes.len()).map(|node| Trace::Open(nodes.epoch(node))).collect()))
    }

    /// Of a claim that another process has planted.
    pub(crate) fn adopted(nodes: &Nodes) -> Self {
        Self(Mutex::new(vec![Trace::Answered; nodes.len()]))
    }

    pub(crate) fn of(&self, node: usize) -> Trace {
        self.lock().get(node).copied().unwrap_or(Trace::Nothing)
    }

    /// At which nodes nothing is under way: what is sent there now comes behind all.
    pub(super) fn settled(&self) -> Vec<bool> {
        self.lock().iter().map(|trace| !matches!(trace, Trace::Open(_))).collect()
    }

    /// A node's answer to the acquire: whether it granted.
    pub(crate) fn answered(&self, node: usize, granted: Result<bool, &BackendError>) {
        let trace = match granted {
            Ok(true) => Trace::Answered,
            Ok(false) => Trace::Nothing,
            Err(error) => match error.sent() {
                Sent::No => Trace::Nothing,
                Sent::Replied => Trace::Answered,
                Sent::Maybe => return,
            },
        };
        self.set(node, trace);
    }

    /// The claim is about to be sent once more, to a node of that epoch. Whether all that was sent before is answered.
    pub(crate) fn planting(&self, node: usize, epoch: Option<Epoch>) -> bool {
        let settled = !matches!(self.of(node), Trace::Open(_));
        if settled {
            self.set(node, Trace::Open(epoch));
        }
        settled
    }

    fn set(&self, node: usize, trace: Trace) {
        if let Some(slot) = self.lock().get_mut(node) {
            *slot = trace;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
