//! The allowed arrows, in one place. Crates to come have their line already.

pub(super) struct Arrows {
    pub(super) from: &'static str,
    pub(super) to: &'static [&'static str],
    /// Only behind a feature.
    pub(super) optional: &'static [&'static str],
}

/// Crates of ours that a published crate may depend on, tests aside.
pub(super) const ARROWS: &[Arrows] = &[
    Arrows { from: "redlock-core", to: &[], optional: &[] },
    Arrows { from: "redlock-memory", to: &["redlock-core"], optional: &[] },
    Arrows { from: "redlock-lua", to: &["redlock-core"], optional: &[] },
    Arrows { from: "redlock-tls", to: &[], optional: &[] },
    Arrows { from: "redlock-redis-rs", to: &["redlock-core", "redlock-lua"], optional: &["redlock-tls"] },
    Arrows { from: "redlock-fred", to: &["redlock-core", "redlock-lua"], optional: &["redlock-tls"] },
    Arrows { from: "redlock-primitives", to: &["redlock-core"], optional: &[] },
    Arrows { from: "redlock-observe", to: &["redlock-core"], optional: &[] },
    Arrows {
        from: "redlock-testkit",
        to: &["redlock-core", "redlock-memory", "redlock-primitives"],
        optional: &[],
    },
    Arrows {
        from: "redlock-toolkit",
        to: &["redlock-core"],
        optional: &[
            "redlock-memory",
            "redlock-redis-rs",
            "redlock-fred",
            "redlock-primitives",
            "redlock-observe",
        ],
    },
    Arrows { from: "redlock-cli", to: &["redlock-toolkit"], optional: &[] },
];

/// A user of the facade compiles what he names, and nothing else.
pub(super) const NO_DEFAULT_FEATURES: &[&str] = &["redlock-toolkit"];

/// Crates that must not be found anywhere in a tree of dependencies.
pub(super) struct Tree {
    pub(super) of: &'static [&'static str],
    pub(super) without: &'static [&'static str],
    /// Further arguments of `cargo tree`.
    pub(super) options: &'static [&'static str],
    pub(super) reason: &'static str,
}

pub(super) const TREES: &[Tree] = &[
    Tree {
        of: &[
            "redlock-core",
            "redlock-memory",
            "redlock-lua",
            "redlock-testkit",
            "redlock-primitives",
            "redlock-observe",
        ],
        without: &["redis", "fred", "rustis", "deadpool-redis", "bb8-redis"],
        options: &["--edges", "normal,build", "--all-features"],
        reason: "no Redis client may stand below the backends",
    },
    Tree {
        of: &["redlock-examples", "redlock-example-custom-backend"],
        without: &["fred", "axum"],
        options: &[],
        reason: "a bare `cargo run --example quickstart` compiles nothing that it does not use",
    },
    Tree {
        of: &["redlock-toolkit"],
        without: &["fred", "redlock-fred"],
        options: &["--edges", "normal,build", "--features", "redis-rs"],
        reason: "nobody who uses one client compiles the other",
    },
    Tree {
        of: &["redlock-toolkit"],
        without: &["redis", "redlock-redis-rs"],
        options: &["--edges", "normal,build", "--features", "fred"],
        reason: "nobody who uses one client compiles the other",
    },
];
