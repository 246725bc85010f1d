//! The backend on the redis crate against real servers. Each test starts its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy.toml allows them in test functions, and this is what those share"
)]

mod cleanup;
mod clock_steps;
mod conformance;
mod cut_link;
mod describe;
mod differential;
mod duplicate_servers;
mod fenced_store;
mod fencing;
mod huge_input;
mod leaks;
mod members;
mod nodes_in_turn;
mod noscript_overtaken;
mod paused_writer;
mod restart_guard;
mod runtimes;
mod scripts;
mod support;
mod witness;
mod wrong_backends;
