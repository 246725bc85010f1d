//! A [`redlock_core`] node on the [`fred`](https://docs.rs/fred) crate: one client, one vote.
//!
//! ```no_run
//! use std::time::Duration;
//! use redlock_core::{Acquire, Backend, Command, Key, Keys, LockCommand, LockReply, LockValue, Ttl};
//! use redlock_fred::FredNode;
//! use tokio::time::Instant;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = FredNode::from_url("redis://127.0.0.1:6379")?;
//! let value = LockValue::compose("", [7; 16], None);
//! let acquire = Acquire::new(Keys::of(Key::new("lock:report")), value, Ttl::SECOND);
//! let deadline = Instant::now() + Duration::from_millis(50);
//! let reply = node.execute(&Command::from(LockCommand::Acquire(acquire)), deadline).await?;
//! if let LockReply::Granted(_) = reply.into_lock()? {
//!     println!("one vote of {}", node.node());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The client is the node's own ([`FredNode::from_url`]), or one that a program has already
//! ([`FredNode::from_client`], [`FredNode::from_pool`]). What a node does with it:
//!
//! - It sends each command once, with one attempt and failing fast, also over a client that replays by its own settings.
//!   The one resend is of a script that the server does not know.
//! - It keeps order. fred takes commands into its queue at their first poll, and writes them in the order of the queue. While
//!   there is no connection they wait in the node, each no longer than its own deadline, and after a failed attempt they
//!   fail at once until the client is connected.
//! - It meets each connection that the client makes before it sends anything over it: it asks who the server is, and
//!   `CLIENT KILL ID` ends the connection before on the server's side, where the user may do that and the server is still
//!   the same process. Otherwise a lock that was given up could be taken late, and stay until its ttl. fred tells of the end
//!   of a connection before it writes over the next one, with one exception: where other users of a shared client call
//!   `force_reconnection`, what was sent in the same moment may come before `CLIENT KILL`. Then, on a cluster, and without
//!   the right to kill, a release that was not confirmed is repeated by [`Redlock`](redlock_core::Redlock) until the ttl is
//!   past.
//! - It leaves a connection that has been silent over several timeouts in a row, by `force_reconnection`: a middlebox that
//!   drops packets ends no connection, and fred never leaves such a one by itself. A client of its own also resets its
//!   connections (`SO_LINGER` 0) rather than closing them, since the kernel goes on delivering what a closed socket has
//!   sent.
//! - An answer that comes while the connection is replaced is taken for none: fred does not say over which of its
//!   connections an answer came.
//!
//! With TLS (`rediss://`; features `tls-rustls-ring`, `tls-rustls-aws-lc`) a server shows that it is the host of the URL; one
//! that a cluster or a sentinel names shows that it is the name or the address that was told.
//!
//! A cluster is one vote, and no more reliable than one server: its replicas may learn of a lock too late to keep it through
//! a failover. It claims [`Capabilities::SLOTS`](redlock_core::Capabilities::SLOTS), and answers no admin commands, which are
//! about one server; so a `Redlock` with such a node has to be built with
//! [`RestartGuard::Off`](redlock_core::RestartGuard::Off). When a slot has moved, the command that finds it out fails and the next one is sent to the new place:
//! to fred, following `MOVED` is a further attempt.

mod builder;
mod call;
mod convert;
mod events;
mod line;
mod meeting;
mod node;
mod silence;
mod ticket;
mod tls;
mod url;

pub use builder::FredNodeBuilder;
pub use node::FredNode;
#[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
pub use redlock_tls::{Cryptography, Tls, TlsConfigError};
pub use url::NodeConfigError;
