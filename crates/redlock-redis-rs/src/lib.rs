//! A [`redlock_core`] node on the [`redis`](https://docs.rs/redis) crate: one Redis or Valkey server, one multiplexed
//! connection, one vote.
//!
//! ```no_run
//! use std::time::Duration;
//! use redlock_core::{Acquire, Backend, Command, Key, Keys, LockCommand, LockReply, LockValue, Ttl};
//! use redlock_redis_rs::RedisNode;
//! use tokio::time::Instant;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let node = RedisNode::from_url("redis://127.0.0.1:6379")?;
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
//! What a node does about its connection:
//!
//! - It connects at the first command. Commands that come meanwhile wait in a queue, each no longer than its own
//!   deadline, and are sent in the order in which they came.
//! - A connection that ended is replaced at the next command, and one that has been silent over several timeouts in a
//!   row too: a middlebox that drops packets ends no connection. Nothing is ever sent twice, but for a script that the
//!   server does not know.
//! - A connection that is replaced is reset (`SO_LINGER` 0) rather than closed, since the kernel goes on delivering what
//!   a closed socket has sent; and before anything else is sent over the new one, `CLIENT KILL ID` ends the old one on
//!   the server's side, where the user may do that and the server is still the same process. Otherwise a lock that was
//!   given up could be taken late, and stay until its ttl.
//!
//! That is so for a node made from a URL or a [`redis::Client`]. What else a node can be made from, and what it then cannot
//! do, is told by the `From` implementations of [`Source`].

mod batches;
mod builder;
mod connection;
mod convert;
mod handshake;
mod line;
mod node;
mod source;
mod store;
mod ticket;
mod tls;
mod url;
mod wire;

pub use builder::RedisNodeBuilder;
pub use node::RedisNode;
#[cfg(any(feature = "tls-rustls-ring", feature = "tls-rustls-aws-lc"))]
pub use redlock_tls::{Cryptography, Tls, TlsConfigError};
pub use source::Source;
pub use store::RedisStore;
pub use url::NodeConfigError;
