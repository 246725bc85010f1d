//! A promise whose test was renamed away is a promise without a test. So each test that `docs/safety.md` names as
//! `lane::file::test`, or a file as `lane::file`, is looked up.

use crate::cargo;
use std::fs;
use std::path::Path;

const TABLE: &str = "docs/safety.md";

pub(crate) fn check() -> Result<(), String> {
    let text = fs::read_to_string(cargo::root().join(TABLE)).map_err(|error| format!("{TABLE}: {error}"))?;
    let tests = cargo::root().join("tests");
    let missing: Vec<_> =
        named(&text).filter(|name| is_lane(&tests, name) && !exists(&tests, name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{TABLE} names what is not there: {}", missing.join(", ")))
}

/// The code spans that are paths of modules.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|span| span.contains("::") && !span.contains(' '))
}

fn is_lane(tests: &Path, name: &str) -> bool {
    name.split("::").next().is_some_and(|lane| tests.join(lane).is_dir())
}

fn exists(tests: &Path, name: &str) -> bool {
    let mut parts = name.split("::");
    let (Some(lane), Some(file)) = (parts.next(), parts.next()) else { return false };
    let Ok(source) = fs::read_to_string(tests.join(lane).join(file).with_extension("rs")) else {
        return false;
    };
    parts
        .next()
        .is_none_or(|test| source.contains(&format!("fn {test}(")) || source.contains(&format!("fn {test}<")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_are_paths_are_found() {
        let text = "| a | `memory::x::y`, `redis::z` (`a::b c`) and `plain` |";
        assert_eq!(named(text).collect::<Vec<_>>(), ["memory::x::y", "redis::z"]);
    }

    #[test]
    fn a_test_that_is_not_there_is_missed() {
        let tests = cargo::root().join("tests");
        assert!(exists(&tests, "memory::paused_machine"));
        assert!(exists(&tests, "redis::paused_writer::the_late_write_of_a_stopped_process_is_refused"));
        assert!(
            !exists(&tests, "redis::paused_writer::no_such_test") && !exists(&tests, "redis::no_such_file")
        );
    }
}
