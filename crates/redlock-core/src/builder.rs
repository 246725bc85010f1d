use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::lease::Registry;
use crate::observer::Observers;
use crate::options::{Limits, Options, Terms};
use crate::quorum::{Drift, Nodes, Tasks};
use crate::restart::Members;
use crate::shared::Shared;
use crate::unconfirmed::Unconfirmed;
use crate::wall_clock::Candidates;
use crate::{
    Backend, BootClock, Capabilities, Clock, ConfigError, Entropy, Event, Holder, KeyFormat, NodeName,
    NodeSetPolicy, Observer, OsEntropy, Parameter, Redlock, RestartGuard, RetryPolicy, SystemWallClock,
    WallClock,
};

/// Builds a [`Redlock`]. All values are checked, and against each other, at [`build`](Self::build).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use redlock_core::{KeyFormat, Redlock};
/// use redlock_memory::MemoryNode;
/// let redlock = Redlock::builder()
///     .nodes(MemoryNode::cluster(5))
///     .key_format(KeyFormat::prefixed("billing")?)
///     .ttl(Duration::from_secs(10))
///     .holder_name("invoice-run")
///     .build()?;
/// # let _ = redlock; Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until build() is called"]
pub struct RedlockBuilder {
    nodes: Vec<NodeBox>,
    format: KeyFormat,
    options: Options,
    drift_factor: Option<f64>,
    max_ttl: Option<Duration>,
    max_clock_skew: Option<Duration>,
    guard: RestartGuard,
    node_sets: NodeSetPolicy,
    fence_retention: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
    wall_clock: Option<Arc<dyn WallClock>>,
    entropy: Option<Arc<dyn Entropy>>,
    observer: Option<Arc<dyn Observer>>,
}

impl RedlockBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Vec::new(),
            format: KeyFormat::default(),
            options: Options::default(),
            drift_factor: None,
            max_ttl: None,
            max_clock_skew: None,
            guard: RestartGuard::default(),
            node_sets: NodeSetPolicy::default(),
            fence_retention: None,
            clock: None,
            wall_clock: None,
            entropy: None,
            observer: None,
        }
    }

    /// Adds a node. Each node is one vote, so each must be a server of its own.
    pub fn node(mut self, node: impl Backend) -> Self {
        self.nodes.push(NodeBox(Arc::new(node)));
        self
    }

    /// Adds several nodes.
    pub fn nodes<B: Backend>(self, nodes: impl IntoIterator<Item = B>) -> Self {
        nodes.into_iter().fold(self, Self::node)
    }

    /// How a resource becomes a key. Default: `redlock:{resource}`.
    pub fn key_format(mut self, format: KeyFormat) -> Self {
        self.format = format;
        self
    }

    /// The lease where an acquisition chooses none. Default: 30 s.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.ttl = ttl;
        self
    }

    /// The longest lease that may be asked for; the same for all clients of a deployment. Default: 5 minutes.
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = Some(max_ttl);
        self
    }

    /// How far the wall clocks of clients and nodes may be apart; the same for all clients of a deployment. No lock's validity
    /// depends on it: it bounds how far ahead of a node's clock a fencing token may be, and is a part of the time for which a
    /// node that may have forgotten is not counted. Default: 1 s.
    pub fn max_clock_skew(mut self, skew: Duration) -> Self {
        self.max_clock_skew = Some(skew);
        self
    }

    /// What is done about nodes that restart and may have forgotten a lock; the same for all clients of a deployment. Default:
    /// [`RestartGuard::Member`].
    pub fn restart_guard(mut self, guard: RestartGuard) -> Self {
        self.guard = guard;
        self
    }

    /// What is done where another client locks on a set of nodes that is not safe together with this one. Default:
    /// [`NodeSetPolicy::Refuse`].
    ///
    /// Clients tell each other by way of the nodes: one that shares no node with this client cannot be seen. With
    /// [`RestartGuard::Off`] nobody tells and nobody looks.
    pub fn node_set_policy(mut self, policy: NodeSetPolicy) -> Self {
        self.node_sets = policy;
        self
    }

    /// How long a node keeps a fencing counter after its last use. Tokens go on rising where it is forgotten then, as long as the
    /// clients' wall clocks do; before that, whatever they do. At least `max_ttl` and `max_clock_skew` together. Default: 24 h.
    pub fn fence_retention(mut self, retention: Duration) -> Self {
        self.fence_retention = Some(retention);
        self
    }

    /// How far clocks may run apart, as a share of the ttl, at least 0 and below 1. Default: 0.01.
    pub fn drift_factor(mut self, factor: f64) -> Self {
        self.drift_factor = Some(factor);
        self
    }

    /// How long one node may take to answer one command. Default: a twentieth of the ttl.
    pub fn node_timeout(mut self, limit: Duration) -> Self {
        self.options.node_timeout = Some(limit);
        self
    }

    /// Retries, delay and jitter of an `acquire`. Default: 10 times, 200 ms ± 100 ms.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.options.contended = policy;
        self
    }

    /// Another policy where too few nodes answered, or too late. Default: the same.
    pub fn retry_unreachable(mut self, policy: RetryPolicy) -> Self {
        self.options.unreachable = Some(policy);
        self
    }

    /// The time limit of a whole acquisition; with one, the number of retries does not count. Default: none.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.options.deadline = Some(limit);
        self
    }

    /// The remaining validity below which an automatic extension is sent. Default: a third of the
    /// validity that the ttl gives.
    pub fn extend_threshold(mut self, threshold: Duration) -> Self {
        self.options.extend_threshold = Some(threshold);
        self
    }

    /// For how long an automatic extension may go on, `None` for ever. Default: one hour.
    pub fn max_hold(mut self, hold: Option<Duration>) -> Self {
        self.options.max_hold = hold;
        self
    }

    /// Text before the random bits of each token. Default: none.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.label = label.into();
        self
    }

    /// The holder's name, told to whoever is refused. Default: none, only host and process.
    pub fn holder_name(mut self, name: impl Into<String>) -> Self {
        self.options.holder.get_or_insert_default().name = Some(name.into());
        self
    }

    /// All that is told about the holder; `None` keeps even host and process secret. Default: [`Holder::this_process`].
    pub fn holder(mut self, holder: Option<Holder>) -> Self {
        self.options.holder = holder;
        self
    }

    /// The clock by which validity is counted. Default: [`BootClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// The clock with which fencing tokens begin. No lock's validity depends on it. Default: [`SystemWallClock`].
    pub fn wall_clock(mut self, clock: impl WallClock) -> Self {
        self.wall_clock = Some(Arc::new(clock));
        self
    }

    /// Where tokens and jitter come from. Default: [`OsEntropy`].
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Some(Arc::new(entropy));
        self
    }

    /// Who is told what happens. Default: nobody.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Checks everything. Nothing is sent, and no connection made.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the parameter, its value and what is required of it.
    pub fn build(self) -> Result<Redlock, ConfigError> {
        let limits = self.limits()?;
        Terms::of(&self.options, limits)?;
        let nodes = self.checked_nodes()?;
        let observers = Observers(self.observer);
        if nodes.len().is_multiple_of(2) {
            observers.emit(|| Event::EvenNodes { nodes: nodes.len() });
        }
        let clock = self.clock.unwrap_or_else(|| Arc::new(BootClock::new()));
        let shared = Shared {
            members: Members::new(self.guard, self.node_sets, limits, &nodes),
            unconfirmed: Unconfirmed::new(nodes.len()),
            nodes,
            format: self.format,
            registry: Registry::new(Arc::clone(&clock)),
            clock,
            candidates: Candidates::new(self.wall_clock.unwrap_or_else(|| Arc::new(SystemWallClock))),
            entropy: self.entropy.unwrap_or_else(|| Arc::new(OsEntropy)),
            observers,
            closed: CancellationToken::new(),
        };
        Ok(Redlock::new(shared, self.options, limits))
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        let mut limits = Limits::default();
        if let Some(factor) = self.drift_factor {
            limits.drift = Drift::from_factor(factor).map_err(|_| {
                ConfigError::new(Parameter::DriftFactor, factor, "must be at least 0 and below 1")
            })?;
        }
        if let Some(max_ttl) = self.max_ttl {
            limits.max_ttl = max_ttl;
        }
        if let Some(skew) = self.max_clock_skew {
            limits.max_clock_skew = skew;
        }
        if let Some(retention) = self.fence_retention {
            limits.fence_retention = retention;
        }
        limits.check()?;
        Ok(limits)
    }

    fn checked_nodes(&self) -> Result<Nodes, ConfigError> {
        let backends: Vec<_> = self.nodes.iter().map(|node| Arc::clone(&node.0)).collect();
        let names: Vec<NodeName> = backends.iter().map(|backend| backend.node().clone()).collect();
        let refuse = |requirement: String| ConfigError::new(Parameter::Nodes, &names, requirement);
        let nodes = Nodes::from_dyn(backends, Tasks::default()).map_err(|error| refuse(error.to_string()))?;
        match nodes.capability_gap(Capabilities::LOCK) {
            None => {}
            Some(node) => {
                return Err(refuse(format!("must all know the lock commands, and {node} does not")));
            }
        }
        match self.unguardable(&nodes) {
            None => Ok(nodes),
            Some(node) => Err(refuse(format!(
                "must all tell whether they have restarted, or be durable, and {node} claims neither \"describe + member\" nor \
                 \"durable\": use a backend that does, or choose RestartGuard::Off"
            ))),
        }
    }

    /// A node of which nobody could know whether it has forgotten.
    fn unguardable(&self, nodes: &Nodes) -> Option<NodeName> {
        let tells = Capabilities::DESCRIBE | Capabilities::MEMBER;
        let able = |can: Capabilities| can.contains(tells) || can.contains(Capabilities::DURABLE);
        let unable = nodes.iter().find(|node| !able(node.capabilities()));
        unable.filter(|_| self.guard != RestartGuard::Off).map(|node| node.node().clone())
    }
}

/// A backend need not be `Debug`; its name says enough.
struct NodeBox(Arc<dyn Backend>);

impl std::fmt::Debug for NodeBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.0.node(), f)
    }
}
