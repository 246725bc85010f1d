//! Programs that measure, each beside the bare client in the same run. Nothing here asserts a time.
//!
//! - `cargo run --release -p redlock-benches --bin cycle`: the uncontended cycle of acquire and release.
