//! What the tests of this lane share.

mod clock;
mod cluster;
mod executor;
mod polls;
mod recorder;
mod resending;
mod wall;

use std::time::Duration;

use redlock_core::{AcquireError, LockGuard};

pub(crate) use clock::JumpingClock;
pub(crate) use cluster::{Cluster, Link, TTL, VALIDITY};
pub(crate) use executor::{block_on, eventually};
pub(crate) use polls::{first_polls, poll_once};
pub(crate) use recorder::Recorder;
pub(crate) use resending::Resending;
pub(crate) use wall::{NOON, Wall, micros};

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The holder that a refusal names; a panic for any other result.
pub(crate) fn held_by(result: Result<LockGuard, AcquireError>) -> String {
    match result {
        Err(AcquireError::Held(held)) => held.holder.and_then(|holder| holder.name).unwrap_or_default(),
        other => panic!("not held: {other:?}"),
    }
}
