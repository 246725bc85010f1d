//! For authors of redlock backends.

mod link;

pub use link::{Connection, Delivery, Faults, FaultyLink, Outcome, Plan};
