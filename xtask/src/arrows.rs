//! `cargo xtask arrows`: which crate may depend on which.

mod rules;

use crate::args::Accepts;
use crate::cargo;
use crate::metadata::{self, Package};
use rules::{ARROWS, Arrows, NO_DEFAULT_FEATURES, TREES};
use std::process::ExitCode;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    Accepts::default().parse(arguments)?;
    check()?;
    println!("the arrows between the crates are as allowed");
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn check() -> Result<(), String> {
    let packages = metadata::packages()?;
    let mut violations = check_graph(&packages);
    for rule in TREES {
        // Crates to come are in the table already.
        for name in rule.of.iter().filter(|name| packages.iter().any(|package| package.name == **name)) {
            let arguments =
                [&["tree", "--prefix", "none", "--format", "{p}", "-p", name], rule.options].concat();
            violations.extend(check_tree(name, &cargo::read(&arguments)?, rule.without, rule.reason));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) }
}

fn check_graph(packages: &[Package]) -> Vec<String> {
    let violations = packages.iter().filter(|package| package.published).flat_map(|package| {
        match ARROWS.iter().find(|arrows| arrows.from == package.name) {
            Some(arrows) => check_package(package, arrows, packages),
            None => vec![format!("{} has no line in xtask/src/arrows/rules.rs", package.name)],
        }
    });
    violations.collect()
}

fn check_package(package: &Package, arrows: &Arrows, packages: &[Package]) -> Vec<String> {
    let name = &package.name;
    let mut violations = Vec::new();
    for dependency in &package.dependencies {
        let to = dependency.name.as_str();
        let is_ours = packages.iter().any(|other| other.name == to);
        if arrows.optional.contains(&to) && !dependency.optional {
            violations.push(format!("{name} -> {to}: {name} may depend on it only as an option"));
        } else if is_ours && !arrows.to.contains(&to) && !arrows.optional.contains(&to) {
            violations.push(format!("{name} -> {to}: {name} may depend on {}", allowed(arrows)));
        }
    }
    let defaults = package.features.get("default").is_some_and(Vec::is_empty);
    if NO_DEFAULT_FEATURES.contains(&name.as_str()) && !defaults {
        violations.push(format!("{name}: its manifest must say `default = []`"));
    }
    violations
}

fn allowed(arrows: &Arrows) -> String {
    let all = [arrows.to, arrows.optional].concat();
    if all.is_empty() { "no other crate of ours".to_owned() } else { format!("{} alone", all.join(", ")) }
}

/// `tree` holds a line `name version …` for each dependency.
fn check_tree(name: &str, tree: &str, without: &[&str], reason: &str) -> Vec<String> {
    let mut found: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    found.retain(|dependency| without.contains(dependency));
    found.sort_unstable();
    found.dedup();
    found.iter().map(|dependency| format!("{name} -> … -> {dependency}: {reason}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, dependencies: &[(&str, bool)]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|(name, optional)| Dependency { name: (*name).to_owned(), optional: *optional })
            .collect();
        let features = [("default".to_owned(), Vec::new())].into();
        Package { name: name.to_owned(), published: true, dependencies, features, ..Package::default() }
    }

    fn legal() -> Vec<Package> {
        vec![
            package("redlock-core", &[("tokio", false)]),
            package("redlock-memory", &[("redlock-core", false)]),
            package("redlock-toolkit", &[("redlock-core", false), ("redlock-memory", true)]),
        ]
    }

    #[test]
    fn the_graph_as_designed_passes() {
        assert_eq!(check_graph(&legal()), [""; 0]);
    }

    #[test]
    fn core_may_not_know_its_backends() {
        let mut packages = legal();
        packages[0] = package("redlock-core", &[("redlock-memory", true)]);
        assert_eq!(
            check_graph(&packages),
            ["redlock-core -> redlock-memory: redlock-core may depend on no other crate of ours"]
        );
    }

    #[test]
    fn the_facade_may_not_force_a_backend_on_its_user() {
        let mut packages = legal();
        packages[2] = package("redlock-toolkit", &[("redlock-memory", false)]);
        packages[2].features.insert("default".to_owned(), vec!["memory".to_owned()]);
        let violations = check_graph(&packages);
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations[0].contains("only as an option"));
        assert!(violations[1].contains("default = []"));
    }

    #[test]
    fn a_new_crate_needs_a_line() {
        assert_eq!(check_graph(&[package("redlock-new", &[])]).len(), 1);
    }

    #[test]
    fn a_client_deep_in_the_tree_is_found() {
        let tree = "redlock-core v0.1.0 (/here)\ntokio v1.49.0\nredis v1.8.0\nredis v1.8.0 (*)";
        assert_eq!(check_tree("redlock-core", tree, &["redis"], "why"), ["redlock-core -> … -> redis: why"]);
    }
}
