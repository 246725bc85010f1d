//! The tests of the workspace as a whole live in the lanes beside this file.
//!
//! The code of every text that is no crate's documentation is tested here, by the lane `doc`.

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
    testing: "../docs/testing.md",
    hazards: "../docs/hazards.md",
    core: "../crates/redlock-core/README.md",
    lua: "../crates/redlock-lua/README.md",
    redis_rs: "../crates/redlock-redis-rs/README.md",
}
