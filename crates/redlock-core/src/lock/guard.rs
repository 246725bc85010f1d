use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{LockSignal, LockTicket};
use crate::lease::{AutoExtend, Extension, Lease};
use crate::{ExtendError, FenceCommit, LockLost, LossReason, Moment, ReleaseOutcome};

/// A held lock. It protects until its validity ends, it is released, or it is dropped.
///
/// - **Drop** hands the release to a background task: of the runtime in which the guard is dropped, or else of the one in which
///   the lock was acquired. Where neither is left, the lock ends with its ttl. Prefer [`release`](Self::release), which says
///   what happened.
/// - **Use [`check`](Self::check) at the moment of use.** A process may pause for longer than its lease; what it began before
///   the pause goes on after it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use redlock_core::Redlock;
/// use redlock_memory::MemoryNode;
/// let redlock = Redlock::builder().nodes(MemoryNode::cluster(5)).build()?;
/// let guard = redlock.acquire("invoices").ttl(Duration::from_secs(10)).await?;
/// guard.check()?; // before each step that needs the lock
/// guard.extend().await?;
/// assert!(guard.release().await.is_released());
/// # Ok(()) }
/// ```
#[must_use = "a guard that is dropped releases its lock at once"]
pub struct LockGuard {
    /// `None` only while it is taken apart.
    lease: Option<Arc<Lease>>,
    signal: LockSignal,
}

impl LockGuard {
    pub(crate) fn new(lease: Arc<Lease>) -> Self {
        Self { signal: LockSignal(Arc::clone(&lease)), lease: Some(lease) }
    }

    fn lease(&self) -> &Arc<Lease> {
        &self.signal.0
    }

    pub(super) fn fence(&self) -> Option<FenceCommit> {
        self.lease().claim.fence
    }

    /// What is locked, in the order in which it was asked for.
    pub fn resources(&self) -> &[String] {
        &self.lease().resources
    }

    /// The value that proves the ownership, as it stands on the nodes. Whoever knows it can release the lock: keep it out of
    /// logs.
    pub fn identifier(&self) -> &[u8] {
        self.lease().claim.value.as_bytes()
    }

    /// Whether the lock protects right now.
    pub fn is_valid(&self) -> bool {
        !self.signal.is_lost()
    }

    /// Whether it ended because its validity did.
    pub fn is_expired(&self) -> bool {
        self.lease().check() == Err(LossReason::Expired)
    }

    /// Whether a release was begun.
    pub fn is_released(&self) -> bool {
        self.lease().state().ended() == Some(LossReason::Released) || self.lease().state().outcome().is_some()
    }

    /// How many extensions were confirmed.
    pub fn extensions(&self) -> u32 {
        self.lease().state().extensions()
    }

    /// Since when it is held.
    pub fn held_for(&self) -> Duration {
        self.lease().shared.now().saturating_since(self.lease().acquired_at)
    }

    /// The lease that was asked for.
    pub fn ttl(&self) -> Duration {
        self.lease().terms.ttl.as_duration()
    }

    /// What remains of the validity; zero when the lock has ended.
    pub fn remaining(&self) -> Duration {
        self.signal.remaining()
    }

    /// Until when the lock may be believed, if it is not extended: a moment of the builder's clock.
    pub fn expiration(&self) -> Moment {
        self.signal.expiration()
    }

    /// An error when the lock protects no more. By the clock, without I/O, and never `Ok` again after the first error.
    pub fn check(&self) -> Result<(), LockLost> {
        self.signal.check()
    }

    /// Waits until the lock has ended; see [`LockSignal::lost`].
    pub async fn lost(&self) -> LossReason {
        self.signal.lost().await
    }

    /// The signal by which a routine that does not own the guard learns of the loss.
    pub fn signal(&self) -> LockSignal {
        self.signal.clone()
    }

    /// Extends the lease to its full ttl from now: one round trip to a quorum.
    ///
    /// On failure the validity is what it was. Nodes that lost the key (after a restart, say) are given it back. A dropped
    /// future leaves the validity as it was; the nodes may keep the key longer.
    pub async fn extend(&self) -> Result<Extension, ExtendError> {
        self.lease().extend(self.lease().terms.ttl).await
    }

    /// Extends the lease to `ttl` from now. It never shortens: a `ttl` below what remains confirms the lease as it is.
    ///
    /// # Errors
    ///
    /// As [`extend`](Self::extend), and [`ExtendError::Config`] for a ttl outside of the bounds of an acquisition.
    pub async fn extend_to(&self, ttl: Duration) -> Result<Extension, ExtendError> {
        let ttl = self.lease().terms.limits.ttl(ttl)?;
        self.lease().extend(ttl).await
    }

    /// From now on extended by itself, as by [`Acquisition::auto_extend`](crate::Acquisition::auto_extend); no extension
    /// begins after `max_hold` from now.
    pub fn auto_extend(&self, max_hold: Option<Duration>) {
        let lease = self.lease();
        let until = max_hold.map(|hold| lease.shared.now().saturating_add(hold));
        lease.extend_automatically(AutoExtend { threshold: lease.terms.extend_threshold, until });
    }

    /// Releases the lock: one round trip to a quorum; the other nodes go on in the background.
    ///
    /// Releasing again gives the same outcome and sends nothing. A release of a lock that has run out is no error: the
    /// [verdict](ReleaseOutcome::verdict) says so. A dropped future does not stop the release.
    pub async fn release(&self) -> ReleaseOutcome {
        self.lease().release().await
    }

    /// Gives the lock out of hand without releasing it: whoever has the ticket can
    /// [adopt](crate::Redlock::adopt) it, in another process too, until its lease ends on the nodes.
    ///
    /// # Errors
    ///
    /// [`LockLost`] where the lock has ended already.
    pub async fn detach(mut self) -> Result<LockTicket, LockLost> {
        let lease = Arc::clone(self.lease());
        lease.detach().await.map_err(|reason| LockLost { reason })?;
        self.lease = None;
        Ok(LockTicket::of(&lease))
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.release_in_background();
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard")
            .field("resources", &self.resources())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
