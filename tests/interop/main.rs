//! Locks shared with clients of other makers: node-redlock in Node.js, rslock in Rust. The nodes are real servers.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions, and this is what those share"
)]

mod exclusion;
mod foreign;
mod node_redlock;
mod support;
mod witness;
