//! The quorum algorithm: send a command to all nodes, fold their replies, decide.
//!
//! The mutex uses nothing else, and a primitive of your own can stand on the same parts:
//!
//! - [`Quorum`] says how many of N nodes are enough, [`Drift`] how much of a ttl may be believed.
//! - [`Round`] is the decision, without I/O and without a clock: votes in, a [`Decision`] out.
//! - [`Nodes`] holds the backends; [`Nodes::send`] starts one command on all of them at once and returns [`InFlight`],
//!   from which the replies come in the order of their arrival.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use redlock_core::quorum::{Nodes, Quorum, Tasks};
//! use redlock_core::{Inspect, Key, Keys, KeyState, LockCommand, LockReply};
//! use redlock_memory::MemoryNode;
//!
//! // On how many nodes is this key free? Decided as soon as a quorum says so.
//! let nodes = Nodes::new(MemoryNode::cluster(3), Tasks::default())?;
//! let command = LockCommand::Inspect(Inspect::new(Keys::of(Key::new("redlock:a"))));
//! let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
//! let mut replies = nodes.send(command.into(), deadline);
//! let mut free = 0;
//! while let Some((_node, reply)) = replies.next().await {
//!     if let Ok(LockReply::Inspected(states)) = reply.and_then(|reply| reply.into_lock()) {
//!         free += usize::from(states == [KeyState::Free]);
//!     }
//!     if free >= Quorum::of(nodes.len()).needed() {
//!         break; // the others go on in the background, and are never dropped half-sent
//!     }
//! }
//! assert_eq!(free, 2);
//! # Ok(()) }
//! ```

mod drift;
mod fan_out;
mod nodes;
mod round;
mod tasks;

pub use drift::{Drift, DriftError};
pub use fan_out::InFlight;
pub use nodes::{Nodes, NodesError};
pub use round::{Decision, Loss, Quorum, Round, Vote};
pub use tasks::Tasks;
