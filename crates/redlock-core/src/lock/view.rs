//! What a quorum of nodes says stands in the keys.

use std::sync::Arc;
use std::time::Duration;

use crate::quorum::Quorum;
use crate::shared::Shared;
use crate::{
    BackendError, Held, Inspect, KeyState, Keys, LockCommand, LockReply, LockValue, NoQuorum, NodeFault,
    Reply,
};

/// The states of some keys, by node.
pub(crate) struct Views {
    quorum: Quorum,
    pub(crate) states: Vec<(usize, Vec<KeyState>)>,
    pub(crate) faults: Vec<NodeFault>,
}

/// What the nodes agree on about one key, however those that have not answered would answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Consensus {
    /// A quorum holds the same value.
    Held { value: LockValue, remaining: Option<Duration>, nodes: usize },
    /// A quorum holds something that is no lock.
    Foreign { kind: String, remaining: Option<Duration>, nodes: usize },
    /// No value can have a quorum; on so many nodes something stands.
    NotHeld { occupied: usize },
    /// Too few nodes answered to tell.
    Unknown,
}

/// Who is in the way of an acquisition of these keys.
pub(super) async fn look(shared: &Arc<Shared>, keys: &Keys, resources: &[String], limit: Duration) -> Held {
    let views = inspect(shared, keys, limit).await;
    let total = shared.nodes.len();
    let mut held = Held::nobody(resources, total);
    for (index, key) in keys.iter().enumerate() {
        let resource = shared.format.resource(key).unwrap_or(key.as_str()).to_owned();
        match views.consensus(index) {
            Consensus::Held { value, remaining, nodes } => {
                return Held { resource, holder: value.holder(), remaining, nodes, total, foreign: None };
            }
            Consensus::Foreign { kind, remaining, nodes } => {
                return Held { resource, holder: None, remaining, nodes, total, foreign: Some(kind) };
            }
            // Nobody has a quorum: the key on which most contenders meet is the one to name.
            Consensus::NotHeld { occupied } if occupied > held.nodes => {
                held = Held { resource, nodes: occupied, ..held };
            }
            Consensus::NotHeld { .. } | Consensus::Unknown => {}
        }
    }
    held
}

/// Asks all nodes what stands in the keys, until that is clear for each key or every node has answered.
pub(crate) async fn inspect(shared: &Arc<Shared>, keys: &Keys, limit: Duration) -> Views {
    let mut views = Views { quorum: shared.quorum(), states: Vec::new(), faults: Vec::new() };
    let mut in_flight = shared.send(LockCommand::Inspect(Inspect::new(keys.clone())), limit);
    while let Some((node, reply)) = in_flight.next().await {
        match states(reply, keys.len()) {
            Ok(states) => views.states.push((node, states)),
            Err(error) => views.faults.push(shared.fault(node, error, "inspect")),
        }
        if (0..keys.len()).all(|index| views.consensus(index) != Consensus::Unknown) {
            break;
        }
    }
    shared.leave(in_flight, "inspect");
    views
}

impl Views {
    /// What can be said about the key with that index.
    pub(crate) fn consensus(&self, index: usize) -> Consensus {
        let states: Vec<_> = self.states.iter().filter_map(|(_, states)| states.get(index)).collect();
        let occupied = states.iter().filter(|state| ***state != KeyState::Free).count();
        let parties = states.iter().filter(|state| ***state != KeyState::Free);
        let largest = parties.map(|state| alike(&states, state)).max_by_key(Vec::len).unwrap_or_default();
        if largest.len() >= self.quorum.needed()
            && let Some(consensus) = self.agreed(&largest)
        {
            return consensus;
        }
        let silent = self.quorum.nodes().saturating_sub(states.len());
        if largest.len().saturating_add(silent) >= self.quorum.needed() {
            return Consensus::Unknown;
        }
        Consensus::NotHeld { occupied }
    }

    /// Why nothing could be said.
    pub(crate) fn into_no_quorum(self) -> NoQuorum {
        let (needed, total) = (self.quorum.needed(), self.quorum.nodes());
        NoQuorum {
            needed,
            total,
            agreed: self.states.len(),
            refused: 0,
            faults: self.faults,
            withheld: Vec::new(),
        }
    }

    fn agreed(&self, alike: &[&KeyState]) -> Option<Consensus> {
        let nodes = alike.len();
        let mut times: Vec<_> = alike.iter().filter_map(|state| state.remaining()).collect();
        times.sort();
        // The lease ends when so many nodes have let go that the rest is no quorum. A node without an expiry never does.
        let remaining = times.get(nodes.saturating_sub(self.quorum.needed())).copied();
        match alike.first()? {
            KeyState::Free => None,
            KeyState::Held { value, .. } => Some(Consensus::Held { value: value.clone(), remaining, nodes }),
            KeyState::Foreign { kind, .. } => {
                Some(Consensus::Foreign { kind: kind.clone(), remaining, nodes })
            }
        }
    }
}

fn alike<'a>(states: &[&'a KeyState], state: &KeyState) -> Vec<&'a KeyState> {
    states.iter().filter(|other| other.is_same_holder(state)).copied().collect()
}

impl KeyState {
    fn is_same_holder(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Held { value, .. }, Self::Held { value: other, .. }) => value == other,
            (Self::Foreign { kind, .. }, Self::Foreign { kind: other, .. }) => kind == other,
            _ => false,
        }
    }

    fn remaining(&self) -> Option<Duration> {
        match self {
            Self::Free => None,
            Self::Held { remaining, .. } | Self::Foreign { remaining, .. } => *remaining,
        }
    }
}

impl Held {
    /// Refused, and nobody known who holds a quorum.
    pub(crate) fn nobody(resources: &[String], total: usize) -> Self {
        let resource = resources.first().cloned().unwrap_or_default();
        Self { resource, holder: None, remaining: None, nodes: 0, total, foreign: None }
    }
}

fn states(reply: Result<Reply, BackendError>, keys: usize) -> Result<Vec<KeyState>, BackendError> {
    match reply?.into_lock()? {
        LockReply::Inspected(states) if states.len() == keys => Ok(states),
        _ => Err(BackendError::protocol("not an answer to an inspection of these keys")),
    }
}
