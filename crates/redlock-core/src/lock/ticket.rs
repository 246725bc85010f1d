//! Handing a held lock to another process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::{FencedGuard, LockGuard};
use crate::lease::{Claim, Lease, NewLease};
use crate::options::Terms;
use crate::shared::Shared;
use crate::{ConfigError, ExtendError, FencingToken, Keys, LockValue};

/// A held lock on its way to another process: what [`LockGuard::detach`] gives and
/// [`Redlock::adopt`](crate::Redlock::adopt) takes.
///
/// It holds the token, so whoever has it can release the lock: `Debug` hides it, and it belongs on a private channel only.
/// Nobody extends the lock meanwhile: it must be adopted before its lease ends on the nodes.
///
/// **Adopt it once.** The nodes compare the token, and whoever adopts the same ticket again bears the same: both would believe
/// to hold the lock, and neither would keep the other out. Over a channel that may deliver twice, such as a queue, see to it
/// that only one delivery is acted on.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LockTicket {
    resources: Vec<String>,
    value: Vec<u8>,
    ttl: Duration,
    /// Absent from tickets of older versions.
    #[cfg_attr(feature = "serde", serde(default))]
    fencing_token: Option<FencingToken>,
}

/// Why a ticket was not adopted. The ticket is as good as before.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptError {
    /// The lock has ended, or could not be confirmed by a quorum.
    #[error(transparent)]
    NotConfirmed(#[from] ExtendError),
    /// The ticket does not fit this `Redlock`; nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The lock has no fencing token, and was to be adopted with one; nothing was sent.
    #[error("the lock was not acquired with a fencing token")]
    NotFenced,
    /// [`Redlock::shutdown`](crate::Redlock::shutdown) was called.
    #[error("this Redlock has been shut down")]
    ShutDown,
    /// Awaited outside of a tokio runtime; nothing was sent.
    #[error("a lock must be adopted within a tokio runtime whose timer is enabled")]
    NoRuntime,
}

impl AdoptError {
    /// Whether the same ticket may be adopted if it is tried again at once.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotConfirmed(error) => error.is_retryable(),
            Self::Config(_) | Self::NotFenced | Self::ShutDown | Self::NoRuntime => false,
        }
    }
}

impl LockTicket {
    pub(super) fn of(lease: &Lease) -> Self {
        Self {
            resources: lease.resources.to_vec(),
            value: lease.claim.value.as_bytes().to_vec(),
            ttl: lease.terms.ttl.as_duration(),
            fencing_token: lease.claim.fence.map(|fence| fence.token),
        }
    }

    /// What is locked.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// The lease that was asked for; the adopted lock has the same.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// The lock's fencing token, where it was acquired with one; the adopted lock has the same.
    pub fn fencing_token(&self) -> Option<FencingToken> {
        self.fencing_token
    }
}

/// Confirms the ticket's lock by a quorum and takes it over.
pub(crate) async fn adopt(
    shared: &Arc<Shared>,
    keys: Keys,
    terms: Terms,
    ticket: &LockTicket,
) -> Result<LockGuard, AdoptError> {
    let Ok(runtime) = Handle::try_current() else { return Err(AdoptError::NoRuntime) };
    if shared.closed.is_cancelled() {
        return Err(AdoptError::ShutDown);
    }
    // A shutdown waits until this is over.
    let _counted = shared.nodes.tasks().token();
    let fence = ticket.fencing_token.map(|token| terms.limits.fence_commit(token));
    let claim = Claim::adopted(keys, LockValue::from_bytes(ticket.value.as_slice()), fence, &shared.nodes);
    let adopted = Lease::adopt(NewLease {
        shared: Arc::clone(shared),
        resources: ticket.resources.clone().into(),
        claim,
        terms,
        // Nothing is believed before a quorum has confirmed it.
        valid_until: shared.now(),
        homes: Vec::new(),
        runtime,
        auto: None,
    });
    let guard = LockGuard::new(adopted.await?);
    if shared.closed.is_cancelled() {
        // It may have missed the new lease. Given out of hand again, not released: the ticket stays good.
        let _ = guard.detach().await;
        return Err(AdoptError::ShutDown);
    }
    Ok(guard)
}

/// The same, for a lock with a fencing token.
pub(crate) fn fenced(guard: LockGuard) -> Result<FencedGuard, AdoptError> {
    FencedGuard::of(guard).ok_or(AdoptError::NotFenced)
}

impl fmt::Debug for LockTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockTicket")
            .field("resources", &self.resources)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
