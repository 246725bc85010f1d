//! What a user chooses, and is told.

use std::fmt;
use std::time::Duration;

use crate::NodeName;

/// What is done about nodes that restart and may have forgotten a lock that is still held. The same for all clients of a
/// deployment.
///
/// A node's grant counts only when it is known not to have forgotten anything that is still held, and so does its
/// acknowledgement of an extension. A node whose votes are withheld is asked all the same, and serves releases. It costs a round
/// trip or two at each new connection, and nothing afterwards.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_core::{AcquireError, Redlock, RestartGuard, WithheldReason};
/// use redlock_memory::MemoryNode;
/// let nodes = MemoryNode::cluster(3);
/// let build = || Redlock::builder().nodes(nodes.clone()).restart_guard(RestartGuard::Member).build();
/// let guard = build()?.acquire("orders").await?;
///
/// // Two nodes forget the lock; a process that starts now would find them free.
/// nodes[0].restart();
/// nodes[1].restart();
/// match build()?.try_acquire("orders").await {
///     Err(AcquireError::NoQuorum(error)) => {
///         assert!(matches!(error.withheld[0].reason, WithheldReason::Restarted { .. }));
///         println!("{error}");
///     }
///     other => panic!("{other:?}"),
/// }
/// # drop(guard); Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestartGuard {
    /// A marker on each node names the run of the process that has not forgotten: the default. A node counts if its marker names
    /// its present run; if it is durable (`appendonly yes` with `appendfsync always`), has no replica that could take its place, and
    /// its marker is still there; or if it has been up for the hold-off: `max_ttl`, its drift, `max_clock_skew`, and two seconds
    /// (and three times `max_clock_skew` at the least). Where *all* nodes answer and none of them counts, the deployment is new,
    /// and all are marked and counted at once.
    #[default]
    Member,
    /// A node counts when it has been up for the hold-off. Durable or not, a new deployment has to wait.
    Strict,
    /// Every node counts at once. A node that restarts without its data may then grant a lock that another client still holds.
    Off,
}

/// A node whose grants do not count at present.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Withheld {
    /// Which.
    pub node: NodeName,
    /// Why.
    pub reason: WithheldReason,
    /// Until they count, if it goes on as it is; `None` where time alone does not decide.
    pub remaining: Option<Duration>,
    /// The nodes that have not answered, where the deployment looks new: if these, too, are new, all count at once.
    pub waits_for: Vec<NodeName>,
}

/// Why a node's grants do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WithheldReason {
    /// It started not long ago, and nothing shows that it kept its data.
    #[non_exhaustive]
    Restarted {
        /// Since when it is up, where it tells a time that can be.
        uptime: Option<Duration>,
    },
    /// It was a replica, and may lack what its master had granted.
    Promoted,
    /// It is a replica.
    Replica,
    /// Its marker is gone or another, though its process is the same: everything was deleted (`FLUSHALL`), or copied from
    /// another server.
    Emptied,
    /// It does not tell which run of its process answers (`INFO` is refused): each connection may be to a new one.
    Unidentified,
}

impl fmt::Display for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: withheld: ", self.node)?;
        if let WithheldReason::Restarted { uptime: Some(uptime) } = self.reason {
            write!(f, "started {uptime:.0?} ago")?;
        }
        f.write_str(match self.reason {
            WithheldReason::Restarted { uptime: Some(_) } => ", and nothing shows that it kept its data",
            WithheldReason::Restarted { uptime: None } => {
                "may have restarted (its uptime cannot be), and nothing shows that it kept its data"
            }
            WithheldReason::Promoted => "a promoted replica, which may lack its master's locks",
            WithheldReason::Replica => "a replica",
            WithheldReason::Emptied => "its data was deleted or replaced while it ran",
            WithheldReason::Unidentified => {
                "does not tell its run_id, so each connection may be to a restarted server"
            }
        })?;
        if let Some(remaining) = self.remaining {
            write!(f, "; counts in {remaining:.0?}")?;
        }
        f.write_str(match self.reason {
            WithheldReason::Restarted { .. } => {
                ", or at once with appendonly yes, appendfsync always and no replica"
            }
            WithheldReason::Unidentified => "; grant INFO, or choose RestartGuard::Off",
            WithheldReason::Promoted | WithheldReason::Replica | WithheldReason::Emptied => "",
        })?;
        if let [first, rest @ ..] = self.waits_for.as_slice() {
            write!(f, "; if this is a new deployment, it waits for {first}")?;
            rest.iter().try_for_each(|node| write!(f, ", {node}"))?;
        }
        Ok(())
    }
}
