//! The Redlock quorum algorithm over any backend: rounds, leases, guards.
//!
//! Most programs depend on the facade `redlock-toolkit`, which re-exports this crate. Depend on it directly to bring your own
//! [`Backend`], or to build a primitive on [`quorum`].
//!
//! - [`Redlock`] acquires locks; [`LockGuard`] is one that is held.
//! - [`Backend`] is the seam: one node, one method. [`Command`] and [`Reply`] are its vocabulary.
//! - [`quorum`] is the algorithm, with its decision free of I/O and clock.

mod backend;
mod builder;
mod cleanup;
mod clock;
mod command;
mod config;
mod entropy;
mod error;
mod fault;
mod fenced_store;
mod fencing;
mod holder;
mod key;
mod key_format;
mod lease;
mod lock;
pub mod mutants;
mod node;
mod notification;
mod observer;
mod options;
pub mod quorum;
mod redlock;
mod release;
mod restart;
mod shared;
mod shutdown;
mod status;
mod ttl;
mod unconfirmed;
mod value;
mod verify;
mod wall_clock;

pub use async_trait::async_trait;

pub use backend::Backend;
pub use builder::RedlockBuilder;
pub use cleanup::Cleanup;
pub use clock::{BootClock, Clock, Moment, TokioClock};
pub use command::*;
pub use config::{ConfigError, Parameter};
pub use entropy::{Entropy, EntropyError, OsEntropy, SeededEntropy};
pub use error::{AcquireError, ExtendError, Held, LockLost, LossReason, NoQuorum};
pub use fault::{BackendError, FaultKind, NodeFault, Sent};
pub use fenced_store::{FencedStore, FencedStoreError};
pub use fencing::{FencingToken, FencingTokenError};
pub use holder::Holder;
pub use key::{Key, Keys};
pub use key_format::{IntoResources, KeyFormat, Prefix};
pub use lease::Extension;
pub use lock::{
    Acquisition, AdoptError, FencedGuard, LockGuard, LockSignal, LockTicket, LostDuring, Used, UsingError,
};
pub use node::{Capabilities, Epoch, NodeName};
pub use notification::{Inbox, Notification, NotificationSender, Notifications};
pub use observer::{Event, Observer, StopReason};
pub use options::RetryPolicy;
pub use redlock::Redlock;
pub use release::{NodeRelease, NodeReleaseResult, ReleaseOutcome, ReleaseVerdict};
pub use restart::{NodeSetConflict, NodeSetPolicy, RestartGuard, Withheld, WithheldReason};
pub use shutdown::Shutdown;
pub use status::{ActiveLock, ForcedRelease, LockState, LockStatus, StatusError};
pub use ttl::Ttl;
pub use value::LockValue;
pub use verify::{NodeProblem, Verification};
pub use wall_clock::{SystemWallClock, WallClock};
