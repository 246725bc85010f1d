//! The mutex: how it is acquired, and the guard by which it is held.

mod acquire;
mod acquisition;
mod attempt;
mod fence;
mod fenced;
mod guard;
mod signal;
mod ticket;
mod using;
mod view;

pub use acquisition::Acquisition;
pub use fenced::FencedGuard;
pub use guard::LockGuard;
pub use signal::LockSignal;
pub use ticket::{AdoptError, LockTicket};
pub use using::{LostDuring, Used, UsingError};

pub(crate) use ticket::{adopt, fenced};
pub(crate) use view::{Consensus, inspect};
