//! Whether the nodes are what a quorum needs: servers of their own, which take writes and keep them.

use std::fmt;

use crate::{
    BackendError, Capabilities, Description, NodeFault, NodeName, NodeSetConflict, Redlock, Role, Withheld,
};

/// What the nodes say about themselves, and what of it is wrong.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// The nodes that answered, in the order of the builder.
    pub nodes: Vec<(NodeName, Description)>,
    /// What endangers the locks, or may.
    pub problems: Vec<NodeProblem>,
    /// Nodes that did not answer as they should, of which nothing is known.
    pub faults: Vec<NodeFault>,
    /// Nodes whose backend cannot describe them.
    pub skipped: Vec<NodeName>,
    /// Nodes whose grants do not count for now, since they may have forgotten a lock.
    pub withheld: Vec<Withheld>,
    /// A set of nodes in use by another client that is not safe together with this one.
    pub node_sets: Option<NodeSetConflict>,
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeProblem {
    /// Two nodes are the same server, under two addresses or as two of its databases: one failure costs two votes, and a
    /// quorum is none.
    Duplicate {
        /// The one.
        first: NodeName,
        /// The other.
        second: NodeName,
    },
    /// The node is a replica: it takes no writes.
    Replica {
        /// Which.
        node: NodeName,
    },
    /// The node was a replica and was promoted: it may lack locks that its master had granted.
    Promoted {
        /// Which.
        node: NodeName,
    },
    /// The node deletes keys when its memory is short, and locks are keys.
    Evicts {
        /// Which.
        node: NodeName,
        /// Its policy; `noeviction` is the one that keeps locks.
        policy: String,
    },
    /// The node does not tell which server it is: nobody can know whether it is another's twin.
    Anonymous {
        /// Which.
        node: NodeName,
    },
}

impl Verification {
    /// Whether every node answered, none has a problem, and the votes of all count.
    pub fn is_sound(&self) -> bool {
        let all_told = self.faults.is_empty() && self.skipped.is_empty();
        all_told && self.problems.is_empty() && self.withheld.is_empty() && self.node_sets.is_none()
    }

    /// What is wrong with nodes that say this of themselves.
    pub(crate) fn of(nodes: Vec<(NodeName, Description)>) -> Self {
        let mut found = Self { nodes, ..Self::default() };
        found.judge();
        found
    }

    fn judge(&mut self) {
        for (index, (node, said)) in self.nodes.iter().enumerate() {
            let twin = self
                .nodes
                .iter()
                .take(index)
                .find(|(_, other)| said.run_id.is_some() && other.run_id == said.run_id);
            if let Some((first, _)) = twin {
                let (first, second) = (first.clone(), node.clone());
                self.problems.push(NodeProblem::Duplicate { first, second });
            }
            self.problems.extend(problems(node, said));
        }
    }
}

fn problems(node: &NodeName, said: &Description) -> impl Iterator<Item = NodeProblem> {
    let node = || node.clone();
    let role = match said.role {
        Some(Role::Replica) => Some(NodeProblem::Replica { node: node() }),
        Some(Role::Promoted) => Some(NodeProblem::Promoted { node: node() }),
        Some(Role::Master) | None => None,
    };
    let policy = said.eviction.clone().filter(|policy| policy != "noeviction");
    let evicts = policy.map(|policy| NodeProblem::Evicts { node: node(), policy });
    let anonymous = said.run_id.is_none().then(|| NodeProblem::Anonymous { node: node() });
    [role, evicts, anonymous].into_iter().flatten()
}

impl Redlock {
    /// Asks every node who it is, and says what a quorum of them cannot stand on: above all two nodes that are one server.
    /// Addresses cannot tell that (`localhost` and `127.0.0.1`), and [`build`](crate::RedlockBuilder::build) asks nobody.
    ///
    /// Each node is also asked in the background at each new connection, where a problem is told to the observer
    /// ([`Event::NodeProblem`](crate::Event::NodeProblem)), and acquisitions are refused as long as two nodes are known to be one
    /// server. This asks at once, and waits: worth calling when a process starts.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use redlock_core::Redlock;
    /// # use redlock_memory::MemoryNode;
    /// # let redlock = Redlock::builder().nodes(MemoryNode::cluster(3)).build()?;
    /// let found = redlock.verify_nodes().await;
    /// for problem in &found.problems {
    ///     eprintln!("{problem}");
    /// }
    /// assert!(found.is_sound());
    /// # Ok(()) }
    /// ```
    pub async fn verify_nodes(&self) -> Verification {
        let shared = self.shared();
        let mut found = Verification::default();
        shared.ask_all(self.node_timeout()).await;
        for (node, backend) in shared.nodes.iter().enumerate() {
            let name = backend.node().clone();
            match shared.members.told(node) {
                _ if !backend.capabilities().contains(Capabilities::DESCRIBE) => found.skipped.push(name),
                Some(Ok(description)) => found.nodes.push((name, description)),
                Some(Err(error)) => found.faults.push(NodeFault::new(name, error)),
                None => found.faults.push(NodeFault::new(name, BackendError::timeout())),
            }
        }
        found.withheld = shared.members.all_withheld(shared.now());
        found.node_sets = shared.members.conflict(shared.now());
        found.judge();
        found
    }
}

impl fmt::Display for NodeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate { first, second } => {
                write!(
                    f,
                    "{first} and {second} are one server: each node has one vote, so each must be a server of its own"
                )
            }
            Self::Replica { node } => {
                write!(f, "{node} is a replica: it takes no writes; name a master instead")
            }
            Self::Promoted { node } => {
                write!(f, "{node} was promoted from a replica: it may lack locks that its master had granted")
            }
            Self::Evicts { node, policy } => write!(
                f,
                "{node} evicts keys ({policy}), and locks with them: set maxmemory-policy to noeviction there"
            ),
            Self::Anonymous { node } => {
                write!(
                    f,
                    "{node} does not tell its run_id: grant INFO, so that a server named twice can be found"
                )
            }
        }
    }
}
