//! What all locks of one `Redlock` share.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::lease::Registry;
use crate::observer::Observers;
use crate::quorum::{InFlight, Nodes, Quorum};
use crate::restart::Members;
use crate::unconfirmed::Unconfirmed;
use crate::wall_clock::Candidates;
use crate::{
    BackendError, Clock, Command, Entropy, Event, FaultKind, KeyFormat, Moment, NodeFault, NodeName, Reply,
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) nodes: Nodes,
    pub(crate) format: KeyFormat,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) candidates: Candidates,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) observers: Observers,
    pub(crate) registry: Arc<Registry>,
    pub(crate) closed: CancellationToken,
    /// Who the nodes are, over their present connections, and whether their votes count.
    pub(crate) members: Members,
    /// Releases that are being repeated.
    pub(crate) unconfirmed: Unconfirmed,
}

impl Shared {
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn quorum(&self) -> Quorum {
        self.nodes.quorum()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = NodeName> {
        self.nodes.iter().map(|backend| backend.node().clone())
    }

    /// Sends to all nodes; each has `limit` to answer.
    pub(crate) fn send(&self, command: impl Into<Command>, limit: Duration) -> InFlight {
        self.nodes.send(command.into(), deadline(limit))
    }

    /// Sends to some nodes; each has `limit` to answer.
    pub(crate) fn send_to(
        &self,
        nodes: impl IntoIterator<Item = usize>,
        command: impl Into<Command>,
        limit: Duration,
    ) -> InFlight {
        self.nodes.send_to(nodes, command.into(), deadline(limit))
    }

    /// Leaves what is still to come to the background, where it is awaited to tell the observer of faults: a minority that
    /// never answers in time is a failure that somebody must hear of before the second one.
    pub(crate) fn leave(self: &Arc<Self>, in_flight: InFlight, command: &'static str) {
        if self.observers.0.is_some() {
            self.leave_to(in_flight, command, |_, _| {});
        }
    }

    /// The same, where each answer is told to `heard`.
    pub(crate) fn leave_to(
        self: &Arc<Self>,
        mut in_flight: InFlight,
        command: &'static str,
        heard: impl Fn(usize, &Result<Reply, BackendError>) + Send + 'static,
    ) {
        if in_flight.is_settled() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let shared = Arc::clone(self);
        let rest = async move {
            while let Some((node, reply)) = in_flight.next().await {
                heard(node, &reply);
                if let Err(error) = reply {
                    shared.fault(node, error, command);
                }
            }
        };
        self.nodes.tasks().spawn(&runtime, rest);
    }

    /// Names the node of a fault, and tells the observer.
    pub(crate) fn fault(&self, node: usize, error: BackendError, command: &'static str) -> NodeFault {
        if error.kind() == FaultKind::ReadOnly {
            // It has become a replica over the connection over which it was a master: what is promoted later is not what counted.
            self.members.doubt(node);
        }
        let fault = NodeFault::new(self.nodes.name(node), error);
        self.observers.emit(|| Event::NodeFault { fault: &fault, command });
        fault
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.registry.close();
        self.members.close();
    }
}

pub(crate) fn deadline(limit: Duration) -> Instant {
    let now = Instant::now();
    // Limits are checked to be far below what overflows; the fallback is a deadline that has passed.
    now.checked_add(limit).unwrap_or(now)
}
