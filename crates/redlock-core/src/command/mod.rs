//! The vocabulary of one node: what it is asked, in families, and what it answers.
//!
//! Each command is one atomic step. `redlock-lua` holds the shortest Redis command or script for each,
//! `redlock-memory` one arm for each; the two are held equal by tests.

mod admin;
mod fence;
mod lock;
mod member;
mod reply;

pub use admin::{AdminCommand, AdminReply, Cursor, Description, Durability, Role, Scan, ScanPage};
pub use fence::{FenceCommit, FenceProposal, Lift};
pub use lock::{
    Acquire, Blocker, Evict, Extend, Grant, Inspect, KeyState, LockCommand, LockReply, Ownership, RePlant,
    Refusal, Release, Released,
};
pub use member::{Announce, AnnouncedSet, Claim, Marker, Membership, NodeId, NodeSet};
pub use reply::{Answer, Reply};

/// One atomic step on one node.
///
/// Non-exhaustive, so that a foreign backend answers [`unsupported`](crate::BackendError::unsupported) in its last arm
/// and goes on compiling when a family is added.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// The mutex.
    Lock(LockCommand),
    /// What a node says about itself and its keys.
    Admin(AdminCommand),
}

impl Command {
    /// The command's name, the same in traces, metrics and errors.
    ///
    /// ```
    /// use redlock_core::{AdminCommand, Command};
    /// assert_eq!(Command::Admin(AdminCommand::Describe).name(), "describe");
    /// ```
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lock(command) => command.name(),
            Self::Admin(command) => command.name(),
        }
    }

    /// One or more of every command that there is, for tests that every backend answers all it claims.
    pub fn samples() -> Vec<Self> {
        let locks = LockCommand::samples().into_iter().map(Self::Lock);
        let admin = AdminCommand::samples().into_iter().map(Self::Admin);
        locks.chain(admin).collect()
    }
}

impl From<LockCommand> for Command {
    fn from(command: LockCommand) -> Self {
        Self::Lock(command)
    }
}

impl From<AdminCommand> for Command {
    fn from(command: AdminCommand) -> Self {
        Self::Admin(command)
    }
}
