use std::fmt;
use std::future::Future;
use std::ops::Deref;

use super::{LockGuard, LockSignal, LockTicket, LostDuring, Used};
use crate::{FencingToken, LockLost};

/// A held lock with a [fencing token](FencingToken): what an acquisition gives that is
/// [fenced](crate::Acquisition::fenced). All else is as with the [`LockGuard`] in it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_core::Redlock;
/// use redlock_memory::MemoryNode;
/// let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
/// let first = redlock.acquire("ledger").fenced().await?;
/// let token = first.fencing_token(); // goes with every request to the store that it protects
/// assert!(first.release().await.is_released());
/// assert!(redlock.acquire("ledger").fenced().await?.fencing_token() > token);
/// # Ok(()) }
/// ```
///
/// A plain lock has none:
///
/// ```compile_fail,E0599
/// # async fn f(redlock: redlock_core::Redlock) -> Result<(), Box<dyn std::error::Error>> {
/// let plain = redlock.acquire("ledger").await?;
/// plain.fencing_token();
/// # Ok(()) }
/// ```
#[must_use = "a guard that is dropped releases its lock at once"]
pub struct FencedGuard {
    guard: LockGuard,
    token: FencingToken,
}

impl FencedGuard {
    /// `None` where the lock was not fenced.
    pub(super) fn of(guard: LockGuard) -> Option<Self> {
        let token = guard.fence()?.token;
        Some(Self { guard, token })
    }

    /// The lock's number: greater than that of every fenced lock of its resources that ended before. It stays the same for as
    /// long as the lock is held, extended or handed on. No I/O.
    pub fn fencing_token(&self) -> FencingToken {
        self.token
    }

    /// As [`LockGuard::using`].
    ///
    /// # Errors
    ///
    /// [`LostDuring`] with the routine's output, where the lock ended before the routine did.
    pub async fn using<T>(self, routine: impl AsyncFnOnce(&Self) -> T) -> Result<Used<T>, LostDuring<T>> {
        self.auto_extend(None);
        let output = routine(&self).await;
        self.guard.finish(output).await
    }

    /// As [`LockGuard::using_signal`]; the routine is given the token, too.
    ///
    /// # Errors
    ///
    /// As [`using`](Self::using).
    pub async fn using_signal<T, F>(
        self,
        routine: impl FnOnce(LockSignal, FencingToken) -> F + Send,
    ) -> Result<Used<T>, LostDuring<T>>
    where
        F: Future<Output = T> + Send,
        T: Send,
    {
        let token = self.token;
        self.guard.using_signal(move |signal| routine(signal, token)).await
    }

    /// As [`LockGuard::detach`]; the ticket bears the token, and is adopted with it by
    /// [`Redlock::adopt_fenced`](crate::Redlock::adopt_fenced).
    ///
    /// # Errors
    ///
    /// [`LockLost`] where the lock has ended already.
    pub async fn detach(self) -> Result<LockTicket, LockLost> {
        self.guard.detach().await
    }
}

impl Deref for FencedGuard {
    type Target = LockGuard;

    fn deref(&self) -> &LockGuard {
        &self.guard
    }
}

/// The same lock, for code that asks for no token.
impl From<FencedGuard> for LockGuard {
    fn from(fenced: FencedGuard) -> Self {
        fenced.guard
    }
}

impl fmt::Debug for FencedGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FencedGuard").field("guard", &self.guard).field("token", &self.token).finish()
    }
}
