//! What happens, told to whoever listens.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::{
    AcquireError, ExtendError, FencingToken, LossReason, NodeFault, NodeName, NodeProblem, NodeSetConflict,
    ReleaseOutcome, Withheld,
};

/// Something that happened to a lock or at a node.
///
/// Each may come to say more, so a listener matches with `..`.
///
/// Names of resources are for logs; a metric must not make labels of them. The tokens that prove the
/// ownership are in no event; fencing tokens are no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A lock was acquired.
    #[non_exhaustive]
    Acquired {
        /// What.
        resources: &'a [String],
        /// With how many attempts.
        attempts: u32,
        /// From the call to the win.
        waited: Duration,
        /// What remained of the lease at that moment.
        validity: Duration,
        /// How many rounds the attempt took that was won: 2 where the nodes had to be brought to one fencing token, else 1.
        rounds: u32,
        /// The fencing token, where the lock is fenced.
        fencing_token: Option<FencingToken>,
    },
    /// One attempt was lost, and rolled back.
    #[non_exhaustive]
    AttemptLost {
        /// What.
        resources: &'a [String],
        /// Which attempt, from 1.
        attempt: u32,
        /// Of what it failed.
        error: &'a AcquireError,
    },
    /// An acquisition failed for good.
    #[non_exhaustive]
    Failed {
        /// What.
        resources: &'a [String],
        /// With how many attempts.
        attempts: u32,
        /// Why.
        error: &'a AcquireError,
    },
    /// A lock was extended.
    #[non_exhaustive]
    Extended {
        /// What.
        resources: &'a [String],
        /// What remained of the validity when the extension was confirmed: how close it was.
        margin: Duration,
        /// What remains now.
        validity: Duration,
    },
    /// An extension was not confirmed; an automatic one is tried again until the lease ends.
    #[non_exhaustive]
    ExtensionFailed {
        /// What.
        resources: &'a [String],
        /// Why.
        error: &'a ExtendError,
    },
    /// A lock is not extended automatically any more.
    #[non_exhaustive]
    AutoExtensionStopped {
        /// What.
        resources: &'a [String],
        /// Why.
        why: StopReason,
    },
    /// A node that had lost the key of a held lock was given it back.
    #[non_exhaustive]
    RePlanted {
        /// What.
        resources: &'a [String],
        /// At which node.
        node: &'a NodeName,
    },
    /// A lock does not protect its holder any more, and the holder did not release it.
    #[non_exhaustive]
    Lost {
        /// What.
        resources: &'a [String],
        /// Why.
        reason: LossReason,
    },
    /// A lock was released.
    #[non_exhaustive]
    Released {
        /// What.
        resources: &'a [String],
        /// What became of it, node by node.
        outcome: &'a ReleaseOutcome,
        /// For how long it was held.
        held: Duration,
    },
    /// A guard was dropped where its release could not be sent any more: the lock ends with its ttl.
    #[non_exhaustive]
    Orphaned {
        /// What.
        resources: &'a [String],
    },
    /// A release was given up at one node: it has not confirmed it for as long as its lease could last, or too many were
    /// waiting for it. What is left there ends with its ttl.
    #[non_exhaustive]
    ReleaseUnconfirmed {
        /// Where.
        node: NodeName,
    },
    /// At `build()`: an even number of nodes tolerates no more failures than one node less.
    #[non_exhaustive]
    EvenNodes {
        /// How many.
        nodes: usize,
    },
    /// A node is not what a quorum needs: it is another's twin, a replica, or evicts keys. Told once for each problem, from what
    /// the nodes say of themselves at each new connection.
    #[non_exhaustive]
    NodeProblem {
        /// Which node, and what is wrong.
        problem: &'a NodeProblem,
    },
    /// The grants of a node do not count for now: it may have forgotten a lock that is still held. Told once for each reason;
    /// what the nodes wait for in a new deployment, of which some have not answered yet, is told too.
    #[non_exhaustive]
    VotesWithheld {
        /// Which node, why, and for how long.
        withheld: &'a Withheld,
    },
    /// The grants of a node that were withheld count again.
    #[non_exhaustive]
    VotesCount {
        /// Which.
        node: &'a NodeName,
    },
    /// Another client locks on a set of nodes that is not safe together with this one.
    #[non_exhaustive]
    NodeSetConflict {
        /// Which set, and for how long it counts.
        conflict: &'a NodeSetConflict,
    },
    /// A node did not answer a command as it should.
    #[non_exhaustive]
    NodeFault {
        /// Where, and what.
        fault: &'a NodeFault,
        /// The command's name.
        command: &'static str,
    },
}

/// Why an automatic extension ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// The lock has been held for `max_hold`.
    MaxHold,
    /// The runtime that served it shut down; the next acquisition of the same `Redlock` takes it up again.
    RuntimeGone,
}

/// Listens to [`Event`]s. Called on the path of the operation and outside of any lock, so it should be quick; a panic in it
/// is caught and harms nothing.
///
/// ```
/// use redlock_core::{Event, Observer};
/// #[derive(Debug)]
/// struct Losses;
/// impl Observer for Losses {
///     fn event(&self, event: &Event<'_>) {
///         if let Event::Lost { resources, reason, .. } = event {
///             eprintln!("lost {resources:?}: {reason}");
///         }
///     }
/// }
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Takes note of an event.
    fn event(&self, event: &Event<'_>);
}

/// An observer, or none: nothing is built where nobody listens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers(pub(crate) Option<Arc<dyn Observer>>);

impl Observers {
    pub(crate) fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observer) = &self.0 {
            // A listener that panics must not break a lock; its own panic hook has told of it.
            let _ = catch_unwind(AssertUnwindSafe(|| observer.event(&event())));
        }
    }
}
