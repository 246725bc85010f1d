//! `cargo xtask test`: every lane of tests, one after the other.

use crate::args::Accepts;
use crate::lanes::{self, Lane, Need, Work};
use crate::metadata;
use crate::process::{self, Finished};
use crate::report::{self, Entry, Verdict};
use crate::tools::{self, Server};
use crate::{cargo, simulate};
use std::process::{Command, ExitCode};

const ACCEPTS: Accepts = Accepts { switches: &["--require-all"], values: &[], words: true };
/// The start of cargo's closing line for each test program.
const CLOSING: &str = "test result:";
const EVERY_TEST: &[&str] = &["test", "--workspace", "--all-features", "--no-fail-fast"];

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, String> {
    let given = ACCEPTS.parse(arguments)?;
    let selected = lanes::select(&given.words)?;
    let orphans = lanes::orphans(&metadata::packages()?);
    if !orphans.is_empty() {
        return Err(format!("{}; add them to xtask/src/lanes.rs", orphans.join("\n")));
    }
    let entries: Vec<Entry> =
        selected.into_iter().map(|lane| run_lane(lane, given.has("--require-all"))).collect();
    Ok(report::conclude("lane", &entries))
}

fn run_lane(lane: &Lane, require_all: bool) -> Entry {
    report::announce(lane.name, || match server_for(lane) {
        Ok(server) => run_work(lane, server.as_ref()),
        Err(missing) => {
            println!("    {missing}");
            (if require_all { Verdict::Failed(missing) } else { Verdict::Skipped(missing) }, None)
        }
    })
}

fn server_for(lane: &Lane) -> Result<Option<Server>, String> {
    match lane.needs {
        Need::Nothing => Ok(None),
        Need::RedisServer => tools::server().map(Some),
    }
}

fn run_work(lane: &Lane, server: Option<&Server>) -> (Verdict, Option<u64>) {
    let mut tests = 0;
    for work in lane.work {
        match run_one(work, server) {
            Ok(count) => tests += count,
            Err(why) => return (Verdict::Failed(why), None),
        }
    }
    // The simulator counts seeds, not tests, and prints them itself.
    (Verdict::Passed, (tests > 0).then_some(tests))
}

/// The number of tests that passed.
fn run_one(work: &Work, server: Option<&Server>) -> Result<u64, String> {
    let finished = process::stream(&mut command(work, server)?, matters(work))?;
    let passed = passed(&finished.lines);
    if !finished.success {
        print_rest(&finished);
        return Err(format!("{} failed", describe(work)));
    }
    // A lane whose tests were all renamed or filtered away would otherwise pass for ever.
    if passed == 0 && matches!(work, Work::Cargo(_)) {
        return Err(format!("{} ran no test", describe(work)));
    }
    Ok(passed)
}

fn command(work: &Work, server: Option<&Server>) -> Result<Command, String> {
    let mut command = match work {
        Work::Cargo(arguments) => cargo::cargo(&[EVERY_TEST, arguments].concat()),
        Work::Simulate(arguments) => {
            simulate::command(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())?
        }
    };
    if let Some(server) = server {
        command.envs(server.variables());
    }
    Ok(command)
}

fn describe(work: &Work) -> String {
    match work {
        Work::Cargo(arguments) => format!("cargo {} {}", EVERY_TEST.join(" "), arguments.join(" ")),
        Work::Simulate(arguments) => format!("cargo xtask simulate {}", arguments.join(" ")),
    }
}

/// The closing lines were shown already, and whoever adds them up must not read them twice.
fn print_rest(finished: &Finished) {
    println!("the whole output:");
    for line in finished.lines.iter().filter(|line| !line.starts_with(CLOSING)) {
        println!("| {line}");
    }
}

fn matters(work: &Work) -> fn(&str) -> bool {
    match work {
        Work::Cargo(_) => matters_of_tests,
        Work::Simulate(_) => |_| true,
    }
}

fn matters_of_tests(line: &str) -> bool {
    const STARTS: &[&str] = &["Compiling", "Finished", "Running", "Doc-tests", CLOSING, "error", "warning"];
    let line = line.trim_start();
    STARTS.iter().any(|start| line.starts_with(start)) || line.ends_with("... FAILED")
}

/// Adds up cargo's closing lines, `test result: ok. 12 passed; 0 failed; …`.
fn passed(lines: &[String]) -> u64 {
    let counts = lines.iter().filter_map(|line| {
        let (_, rest) = line.trim_start().strip_prefix(CLOSING)?.split_once(". ")?;
        rest.split_once(" passed")?.0.parse::<u64>().ok()
    });
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_are_added_up_and_shown() {
        let closing = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";
        let lines = [closing.to_owned(), "test a ... ok".to_owned(), closing.to_owned()];
        assert_eq!(passed(&lines), 24);
        assert!(matters_of_tests(closing) && !matters_of_tests("test a ... ok"));
        assert!(matters_of_tests("test a ... FAILED"));
    }

    #[test]
    fn the_count_of_a_failed_run_is_read_as_well() {
        assert_eq!(passed(&["test result: FAILED. 3 passed; 1 failed; 0 ignored".to_owned()]), 3);
    }
}
