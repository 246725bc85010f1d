//! A redlock node that is a directory, with a file for each key. `docs/backends.md` builds it step by step.
//!
//! What is not about files, the steps and the worker, serves any store that can read, write, prolong and remove one key.

// The files below name this crate as its users do, so that each of them compiles as a piece of the text, too.
extern crate self as file_store;

mod directory;
mod steps;
mod store;
mod worker;

pub use directory::Directory;
pub use steps::{Records, step};
pub use store::FileStore;
pub use worker::{Store, Undone, Worker};
