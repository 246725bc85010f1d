//! Distributed locks over N independent Redis or Valkey nodes, or over any other backend.
//!
//! The facade: everything of [`redlock_core`], and the backends that features select.

pub use redlock_core::*;

/// Nodes in this process: for examples, tests, and programs on one machine.
#[cfg(feature = "memory")]
pub mod memory {
    pub use redlock_memory::*;
}

/// Nodes reached by the `redis` crate.
#[cfg(feature = "redis-rs")]
pub mod redis_rs {
    pub use redlock_redis_rs::*;
}
