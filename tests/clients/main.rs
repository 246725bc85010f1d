//! Every Redis client, in every way in which a node is made of it, against real servers. Each test starts its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy.toml allows them in test functions, and this is what those share"
)]

mod addresses;
mod cancel_storm;
mod certificates;
mod cluster;
mod conformance;
mod connecting;
mod error_table;
mod fred_handed_over;
mod fred_kinds;
mod fred_quickstart;
mod fred_sentinel;
mod handed_over;
mod late_write;
mod loading;
mod mixed_quorum;
mod network;
mod noscript;
mod order;
mod out_of_memory;
mod reconnect;
mod replaced;
mod replay;
mod sentinel;
mod server_states;
mod subjects;
mod tls;
