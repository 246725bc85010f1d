//! Whole locks on embedded nodes, in virtual time: a file for each danger. `hazard: N` in a test's documentation numbers the
//! danger that it is about, so that what ran can be counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "a test says what it expects"
)]

mod auto_extension;
mod bad_input;
mod cancellation;
mod cleanup;
mod dead_nodes;
mod dropped_guard;
mod error_matrix;
mod extension;
mod fencing;
mod fencing_rounds;
mod forgetful_nodes;
mod handover;
mod late_grant;
mod listeners;
mod node_sets;
mod partial_locks;
mod paused_machine;
mod release_races;
mod restart_guard;
mod runtimes;
mod shutdown;
mod split_vote;
mod stale_release;
mod support;
mod two_holders;
mod unconfirmed_release;
mod using;
mod validity;
mod views;
