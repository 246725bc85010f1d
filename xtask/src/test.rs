//! `cargo xtask test`: every lane of tests, one after the other.

use crate::args::Accepts;
use crate::lanes::{self, Lane, Work};
use crate::metadata;
use crate::process::{self, Finished};
use crate::report::{self, Entry, Verdict};
use crate::supplies::{Supplies, absent};
use crate::tools::Variables;
use crate::{cargo, model, simulate};
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
    let require_all = given.has("--require-all");
    let supplies = Supplies::of(&selected);
    let lanes = selected.into_iter().map(|lane| run_lane(lane, &supplies, require_all));
    let entries: Vec<Entry> = lanes.chain(supplies.missing(require_all)).collect();
    Ok(report::conclude("lane", &entries))
}

fn run_lane(lane: &Lane, supplies: &Supplies, require_all: bool) -> Entry {
    report::announce(lane.name, || match supplies.variables(lane.needs) {
        Ok(variables) => run_work(lane, &variables),
        Err(missing) => {
            println!("    {missing}");
            (absent(missing, require_all), None)
        }
    })
}

fn run_work(lane: &Lane, variables: &Variables) -> (Verdict, Option<u64>) {
    let mut tests = 0;
    for work in lane.work {
        match run_one(work, variables) {
            Ok(count) => tests += count,
            Err(why) => return (Verdict::Failed(why), None),
        }
    }
    // The simulator counts seeds, not tests, and prints them itself.
    (Verdict::Passed, (tests > 0).then_some(tests))
}

/// The number of tests that passed.
fn run_one(work: &Work, variables: &Variables) -> Result<u64, String> {
    let finished = process::stream(&mut command(work, variables)?, matters(work))?;
    let passed = passed(&finished.lines);
    if !finished.success {
        print_rest(&finished);
        return Err(format!("{} failed", describe(work)));
    }
    // A lane whose tests were all renamed or filtered away would otherwise pass for ever.
    if passed == 0 && !matches!(work, Work::Simulate(_)) {
        return Err(format!("{} ran no test", describe(work)));
    }
    Ok(passed)
}

fn command(work: &Work, variables: &Variables) -> Result<Command, String> {
    let mut command = match work {
        Work::Cargo(arguments) => cargo::cargo(&[EVERY_TEST, arguments].concat()),
        Work::Simulate(arguments) => {
            simulate::command(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())?
        }
        Work::Model => model::tests(),
    };
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Ok(command)
}

fn describe(work: &Work) -> String {
    match work {
        Work::Cargo(arguments) => format!("cargo {} {}", EVERY_TEST.join(" "), arguments.join(" ")),
        Work::Simulate(arguments) => format!("cargo xtask simulate {}", arguments.join(" ")),
        Work::Model => "the model".to_owned(),
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
        Work::Simulate(_) | Work::Model => |_| true,
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
