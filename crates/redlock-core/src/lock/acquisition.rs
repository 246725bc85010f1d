use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use super::acquire::{Acquiring, Cancel};
use super::{FencedGuard, LockGuard, LockSignal, Used, UsingError};
use crate::options::Options;
use crate::{AcquireError, ConfigError, FencingToken, Parameter, Redlock, RetryPolicy};

/// An acquisition that has not begun: set what should differ from the builder's defaults, then `.await` it.
///
/// Nothing is sent and nothing is checked before it is awaited. Dropping the awaited future at any point leaves nothing
/// behind: what it may have taken is released in the background.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use redlock_core::Redlock;
/// use redlock_memory::MemoryNode;
/// let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
/// let guard = redlock
///     .acquire(["account:1", "account:2"]) // both or none
///     .ttl(Duration::from_secs(5))
///     .deadline(Duration::from_secs(2))
///     .await?;
/// # drop(guard);
/// # Ok(()) }
/// ```
#[must_use = "an acquisition does nothing until it is awaited"]
pub struct Acquisition<G = LockGuard> {
    redlock: Redlock,
    resources: Vec<String>,
    options: Options,
    once: bool,
    cancel: Option<Cancel>,
    /// Which guard it gives.
    guard: PhantomData<fn() -> G>,
}

impl Acquisition {
    pub(crate) fn new(redlock: Redlock, resources: Vec<String>, once: bool) -> Self {
        let options = redlock.options().clone();
        Self { redlock, resources, options, once, cancel: None, guard: PhantomData }
    }

    /// With a [fencing token](crate::FencingToken), which the store that the lock protects can compare: the answer to a holder
    /// that goes on after its lease, as after a long pause. Gives a [`FencedGuard`].
    ///
    /// Still one round trip to a quorum where the nodes agree on the token, two where they do not: after a node had been away, or
    /// where this machine's wall clock is behind or far ahead. Validity counts from before the first. Every node must have
    /// [`Capabilities::FENCE`](crate::Capabilities::FENCE).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let guard = redlock.acquire("account:1").fenced().await?;
    /// let statement = format!("UPDATE account SET …, fence = {0} WHERE id = 1 AND fence <= {0}", guard.fencing_token());
    /// # drop(guard); let _ = statement; Ok(()) }
    /// ```
    pub fn fenced(self) -> Acquisition<FencedGuard> {
        let Self { redlock, resources, mut options, once, cancel, guard: _ } = self;
        options.fenced = true;
        Acquisition { redlock, resources, options, once, cancel, guard: PhantomData }
    }

    /// Acquires, runs `routine` with automatic extension until its end, and releases: see [`LockGuard::using`].
    pub async fn using<T>(
        self,
        routine: impl AsyncFnOnce(&LockGuard) -> T,
    ) -> Result<Used<T>, UsingError<T>> {
        Ok(self.await?.using(routine).await?)
    }

    /// The same for a routine that owns its [`LockSignal`]: see [`LockGuard::using_signal`].
    pub async fn using_signal<T, F>(
        self,
        routine: impl FnOnce(LockSignal) -> F + Send,
    ) -> Result<Used<T>, UsingError<T>>
    where
        F: Future<Output = T> + Send,
        T: Send,
    {
        Ok(self.await?.using_signal(routine).await?)
    }
}

impl Acquisition<FencedGuard> {
    /// Acquires, runs `routine` with automatic extension until its end, and releases: see [`FencedGuard::using`].
    pub async fn using<T>(
        self,
        routine: impl AsyncFnOnce(&FencedGuard) -> T,
    ) -> Result<Used<T>, UsingError<T>> {
        Ok(self.await?.using(routine).await?)
    }

    /// The same for a routine that owns its [`LockSignal`] and the token: see [`FencedGuard::using_signal`].
    pub async fn using_signal<T, F>(
        self,
        routine: impl FnOnce(LockSignal, FencingToken) -> F + Send,
    ) -> Result<Used<T>, UsingError<T>>
    where
        F: Future<Output = T> + Send,
        T: Send,
    {
        Ok(self.await?.using_signal(routine).await?)
    }
}

impl<G> Acquisition<G> {
    /// The lease: after this time the nodes forget the lock by themselves. Default: the builder's, 30 s.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = ttl;
        self
    }

    /// How long one node may take to answer one command. Default: a twentieth of the ttl. Set it to at least four times the
    /// 99th percentile of a round trip.
    pub fn node_timeout(mut self, limit: Duration) -> Self {
        self.options.node_timeout = Some(limit);
        self
    }

    /// So many attempts after the first. Default: 10. Without effect on `try_acquire` and where a
    /// [`deadline`](Self::deadline) is set.
    pub fn retries(mut self, retries: u32) -> Self {
        self.options.contended.retries = Some(retries);
        self
    }

    /// Tries again until it succeeds or is cancelled.
    pub fn retry_forever(mut self) -> Self {
        self.options.contended.retries = None;
        self
    }

    /// Retries, delay and jitter at once.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.contended = policy;
        self
    }

    /// Another policy where too few nodes answered, or too late. Default: the same.
    pub fn retry_unreachable(mut self, policy: RetryPolicy) -> Self {
        self.options.unreachable = Some(policy);
        self
    }

    /// The time limit of the whole acquisition; with one, the number of retries does not count. Default: none.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.options.deadline = Some(limit);
        self
    }

    /// Ends the acquisition with [`AcquireError::Cancelled`] when `signal` is ready.
    pub fn cancel_on(mut self, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cancel = Some(Box::pin(signal));
        self
    }

    /// Extends the lock by itself while its guard lives, for [`max_hold`](Self::max_hold) at most. Default: off.
    pub fn auto_extend(mut self) -> Self {
        self.options.auto_extend = true;
        self
    }

    /// For how long an automatic extension may go on, `None` for ever: a leaked guard must not be immortal. Default: one hour.
    pub fn max_hold(mut self, hold: Option<Duration>) -> Self {
        self.options.max_hold = hold;
        self
    }

    /// The remaining validity below which an automatic extension is sent. Default: a third of the
    /// validity that the ttl gives.
    pub fn extend_threshold(mut self, threshold: Duration) -> Self {
        self.options.extend_threshold = Some(threshold);
        self
    }

    /// Text before the random bits of each attempt's token. Default: none.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.label = label.into();
        self
    }

    /// The holder's name, told to whoever is refused. Default: the builder's.
    pub fn holder_name(mut self, name: impl Into<String>) -> Self {
        self.options.holder.get_or_insert_default().name = Some(name.into());
        self
    }

    async fn run(self) -> Result<LockGuard, AcquireError> {
        let Self { redlock, resources, options, once, cancel, guard: _ } = self;
        let (keys, terms) = redlock.check(&resources, &options)?;
        let shared = redlock.shared().clone();
        Acquiring { shared, resources: resources.into(), keys, options, terms, once }.run(cancel).await
    }
}

impl IntoFuture for Acquisition {
    type Output = Result<LockGuard, AcquireError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl IntoFuture for Acquisition<FencedGuard> {
    type Output = Result<FencedGuard, AcquireError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { FencedGuard::of(self.run().await?).ok_or_else(unfenced) })
    }
}

/// Cannot be: an attempt that asks for a token is not won without one.
fn unfenced() -> AcquireError {
    ConfigError::new(Parameter::Nodes, "", "must tell a fencing token").into()
}

impl<G> fmt::Debug for Acquisition<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquisition").field("resources", &self.resources).finish_non_exhaustive()
    }
}
