//! An exhaustive model of the protocol.

#![allow(clippy::indexing_slicing, reason = "the sizes are constants, and a fault of the model must stop it")]

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
pub use scenario::{CASES, Case, Expect};
pub use search::{Outcome, Verdict};
