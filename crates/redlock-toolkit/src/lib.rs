// The examples of the text use both backends, so it is tested where both are there.
#![cfg_attr(any(not(doctest), all(feature = "memory", feature = "redis-rs")), doc = include_str!("../README.md"))]

pub use redlock_core::*;

/// Nodes in this process: for examples, tests, and locks between the tasks of one process.
#[cfg(feature = "memory")]
pub mod memory {
    pub use redlock_memory::*;
}

/// Nodes reached by the `fred` crate.
#[cfg(feature = "fred")]
pub mod fred {
    pub use redlock_fred::*;
}

/// Nodes reached by the `redis` crate.
#[cfg(feature = "redis-rs")]
pub mod redis_rs {
    pub use redlock_redis_rs::*;
}
