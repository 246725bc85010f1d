//! `cargo xtask lint`: what is checked without running a test, as named steps.

use crate::args::Accepts;
use crate::report::{self, Entry, Verdict};
use crate::{arrows, cargo, clock, evidence, features, omitted, process};
use std::process::{Command, ExitCode};

struct Step {
    name: &'static str,
    run: fn() -> Verdict,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || stream(&mut cargo::cargo(&["fmt", "--all", "--check"])) },
    Step { name: "interop", run: interop },
    Step { name: "clippy", run: clippy },
    Step { name: "documentation", run: documentation },
    Step { name: "arrows", run: || verdict(arrows::check()) },
    Step { name: "clock", run: || verdict(clock::check()) },
    Step { name: "evidence", run: || verdict(evidence::check()) },
    Step { name: "features", run: || verdict(features::check()) },
    Step { name: "omitted", run: omitted::check },
];

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    Accepts::default().parse(arguments)?;
    let entries: Vec<Entry> =
        STEPS.iter().map(|step| report::announce(step.name, || ((step.run)(), None))).collect();
    Ok(report::conclude("step", &entries))
}

fn clippy() -> Verdict {
    let arguments = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    stream(&mut cargo::cargo(&arguments))
}

/// The workspace beside ours, which no `--workspace` and no `--all` includes.
fn interop() -> Verdict {
    const APART: [&str; 2] = ["--manifest-path", "tests/interop/Cargo.toml"];
    let format = [&["fmt"][..], &APART, &["--check"]].concat();
    let clippy = [&["clippy", "--locked"][..], &APART, &["--all-targets", "--", "-D", "warnings"]].concat();
    match stream(&mut cargo::cargo(&format)) {
        Verdict::Passed => stream(&mut cargo::cargo(&clippy)),
        verdict => verdict,
    }
}

fn documentation() -> Verdict {
    let mut command = cargo::cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    stream(command.env("RUSTDOCFLAGS", cargo::flags("RUSTDOCFLAGS", "-D warnings")))
}

fn stream(command: &mut Command) -> Verdict {
    match process::stream(command, |_| true) {
        Ok(finished) if finished.success => Verdict::Passed,
        Ok(_) => Verdict::Failed("see above".to_owned()),
        Err(error) => Verdict::Failed(error),
    }
}

fn verdict(result: Result<(), String>) -> Verdict {
    match result {
        Ok(()) => Verdict::Passed,
        Err(findings) => {
            println!("{findings}");
            Verdict::Failed("see above".to_owned())
        }
    }
}
