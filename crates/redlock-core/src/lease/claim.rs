//! What a lease claims on its nodes, and the commands by which it is kept and given up.

use crate::{Extend, Keys, LockCommand, LockValue, RePlant, Release, Ttl};

/// The keys of a lock and the value that proves whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) keys: Keys,
    pub(crate) value: LockValue,
}

impl Claim {
    pub(crate) fn extend(&self, ttl: Ttl) -> LockCommand {
        LockCommand::Extend(Extend::new(self.keys.clone(), self.value.clone(), ttl))
    }

    pub(crate) fn re_plant(&self, ttl: Ttl) -> LockCommand {
        LockCommand::RePlant(RePlant::new(self.keys.clone(), self.value.clone(), ttl))
    }

    pub(crate) fn release(&self) -> LockCommand {
        LockCommand::Release(Release::new(self.keys.clone(), self.value.clone()))
    }
}
