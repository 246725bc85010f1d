//! What a lease claims on its nodes, and the commands by which it is kept and given up.

use std::sync::Arc;

use crate::quorum::Nodes;
use crate::unconfirmed::Traces;
use crate::{Extend, FenceCommit, Keys, LockCommand, LockValue, RePlant, Release, Ttl};

/// The keys of a lock and the value that proves whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) keys: Keys,
    pub(crate) value: LockValue,
    /// The fencing token, where the lock has one: set when it is decided.
    pub(crate) fence: Option<FenceCommit>,
    /// Where it stands or may come to stand.
    pub(crate) traces: Arc<Traces>,
}

impl Claim {
    /// A claim that is about to be sent to every node.
    pub(crate) fn sending(keys: Keys, value: LockValue, nodes: &Nodes) -> Self {
        Self { keys, value, fence: None, traces: Arc::new(Traces::sending(nodes)) }
    }

    /// A claim that another process has planted.
    pub(crate) fn adopted(keys: Keys, value: LockValue, fence: Option<FenceCommit>, nodes: &Nodes) -> Self {
        Self { keys, value, fence, traces: Arc::new(Traces::adopted(nodes)) }
    }

    pub(crate) fn extend(&self, ttl: Ttl) -> LockCommand {
        let extend = Extend::new(self.keys.clone(), self.value.clone(), ttl);
        LockCommand::Extend(Extend { fence: self.fence, ..extend })
    }

    pub(crate) fn re_plant(&self, ttl: Ttl) -> LockCommand {
        let plant = RePlant::new(self.keys.clone(), self.value.clone(), ttl);
        LockCommand::RePlant(RePlant { fence: self.fence, ..plant })
    }

    pub(crate) fn release(&self) -> LockCommand {
        LockCommand::Release(Release::new(self.keys.clone(), self.value.clone()))
    }
}
