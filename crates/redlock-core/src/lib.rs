//! The Redlock quorum algorithm over any backend: rounds, leases, guards.

mod backend;
mod clock;
mod command;
mod entropy;
mod fault;
mod holder;
mod key;
mod node;
mod notification;
mod ttl;
mod value;

pub use async_trait::async_trait;

pub use backend::Backend;
pub use clock::{BootClock, Clock, Moment, TokioClock};
pub use command::*;
pub use entropy::{Entropy, EntropyError, OsEntropy, SeededEntropy};
pub use fault::{BackendError, FaultKind, NodeFault, Sent};
pub use holder::Holder;
pub use key::{Key, Keys};
pub use node::{Capabilities, Epoch, NodeName};
pub use notification::{Inbox, Notification, NotificationSender, Notifications};
pub use ttl::Ttl;
pub use value::LockValue;
