//! The result for a reader.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use redlock_testkit::sim::{Outcome, Rare, Summary};

/// From so many seeds on, every rare state must have been met.
pub(crate) const ENOUGH: u64 = 10_000;
/// Schedules shorter than this show too little.
const LEAST: (u32, u32, u32) = (3, 20, 3);

pub(crate) fn print(summary: &Summary, told: Option<&Outcome>) {
    let mut lines = told.map(|outcome| outcome.timeline.clone()).unwrap_or_default();
    lines.extend(counters(summary));
    let Summary { schedules, clients, operations, faults, elapsed, .. } = summary;
    lines.push(format!("medians per schedule: {clients} clients, {operations} operations, {faults} faults"));
    let (seconds, rate) = (elapsed.as_secs_f64(), rate(summary));
    lines.push(format!("{schedules} schedules in {seconds:.1} s, {rate:.0} per second"));
    if *schedules >= ENOUGH {
        lines.extend(shortcomings(summary).iter().map(|what| format!("FAILED: {what}")));
    }
    lines.extend(failures(summary));
    write(&lines.join("\n"));
}

/// Whoever reads it may have seen enough and gone: then there is nobody to tell.
pub(crate) fn write(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn counters(summary: &Summary) -> Vec<String> {
    let counted = Rare::ALL.map(|rare| format!("  {:>9}  {}", summary.counters.get(rare), rare.name()));
    std::iter::once("rare states:".to_owned()).chain(counted).collect()
}

/// What a full run lacks.
fn shortcomings(summary: &Summary) -> Vec<String> {
    let missing = summary.counters.missing();
    let mut all: Vec<_> = missing.iter().map(|rare| format!("{} never happened", rare.name())).collect();
    let short = summary.clients < LEAST.0 || summary.operations < LEAST.1 || summary.faults < LEAST.2;
    if short {
        all.push(format!("schedules are too short: the medians must be at least {LEAST:?}"));
    }
    all
}

fn failures(summary: &Summary) -> Vec<String> {
    if summary.failed == 0 {
        return vec!["no violation".to_owned()];
    }
    let mut lines = vec![format!("FAILED: {} schedules", summary.failed)];
    for Outcome { seed, violations, .. } in &summary.failures {
        lines.extend(violations.iter().map(|violation| format!("  seed {seed}: {violation}")));
        lines.push(format!("    {}", replay(*seed)));
    }
    lines
}

pub(crate) fn is_good(summary: &Summary) -> bool {
    summary.failed == 0 && (summary.schedules < ENOUGH || shortcomings(summary).is_empty())
}

pub(crate) fn replay(seed: u64) -> String {
    format!("cargo xtask simulate --seed {seed} --seeds 1")
}

pub(crate) fn rate(summary: &Summary) -> f64 {
    let seconds = summary.elapsed.as_secs_f64();
    // Far below 2^52.
    #[expect(clippy::cast_precision_loss)]
    let schedules = summary.schedules as f64;
    if seconds > 0.0 { schedules / seconds } else { 0.0 }
}

/// A line on the error output now and then, once a run is long enough for somebody to wonder.
pub(crate) fn progress(total: u64) -> impl Fn(u64) + Sync {
    const EVERY: Duration = Duration::from_secs(5);
    let last = Mutex::new(Instant::now());
    move |done| {
        // Whoever finds it locked leaves the line to the other.
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() >= EVERY {
            *last = Instant::now();
            eprintln!("{done} of {total}");
        }
    }
}
