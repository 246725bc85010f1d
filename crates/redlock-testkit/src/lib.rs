#![doc = include_str!("../README.md")]

pub mod conformance;
mod link;
pub mod proxy;
pub mod server;
pub mod sim;

pub use link::{Connection, Delivery, Faults, FaultyLink, Outcome, Plan};
