//! The N nodes of one deployment.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use super::fan_out::Epochs;
use super::{InFlight, Quorum, Tasks};
use crate::{Backend, Capabilities, Command, Epoch, NodeName};

/// The backends of one deployment, in a fixed order; a node is meant by its index. Cheap to clone.
#[derive(Clone)]
pub struct Nodes {
    backends: Arc<[Arc<dyn Backend>]>,
    epochs: Epochs,
    tasks: Tasks,
}

/// A set of nodes that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodesError {
    /// There are none.
    #[error(
        "no nodes were given: at least one is needed, and three or five for a quorum that survives a failure"
    )]
    Empty,
    /// Two bear the same name: one failure would cost two votes.
    #[error("node {0} was given twice: each node has one vote, so each must be a server of its own")]
    Duplicate(NodeName),
}

impl Nodes {
    /// Those backends, whose background work is counted by `tasks`.
    pub fn new<B: Backend>(backends: impl IntoIterator<Item = B>, tasks: Tasks) -> Result<Self, NodesError> {
        let erased = backends.into_iter().map(|backend| Arc::new(backend) as Arc<dyn Backend>);
        Self::from_dyn(erased.collect(), tasks)
    }

    /// Those backends, of any types.
    pub fn from_dyn(backends: Vec<Arc<dyn Backend>>, tasks: Tasks) -> Result<Self, NodesError> {
        if backends.is_empty() {
            return Err(NodesError::Empty);
        }
        let mut names: Vec<_> = backends.iter().map(Backend::node).collect();
        names.sort();
        let twin = names.windows(2).find_map(|pair| match pair {
            [a, b] if a == b => Some((*a).clone()),
            _ => None,
        });
        match twin {
            Some(name) => Err(NodesError::Duplicate(name)),
            None => Ok(Self { epochs: Epochs::of(backends.len()), backends: backends.into(), tasks }),
        }
    }

    /// How many nodes there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.backends.len()
    }

    /// How many of them must agree.
    pub fn quorum(&self) -> Quorum {
        Quorum::of(self.len())
    }

    /// The backends in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.backends.iter()
    }

    /// The name of the node with that index; empty for an index that does not exist.
    pub fn name(&self, node: usize) -> NodeName {
        self.backends.get(node).map_or_else(|| NodeName::new(""), |backend| backend.node().clone())
    }

    /// The latest connection to that node of which an answer was heard.
    pub(crate) fn epoch(&self, node: usize) -> Option<Epoch> {
        self.epochs.latest(node)
    }

    /// What every node can do.
    pub fn capability_gap(&self, wanted: Capabilities) -> Option<&NodeName> {
        self.iter().find(|backend| !backend.capabilities().contains(wanted)).map(Backend::node)
    }

    /// Sends `command` to every node. Each answers, or counts as timed out, by `deadline`.
    ///
    /// Nothing is sent before the result is first polled; its first poll sends to all nodes.
    pub fn send(&self, command: Command, deadline: Instant) -> InFlight {
        self.send_to(0..self.len(), command, deadline)
    }

    /// Sends `command` to some nodes.
    pub fn send_to(
        &self,
        nodes: impl IntoIterator<Item = usize>,
        command: Command,
        deadline: Instant,
    ) -> InFlight {
        let command = Arc::new(command);
        let calls = nodes.into_iter().filter_map(|node| {
            let backend = Arc::clone(self.backends.get(node)?);
            Some((node, backend))
        });
        InFlight::new(calls, &command, deadline, (self.tasks.clone(), self.epochs.clone()))
    }

    /// The background work of these nodes.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Backend::node)).finish()
    }
}
