//! A routine under a lock that is extended for as long as the routine runs.

use std::fmt;
use std::future::Future;

use super::{LockGuard, LockSignal};
use crate::{AcquireError, LossReason, ReleaseOutcome};

/// A routine that ran under its lock from beginning to end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Used<T> {
    /// What the routine returned.
    pub output: T,
    /// What became of the lock after it.
    pub release: ReleaseOutcome,
    /// How often the lock was extended.
    pub extensions: u32,
}

/// The lock ended while the routine ran. The routine was told by its signal, and ran to its own end.
#[derive(Clone)]
#[non_exhaustive]
pub struct LostDuring<T> {
    /// What the routine returned.
    pub output: T,
    /// Why the lock ended.
    pub reason: LossReason,
    /// What was found when it was released.
    pub release: ReleaseOutcome,
}

/// Why `using` did not run the routine under a lock from beginning to end.
#[non_exhaustive]
pub enum UsingError<T> {
    /// The lock was not acquired; the routine did not run.
    NotAcquired(AcquireError),
    /// The lock was lost while the routine ran; its output is in here.
    Lost(LostDuring<T>),
}

impl LockGuard {
    /// Runs `routine` under this lock, extends it for as long as that takes, and releases it.
    ///
    /// The routine is not stopped when the lock is lost: it is told by `lost()`, `check()` and `signal()` of the guard that it
    /// is given, and decides for itself. A panic in it releases the lock and goes on. Dropping the future drops the routine
    /// and releases the lock in the background.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let used = redlock.acquire("ledger").await?.using(async |lock| lock.resources().len()).await?;
    /// assert_eq!(used.output, 1);
    /// assert!(used.release.is_released());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LostDuring`] with the routine's output, where the lock ended before the routine did.
    pub async fn using<T>(self, routine: impl AsyncFnOnce(&Self) -> T) -> Result<Used<T>, LostDuring<T>> {
        self.auto_extend(None);
        let output = routine(&self).await;
        self.finish(output).await
    }

    /// The same for a routine that owns its [`LockSignal`], so that the whole can be spawned from generic code.
    pub async fn using_signal<T, F>(
        self,
        routine: impl FnOnce(LockSignal) -> F + Send,
    ) -> Result<Used<T>, LostDuring<T>>
    where
        F: Future<Output = T> + Send,
        T: Send,
    {
        self.auto_extend(None);
        let output = routine(self.signal()).await;
        self.finish(output).await
    }

    pub(super) async fn finish<T>(self, output: T) -> Result<Used<T>, LostDuring<T>> {
        let lost = self.check();
        let release = self.release().await;
        match lost {
            Ok(()) => Ok(Used { output, release, extensions: self.extensions() }),
            Err(lost) => Err(LostDuring { output, reason: lost.reason, release }),
        }
    }
}

impl<T> UsingError<T> {
    /// The routine's output, where it ran.
    pub fn into_output(self) -> Option<T> {
        match self {
            Self::NotAcquired(_) => None,
            Self::Lost(lost) => Some(lost.output),
        }
    }
}

impl<T> From<AcquireError> for UsingError<T> {
    fn from(error: AcquireError) -> Self {
        Self::NotAcquired(error)
    }
}

impl<T> From<LostDuring<T>> for UsingError<T> {
    fn from(lost: LostDuring<T>) -> Self {
        Self::Lost(lost)
    }
}

// By hand, because an output need not be `Debug` for its error to be one.
impl<T> fmt::Debug for LostDuring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostDuring").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for LostDuring<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the lock was lost while the routine ran: {}", self.reason)
    }
}

impl<T> std::error::Error for LostDuring<T> {}

impl<T> fmt::Debug for UsingError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAcquired(error) => f.debug_tuple("NotAcquired").field(error).finish(),
            Self::Lost(lost) => f.debug_tuple("Lost").field(lost).finish(),
        }
    }
}

impl<T> fmt::Display for UsingError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAcquired(error) => error.fmt(f),
            Self::Lost(lost) => lost.fmt(f),
        }
    }
}

impl<T> std::error::Error for UsingError<T> {}
