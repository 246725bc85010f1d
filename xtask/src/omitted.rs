//! `Command` and `Reply` are `#[non_exhaustive]`, so that a new family does not break a foreign backend. Our own
//! backends must name every variant all the same: a lint that only a nightly compiler has says which are missing.

use crate::cargo;
use crate::process;
use crate::report::Verdict;
use std::process::Command;

const PACKAGES: [&str; 2] = ["redlock-lua", "redlock-memory"];
const LINT: &str = "non_exhaustive_omitted_patterns";

pub(crate) fn check() -> Verdict {
    if !has_nightly() {
        return Verdict::Skipped("no nightly toolchain (rustup toolchain install nightly)".to_owned());
    }
    for package in PACKAGES {
        match is_complete(package) {
            Ok(true) => {}
            Ok(false) => return Verdict::Failed(format!("{package} does not name every variant")),
            Err(error) => return Verdict::Failed(error),
        }
    }
    Verdict::Passed
}

fn has_nightly() -> bool {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output();
    listed.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).lines().any(|line| line.starts_with("nightly"))
    })
}

fn is_complete(package: &str) -> Result<bool, String> {
    let mut command = Command::new("rustup");
    // `cargo rustc` gives the flags to this one crate; RUSTFLAGS would give them to all its dependencies.
    command
        .args(["run", "nightly", "cargo", "rustc", "--quiet", "--lib", "--profile", "check", "-p", package])
        .args(["--", &format!("-Zcrate-attr=feature({LINT}_lint)"), "-D", LINT])
        .current_dir(cargo::root())
        .env("CARGO_TARGET_DIR", cargo::target().join("nightly"))
        // Set by the toolchain that runs this task; they would lead back to it.
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC");
    Ok(process::stream(&mut command, |_| true)?.success)
}
