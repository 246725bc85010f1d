//! What can be wrong with what a user asked for.

use std::fmt::{self, Debug, Display};

/// A parameter that cannot be used: its name, its value, and what is required of it. Found before anything is sent.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use redlock_core::{Parameter, Redlock};
/// use redlock_memory::MemoryNode;
/// let error = Redlock::builder().nodes(MemoryNode::cluster(3)).ttl(Duration::ZERO).build().unwrap_err();
/// assert_eq!(error.parameter(), Parameter::Ttl);
/// assert_eq!(error.to_string(), "ttl is 0ns: must be at least 1ms");
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {value}: {requirement}")]
pub struct ConfigError {
    parameter: Parameter,
    value: String,
    requirement: String,
}

impl ConfigError {
    pub(crate) fn new(parameter: Parameter, value: impl Debug, requirement: impl Into<String>) -> Self {
        Self { parameter, value: shortened(format!("{value:?}")), requirement: requirement.into() }
    }

    /// Which parameter.
    pub fn parameter(&self) -> Parameter {
        self.parameter
    }

    /// Its value, as `Debug` shows it; the beginning of one that is very long.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is required of it, with the bound and, where there is one, the remedy.
    pub fn requirement(&self) -> &str {
        &self.requirement
    }
}

/// A value may be wrong because it is huge, and a message must not be.
fn shortened(mut value: String) -> String {
    if let Some((end, _)) = value.char_indices().nth(MOST_SHOWN) {
        value.truncate(end);
        value.push('…');
    }
    value
}

const MOST_SHOWN: usize = 300;

impl Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConfigError({self})")
    }
}

/// The parameters of a builder and of an acquisition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Parameter {
    /// The set of nodes.
    Nodes,
    /// The key prefix.
    Prefix,
    /// The list of resources, or one of them.
    Resources,
    /// The lease.
    Ttl,
    /// The longest lease of the deployment.
    MaxTtl,
    /// How far wall clocks may be apart.
    MaxClockSkew,
    /// How long fencing counters outlive their locks.
    FenceRetention,
    /// What the wall clock says.
    WallClock,
    /// The drift factor.
    DriftFactor,
    /// The time limit of one call to a node.
    NodeTimeout,
    /// The remaining validity below which an extension is sent.
    ExtendThreshold,
    /// The longest time for which a lock is extended automatically.
    MaxHold,
    /// The time limit of a whole acquisition.
    Deadline,
    /// The delay between attempts, with its jitter.
    RetryDelay,
    /// The text before the random bits of a token.
    Label,
    /// The holder's name, or that of its host.
    HolderName,
}

impl Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodes => "nodes",
            Self::Prefix => "prefix",
            Self::Resources => "resources",
            Self::Ttl => "ttl",
            Self::MaxTtl => "max_ttl",
            Self::MaxClockSkew => "max_clock_skew",
            Self::FenceRetention => "fence_retention",
            Self::WallClock => "wall_clock",
            Self::DriftFactor => "drift_factor",
            Self::NodeTimeout => "node_timeout",
            Self::ExtendThreshold => "extend_threshold",
            Self::MaxHold => "max_hold",
            Self::Deadline => "deadline",
            Self::RetryDelay => "retry_delay",
            Self::Label => "label",
            Self::HolderName => "holder_name",
        })
    }
}
