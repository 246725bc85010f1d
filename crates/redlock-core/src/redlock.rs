use std::sync::Arc;
use std::time::Duration;

use crate::lock::{self, Acquisition, AdoptError, FencedGuard, LockGuard, LockTicket, Used, UsingError};
use crate::options::{Limits, Options, Terms};
use crate::quorum::Quorum;
use crate::shared::Shared;
use crate::{Backend, Capabilities, ConfigError, IntoResources, Keys, NodeName, Parameter, RedlockBuilder};

/// Distributed locks over a quorum of independent nodes.
///
/// Cheap to clone, and usable from several threads and runtimes, and from a static: each lock is served by the runtime in which
/// it was acquired. Nothing connects before the first acquisition.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_core::{AcquireError, Redlock};
/// use redlock_memory::MemoryNode;
///
/// let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).holder_name("importer").build()?;
/// let guard = redlock.acquire("orders").await?;
///
/// // Somebody else is told who holds it, and for how long.
/// match redlock.try_acquire("orders").await {
///     Err(AcquireError::Held(held)) => assert_eq!(held.holder.and_then(|holder| holder.name).as_deref(), Some("importer")),
///     other => panic!("{other:?}"),
/// }
/// guard.release().await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Redlock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    options: Options,
    limits: Limits,
}

impl Redlock {
    /// A builder with the defaults.
    pub fn builder() -> RedlockBuilder {
        RedlockBuilder::new()
    }

    pub(crate) fn new(shared: Shared, options: Options, limits: Limits) -> Self {
        Self(Arc::new(Inner { shared: Arc::new(shared), options, limits }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// How long one node may take for what is not part of an acquisition.
    pub(crate) fn node_timeout(&self) -> Duration {
        // The options were checked at build(); the fallback cannot be reached.
        Terms::of(&self.0.options, self.0.limits).map_or(Duration::from_secs(1), |terms| terms.node_timeout)
    }

    /// Waits for a lock: one or several resources, all or none. By default up to 11 attempts, 200 ms ± 100 ms apart.
    ///
    /// One round trip to a quorum where nobody contends. See [`Acquisition`] for the options.
    pub fn acquire(&self, resources: impl IntoResources) -> Acquisition {
        Acquisition::new(self.clone(), resources.into_resources(), false)
    }

    /// Takes a lock, or says at once who is in the way: a single attempt.
    pub fn try_acquire(&self, resources: impl IntoResources) -> Acquisition {
        Acquisition::new(self.clone(), resources.into_resources(), true)
    }

    /// Acquires, runs `routine` under the lock with automatic extension, and releases: see [`LockGuard::using`].
    pub async fn using<T>(
        &self,
        resources: impl IntoResources,
        routine: impl AsyncFnOnce(&LockGuard) -> T,
    ) -> Result<Used<T>, UsingError<T>> {
        self.acquire(resources).using(routine).await
    }

    /// Takes over a lock that was [detached](LockGuard::detach), in this process or another, after a quorum has confirmed that
    /// the ticket's token still holds it: one round trip.
    ///
    /// A ticket is to be adopted once: adopted twice, both guards are valid at the same time (see [`LockTicket`]).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let ticket = redlock.acquire("upload").await?.detach().await?;
    /// let guard = redlock.adopt(&ticket).await?; // as a rule in another process
    /// assert!(guard.is_valid());
    /// # guard.release().await; Ok(()) }
    /// ```
    pub async fn adopt(&self, ticket: &LockTicket) -> Result<LockGuard, AdoptError> {
        let fenced = ticket.fencing_token().is_some();
        let options = Options { ttl: ticket.ttl(), fenced, ..self.options().clone() };
        let (keys, terms) = self.check(ticket.resources(), &options)?;
        lock::adopt(self.shared(), keys, terms, ticket).await
    }

    /// The same for a lock that was acquired with a fencing token, which stays as it was.
    ///
    /// # Errors
    ///
    /// As [`adopt`](Self::adopt), and [`AdoptError::NotFenced`] where the lock has none; then nothing is sent.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let guard = redlock.acquire("upload").fenced().await?;
    /// let token = guard.fencing_token();
    /// let guard = redlock.adopt_fenced(&guard.detach().await?).await?;
    /// assert_eq!(guard.fencing_token(), token);
    /// # guard.release().await; Ok(()) }
    /// ```
    pub async fn adopt_fenced(&self, ticket: &LockTicket) -> Result<FencedGuard, AdoptError> {
        if ticket.fencing_token().is_none() {
            return Err(AdoptError::NotFenced);
        }
        lock::fenced(self.adopt(ticket).await?)
    }

    /// The names of the nodes.
    pub fn nodes(&self) -> Vec<NodeName> {
        self.shared().names().collect()
    }

    /// How many nodes there are, and how many must agree.
    pub fn quorum(&self) -> Quorum {
        self.shared().quorum()
    }

    /// Everything that can be known to be wrong before anything is sent.
    pub(crate) fn check(
        &self,
        resources: &[String],
        options: &Options,
    ) -> Result<(Keys, Terms), ConfigError> {
        let keys = self.shared().format.keys(resources)?;
        self.check_slots(&keys)?;
        if options.fenced {
            self.check_fence(&keys)?;
        }
        if let Some(twins) = self.shared().members.duplicate() {
            return Err(ConfigError::new(Parameter::Nodes, self.nodes(), twins.to_string()));
        }
        Ok((keys, Terms::of(options, self.0.limits)?))
    }

    /// Every node must keep counters, and on a cluster in the slot of the key.
    fn check_fence(&self, keys: &Keys) -> Result<(), ConfigError> {
        if let Some(node) = self.shared().nodes.capability_gap(Capabilities::FENCE) {
            let requirement = format!("must all know fencing tokens for a fenced lock, and {node} does not");
            return Err(ConfigError::new(Parameter::Nodes, self.nodes(), requirement));
        }
        let Some(cluster) = self.cluster() else { return Ok(()) };
        let Some(key) = keys.iter().find(|key| key.fence().slot() != key.slot()) else { return Ok(()) };
        let requirement = format!(
            "must have its fencing counter in its own hash slot, because {} is a cluster; leave the braces out, or make them a hash \
             tag, as in {{user:7}}:a",
            cluster.node(),
        );
        Err(ConfigError::new(Parameter::Resources, key, requirement))
    }

    /// A node that is a cluster.
    fn cluster(&self) -> Option<&Arc<dyn Backend>> {
        self.shared().nodes.iter().find(|node| node.capabilities().contains(Capabilities::SLOTS))
    }

    /// One command for several keys works on a cluster only within one hash slot.
    fn check_slots(&self, keys: &Keys) -> Result<(), ConfigError> {
        let Some(first) = keys.iter().next() else { return Ok(()) };
        let Some(other) = keys.iter().find(|key| key.slot() != first.slot()) else { return Ok(()) };
        let Some(cluster) = self.cluster() else { return Ok(()) };
        let requirement = format!(
            "must share a hash slot, because {} is a cluster, and {first} is in slot {}, {other} in slot {}; give them the same hash \
             tag, as in {{user:7}}:a and {{user:7}}:b",
            cluster.node(),
            first.slot(),
            other.slot(),
        );
        Err(ConfigError::new(Parameter::Resources, keys.as_slice(), requirement))
    }
}
