use super::{AdminReply, LockReply};
use crate::{BackendError, Epoch};

/// A node's answer, and the connection over which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The connection.
    pub epoch: Epoch,
    /// The answer.
    pub answer: Answer,
}

impl Reply {
    /// That answer over that connection.
    pub fn new(epoch: Epoch, answer: impl Into<Answer>) -> Self {
        Self { epoch, answer: answer.into() }
    }

    /// The answer to a command of the lock family; a protocol error for any other.
    pub fn into_lock(self) -> Result<LockReply, BackendError> {
        match self.answer {
            Answer::Lock(reply) => Ok(reply),
            Answer::Admin(_) => Err(BackendError::protocol("an answer of another command family")),
        }
    }

    /// The answer to a command of the admin family; a protocol error for any other.
    pub fn into_admin(self) -> Result<AdminReply, BackendError> {
        match self.answer {
            Answer::Admin(reply) => Ok(reply),
            Answer::Lock(_) => Err(BackendError::protocol("an answer of another command family")),
        }
    }
}

/// The answer by family.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// To a [`LockCommand`](super::LockCommand).
    Lock(LockReply),
    /// To an [`AdminCommand`](super::AdminCommand).
    Admin(AdminReply),
}

impl From<LockReply> for Answer {
    fn from(reply: LockReply) -> Self {
        Self::Lock(reply)
    }
}

impl From<AdminReply> for Answer {
    fn from(reply: AdminReply) -> Self {
        Self::Admin(reply)
    }
}
