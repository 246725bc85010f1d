//! A model of the protocol of three nodes and two clients, small enough to visit *every* state that it can reach.
//!
//! It is written anew from [the algorithm](../../../docs/algorithm.md), shares no code with the library, and so shows that
//! the protocol is right, not that the library follows it; that is for the simulator and the tests on servers.
//!
//! **What can happen, at any point and in any order:** a client starts an attempt, with any clock; gives up or releases;
//! extends, by any of several times; a request or a reply is delivered, late, behind later ones (or in order within a
//! connection, where the scenario says so), or never; a node restarts and has forgotten everything; a tick passes. What is
//! late enough is a paused client, too: time is a set of countdowns, so no pause is too long for it.
//!
//! **What is left out:** refusals (a client that waits for nothing more gives up, at any time); resends, which the contract of
//! `Backend` forbids; clocks of different rates, which the drift is for; restarts that lose nothing, which are lost messages;
//! more than one restart. The bounds of attempts, extensions and times are those of a scenario. In four respects a client
//! may do more here than a real one, which can only make more attacks possible: it may give up, release or
//! begin an extension at any time; a release goes to all nodes; the guard's verdict on a vote is the more generous of that
//! at the node and that on arrival; requests may reach a node behind its restart (`Setup::late_requests`).
//!
//! **Two reductions:** nodes are alike, so states that differ by their names are one; and a message that can have no effect
//! any more is dropped, as if it had been lost.

#![allow(clippy::indexing_slicing, reason = "the sizes are constants, and a fault of the model must stop it")]

mod attack;
mod client;
mod fingerprint;
mod guard;
mod mutant;
mod network;
mod node;
mod property;
mod scenario;
mod search;
mod setup;
mod state;
mod step;
mod trace;

pub use property::Property;
pub use scenario::{Case, Expected, cases};
pub use search::{Outcome, Verdict};
