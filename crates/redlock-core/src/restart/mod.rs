//! Nodes that restart and forget, and clients that lock on different sets of nodes.
//!
//! [`standing`] decides whether a node's granting votes count, and [`node_set`] whether two sets of nodes are safe together,
//! both without I/O and without a clock; [`members`] and [`known`] remember what was said over which connection; [`ask`] asks
//! the nodes; and a [`Ballot`] holds the grants of one round whose worth is not known yet.

mod ask;
mod ballot;
mod bell;
mod fresh;
mod hold_off;
mod known;
mod mark;
mod members;
mod node_set;
mod policy;
mod sets;
mod standing;

pub(crate) use ballot::{Ballot, Step};
pub(crate) use members::Members;
pub use node_set::{NodeSetConflict, NodeSetPolicy};
pub use policy::{RestartGuard, Withheld, WithheldReason};
