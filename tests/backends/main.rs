//! The backend that `docs/backends.md` builds: a directory of files.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions, and this is what those share"
)]

mod conformance;
mod processes;
mod support;
mod text;
mod worker;
