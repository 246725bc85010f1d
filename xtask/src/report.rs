//! The closing table of a run.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    Skipped(String),
}

pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    pub(crate) time: Duration,
    pub(crate) tests: Option<u64>,
}

/// Runs one named part with its heading; `part` returns its verdict and the number of its tests.
pub(crate) fn announce(name: &str, part: impl FnOnce() -> (Verdict, Option<u64>)) -> Entry {
    println!("\n== {name}: running");
    let started = Instant::now();
    let (verdict, tests) = part();
    let time = started.elapsed();
    println!("== {name}: {} ({:.1} s)", word(&verdict), time.as_secs_f64());
    Entry { name: name.to_owned(), verdict, time, tests }
}

/// Prints the table; the exit code is a failure if one entry is.
pub(crate) fn conclude(what: &str, entries: &[Entry]) -> ExitCode {
    println!("\n{}", table(what, entries));
    let has_failed = entries.iter().any(|entry| matches!(entry.verdict, Verdict::Failed(_)));
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn table(what: &str, entries: &[Entry]) -> String {
    let mut text = format!("{what:<16} {:<8} {:>8} {:>6}", "result", "time", "tests");
    for entry in entries {
        let tests = entry.tests.map_or_else(|| "-".to_owned(), |tests| tests.to_string());
        let time = format!("{:.1} s", entry.time.as_secs_f64());
        let _ = write!(text, "\n{:<16} {:<8} {time:>8} {tests:>6}", entry.name, word(&entry.verdict));
        if let Verdict::Failed(why) | Verdict::Skipped(why) = &entry.verdict {
            let _ = write!(text, "  {why}");
        }
    }
    text
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed(_) => "FAILED",
        Verdict::Skipped(_) => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(verdict: Verdict) -> Entry {
        Entry { name: "redis".to_owned(), verdict, time: Duration::from_millis(1500), tests: Some(4) }
    }

    #[test]
    fn a_skipped_part_says_why() {
        let table = table("lane", &[entry(Verdict::Skipped("no server".to_owned()))]);
        assert!(table.lines().nth(1).unwrap().ends_with("skipped     1.5 s      4  no server"), "{table}");
    }

    #[test]
    fn one_failure_fails_the_run() {
        let failed = conclude("lane", &[entry(Verdict::Failed(String::new())), entry(Verdict::Passed)]);
        assert_eq!(failed, ExitCode::FAILURE);
        assert_eq!(conclude("lane", &[entry(Verdict::Passed)]), ExitCode::SUCCESS);
    }
}
