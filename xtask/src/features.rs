//! Each crate alone, with no feature, each single feature, and all: what compiles in the workspace may compile
//! only because a neighbour switched on a feature of a shared dependency.

use crate::cargo;
use crate::metadata::{self, Package};
use crate::process;

pub(crate) fn check() -> Result<(), String> {
    let mut failed = Vec::new();
    for package in metadata::packages()?.iter().filter(|package| package.published) {
        for features in combinations(package) {
            println!(
                "    {} with {}",
                package.name,
                if features.is_empty() { "no feature" } else { &features }
            );
            if !compiles(&package.name, &features)? {
                failed.push(format!("{} --features '{features}'", package.name));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

fn compiles(package: &str, features: &str) -> Result<bool, String> {
    // Clippy in place of `cargo check`: only it denies warnings without a rebuild of every dependency.
    let arguments = ["clippy", "--quiet", "-p", package, "--no-default-features", "--features", features];
    let mut command = cargo::cargo(&arguments);
    Ok(process::stream(command.args(["--", "-D", "warnings"]), |_| true)?.success)
}

fn combinations(package: &Package) -> Vec<String> {
    let names: Vec<String> = package.features.keys().filter(|name| *name != "default").cloned().collect();
    let all = if names.len() > 1 { vec![names.join(",")] } else { Vec::new() };
    [vec![String::new()], names, all].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Vec<String> {
        let features = names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
        combinations(&Package { features, ..Package::default() })
    }

    #[test]
    fn none_each_and_all_without_repetition() {
        assert_eq!(of(&["default"]), [""]);
        assert_eq!(of(&["default", "memory"]), ["", "memory"]);
        assert_eq!(of(&["default", "a", "b"]), ["", "a", "b", "a,b"]);
    }
}
