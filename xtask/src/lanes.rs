//! The lanes of `cargo xtask test`, in one table.

use crate::metadata::Package;
use crate::model;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Need {
    Nothing,
    RedisServer,
    /// Servers, and the clients of other languages.
    ForeignClients,
}

pub(crate) enum Work {
    /// A run of libtest under cargo.
    Cargo(&'static [&'static str]),
    /// `cargo xtask simulate` with these arguments.
    Simulate(&'static [&'static str]),
    /// The tests of the model, which only a release build gets through in time.
    Model,
}

pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) needs: Need,
    pub(crate) work: &'static [Work],
}

// Every lane selects the whole workspace with all features, and only then its targets. A lane with `-p` would
// unify the features of fewer packages and compile tokio and what stands on it a second time.
pub(crate) const LANES: &[Lane] = &[
    Lane {
        name: "unit",
        about: "tests beside the code",
        needs: Need::Nothing,
        work: &[Work::Cargo(&["--lib", "--bins", "--examples"])],
    },
    Lane {
        name: "doc",
        about: "examples in the documentation",
        needs: Need::Nothing,
        work: &[Work::Cargo(&["--doc"])],
    },
    Lane {
        name: "memory",
        about: "whole locks on embedded nodes",
        needs: Need::Nothing,
        work: &[Work::Cargo(&["--test", "memory"])],
    },
    Lane {
        name: "redis",
        about: "whole locks on real servers",
        needs: Need::RedisServer,
        work: &[Work::Cargo(&["--test", "redis"])],
    },
    Lane {
        name: "clients",
        about: "every Redis client, however a node is made of it, on real servers",
        needs: Need::RedisServer,
        // Most of the time of these tests is waiting.
        work: &[Work::Cargo(&["--test", "clients", "--", "--test-threads=6"])],
    },
    Lane {
        name: "backends",
        about: "the backend that docs/backends.md builds, and one on another Redis client",
        needs: Need::RedisServer,
        work: &[Work::Cargo(&["--test", "backends", "--test", "rustis_backend"])],
    },
    Lane {
        name: "sqlite",
        about: "a table of a SQLite database as a node; compiles SQLite",
        needs: Need::Nothing,
        work: &[Work::Cargo(&["--test", "sqlite_backend"])],
    },
    Lane {
        name: "interop",
        about: "locks shared with node-redlock and rslock",
        needs: Need::ForeignClients,
        // A workspace of its own; the target folder is shared.
        work: &[Work::Cargo(&[
            "--locked",
            "--manifest-path",
            "tests/interop/Cargo.toml",
            "--test",
            "interop",
        ])],
    },
    Lane {
        name: "simulate",
        about: "seeded schedules with faults, and the mutants that they must catch",
        needs: Need::Nothing,
        work: &[
            Work::Simulate(&["--seeds", "100000"]),
            Work::Simulate(&["--seeds", "50000", "--mutant", "all"]),
        ],
    },
    Lane {
        name: "model",
        about: "all states of three nodes and two clients, and the mutants that must be found there",
        needs: Need::Nothing,
        work: &[Work::Model],
    },
];

/// The lanes of these names, in the order of the table; all of them for no name.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Lane>, String> {
    if let Some(unknown) = names.iter().find(|name| LANES.iter().all(|lane| lane.name != **name)) {
        let known: Vec<_> = LANES.iter().map(|lane| lane.name).collect();
        return Err(format!("there is no lane `{unknown}`; the lanes are {}", known.join(", ")));
    }
    Ok(LANES.iter().filter(|lane| names.is_empty() || names.iter().any(|name| name == lane.name)).collect())
}

/// Test targets that no lane names: they would be written, and never run.
pub(crate) fn orphans(packages: &[Package]) -> Vec<String> {
    let named = |target: &str| {
        LANES.iter().flat_map(|lane| lane.work).any(|work| match work {
            Work::Cargo(arguments) => arguments.contains(&target),
            Work::Simulate(_) => false,
            Work::Model => target == model::TESTS,
        })
    };
    let targets = packages.iter().flat_map(|package| {
        package.tests.iter().filter(|target| !named(target)).map(|target| (target, &package.name))
    });
    targets.map(|(target, package)| format!("the tests `{target}` of {package} belong to no lane")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_keep_the_order_of_the_table() {
        let lanes = select(&["doc".to_owned(), "unit".to_owned()]).unwrap();
        assert_eq!(lanes.iter().map(|lane| lane.name).collect::<Vec<_>>(), ["unit", "doc"]);
        assert!(select(&["unti".to_owned()]).is_err());
    }

    #[test]
    fn tests_outside_every_lane_are_found() {
        let tests = vec!["memory".to_owned(), "forgotten".to_owned()];
        let package = Package { name: "redlock-tests".to_owned(), tests, ..Package::default() };
        assert_eq!(orphans(&[package]), ["the tests `forgotten` of redlock-tests belong to no lane"]);
    }
}
