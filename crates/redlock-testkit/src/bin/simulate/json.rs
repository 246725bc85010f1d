//! The result for a program.

use std::fmt::Write;

use redlock_testkit::sim::{Outcome, Rare, Summary};

use crate::report;

pub(crate) fn print(summary: &Summary, told: Option<&Outcome>) {
    report::write(&text(summary, told));
}

fn text(summary: &Summary, told: Option<&Outcome>) -> String {
    let failures: Vec<_> = summary.failures.iter().map(failure).collect();
    let counters = Rare::ALL.map(|rare| format!("{}:{}", quoted(rare.name()), summary.counters.get(rare)));
    let timeline = told.map(|outcome| outcome.timeline.as_slice()).unwrap_or_default();
    let timeline: Vec<_> = timeline.iter().map(|line| quoted(line)).collect();
    format!(
        "{{\"ok\":{},\"schedules\":{},\"seconds\":{:.3},\"per_second\":{:.0},\"clients\":{},\"operations\":{},\
         \"faults\":{},\"failed\":{},\"counters\":{{{}}},\"failures\":[{}],\"timeline\":[{}]}}",
        report::is_good(summary),
        summary.schedules,
        summary.elapsed.as_secs_f64(),
        report::rate(summary),
        summary.clients,
        summary.operations,
        summary.faults,
        summary.failed,
        counters.join(","),
        failures.join(","),
        timeline.join(","),
    )
}

fn failure(outcome: &Outcome) -> String {
    let violations: Vec<_> =
        outcome.violations.iter().map(|violation| quoted(&violation.to_string())).collect();
    format!(
        "{{\"seed\":{},\"replay\":{},\"violations\":[{}]}}",
        outcome.seed,
        quoted(&report::replay(outcome.seed)),
        violations.join(",")
    )
}

pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_json_wants_it() {
        assert_eq!(quoted("a \"b\"\n\\"), "\"a \\\"b\\\"\\u000a\\\\\"");
    }
}
