//! The tests of the workspace as a whole live in the lanes beside this file; this is what several of them share.
//!
//! The code of every text that is no crate's documentation is tested here, by the lane `doc`.

#![allow(
    clippy::expect_used,
    reason = "clippy.toml allows it in test functions, and this is what those share"
)]

use redlock_testkit::server::{Program, RedisServer};

pub mod counter;
pub mod support;

/// A running server of each program that there is.
///
/// # Panics
///
/// Where one does not start.
pub fn one_of_each() -> Vec<RedisServer> {
    let start = |program: Program| RedisServer::builder().program(program).start().expect("a server");
    let servers: Vec<_> = Program::all().expect("a program").into_iter().map(start).collect();
    let editions: Vec<_> = servers.iter().map(|server| server.edition().expect("an edition")).collect();
    println!("on {}", editions.join(", "));
    servers
}

macro_rules! texts {
    ($($name:ident: $path:literal),+ $(,)?) => {
        $(#[cfg(doctest)]
        #[doc = include_str!($path)]
        mod $name {})+
    };
}

texts! {
    readme: "../README.md",
    contributing: "../CONTRIBUTING.md",
    design: "../docs/design.md",
    algorithm: "../docs/algorithm.md",
    backends: "../docs/backends.md",
    safety: "../docs/safety.md",
    testing: "../docs/testing.md",
    hazards: "../docs/hazards.md",
    core: "../crates/redlock-core/README.md",
    lua: "../crates/redlock-lua/README.md",
    redis_rs: "../crates/redlock-redis-rs/README.md",
}
