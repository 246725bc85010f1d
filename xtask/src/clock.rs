//! A holder whose validity is counted by the wall clock has two owners after a clock step. So core takes its time
//! from the injected clock, and the other clocks are banned from its sources.

use crate::cargo;
use std::fs;
use std::path::Path;

const SOURCES: &str = "crates/redlock-core/src";
const PERMIT: &str = "// allowed: ";

pub(crate) fn check() -> Result<(), String> {
    let mut findings = Vec::new();
    check_folder(&cargo::root().join(SOURCES), &mut findings)?;
    if findings.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nuse the injected clock, or end the line with `{PERMIT}<reason>`", findings.join("\n")))
}

fn check_folder(folder: &Path, findings: &mut Vec<String>) -> Result<(), String> {
    let failed = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            check_folder(&path, findings)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).map_err(failed)?;
            findings.extend(banned(&source).map(|line| format!("{}:{line}", path.display())));
        }
    }
    Ok(())
}

/// The lines, counted from one, that name a banned clock.
fn banned(source: &str) -> impl Iterator<Item = String> {
    let mut in_import = false;
    source.lines().enumerate().filter_map(move |(index, line)| {
        let code = line.split("//").next().unwrap_or_default();
        let names_clock = has_word(code, "SystemTime")
            || (in_import || code.contains("std::")) && has_word(code, "Instant");
        // rustfmt breaks a long `use std::time::{…}` over lines; `Instant` on a line of its own counts then.
        in_import =
            (in_import || code.contains("std::{") || code.contains("std::time::{")) && !code.contains('}');
        (names_clock && !is_permitted(line)).then(|| format!("{}: {}", index + 1, line.trim()))
    })
}

fn is_permitted(line: &str) -> bool {
    line.split_once(PERMIT).is_some_and(|(_, reason)| !reason.trim().is_empty())
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(source: &str) -> usize {
        banned(source).count()
    }

    /// hazard: 23
    #[test]
    fn the_other_clocks_are_found_however_they_are_imported() {
        assert_eq!(count("let now = SystemTime::now();"), 1);
        assert_eq!(count("use std::time::{Duration, Instant};"), 1);
        assert_eq!(count("use std::{fmt, time::Instant};"), 1);
        assert_eq!(count("let now = std::time::Instant::now();"), 1);
        assert_eq!(count("use std::time::{\n    Duration,\n    Instant,\n};\nfn f(now: Instant) {}"), 1);
    }

    #[test]
    fn what_is_meant_is_let_through() {
        assert_eq!(count("use std::time::Duration;\nuse tokio::time::Instant;"), 0);
        assert_eq!(count("/// Never SystemTime, never std::time::Instant.\nlet a = 1;"), 0);
        assert_eq!(count("let candidate = SystemTime::now(); // allowed: not used for validity"), 0);
    }

    #[test]
    fn a_permit_needs_a_reason() {
        assert_eq!(count("SystemTime::now() // allowed: "), 1);
    }
}
