//! A redlock node that is a directory, with a file for each key. `docs/backends.md` builds it step by step.
//!
//! What is not about files, the steps and the worker, serves any store that can read, write, prolong and remove one key.

mod directory;
mod steps;
mod store;
mod worker;

pub use steps::{Records, step};
pub use store::FileStore;
pub use worker::{Store, Undone, Worker};
