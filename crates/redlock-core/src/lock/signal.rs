use std::sync::Arc;
use std::time::Duration;

use crate::lease::Lease;
use crate::{LockLost, LossReason, Moment};

/// Tells a routine whether the lock still protects it. Cheap to clone; outlives its guard, and says then how it ended.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_core::{LossReason, Redlock};
/// use redlock_memory::MemoryNode;
/// let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
/// let guard = redlock.acquire("report").await?;
/// let signal = guard.signal();
/// assert!(!signal.is_lost());
/// guard.release().await;
/// assert_eq!(signal.lost().await, LossReason::Released);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct LockSignal(pub(super) Arc<Lease>);

impl LockSignal {
    /// Whether the lock has ended, be it lost or released. Right at this moment, by the clock, without I/O.
    pub fn is_lost(&self) -> bool {
        self.check().is_err()
    }

    /// The same as a `Result`, for the `?` before each step that needs the lock.
    pub fn check(&self) -> Result<(), LockLost> {
        self.0.check().map(|_| ()).map_err(|reason| LockLost { reason })
    }

    /// Waits until the lock has ended, and says why. It needs no I/O and no other task, so it is ready in time although every
    /// node hangs; after a suspend of the machine within a second. Cancellation loses nothing.
    pub async fn lost(&self) -> LossReason {
        self.0.lost().await
    }

    /// What remains of the validity; zero when the lock has ended.
    pub fn remaining(&self) -> Duration {
        self.0.check().unwrap_or_default()
    }

    /// Until when the lock may be believed, if it is not extended: a moment of the builder's clock.
    pub fn expiration(&self) -> Moment {
        self.0.state().valid_until()
    }

    /// A token that is cancelled when the lock has ended: for code that already listens to one.
    ///
    /// It is cancelled by a background task of the runtime in which the lock was acquired.
    #[cfg(feature = "cancellation-token")]
    pub fn cancellation_token(&self) -> tokio_util::sync::CancellationToken {
        let token = tokio_util::sync::CancellationToken::new();
        let (signal, watched) = (self.clone(), token.clone());
        // Not a counted task: it ends with the lock, which a shutdown ends first.
        self.0.runtime.spawn(async move {
            signal.lost().await;
            watched.cancel();
        });
        token
    }
}
