//! The backend on the redis crate against real servers. Each test starts its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy.toml allows them in test functions, and this is what those share"
)]

mod cancel_storm;
mod cleanup;
mod clock_steps;
mod conformance;
mod cut_link;
mod describe;
mod differential;
mod duplicate_servers;
mod error_table;
mod huge_input;
mod late_write;
mod leaks;
mod nodes_in_turn;
mod noscript;
mod noscript_overtaken;
mod order;
mod out_of_memory;
mod reconnect;
mod replaced;
mod scripts;
mod server_states;
mod support;
mod witness;
mod wrong_backends;
