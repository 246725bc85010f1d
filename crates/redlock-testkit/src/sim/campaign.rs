//! Many seeds, on several threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{Checker, Counters, Outcome, Settings, run};

/// Which seeds to run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// On how many threads. What comes of a seed does not depend on it.
    pub threads: usize,
    /// Whether to stop at the first seed in which that checker finds something.
    pub stop_at: Option<Checker>,
}

/// What came of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// How many seeds were run.
    pub schedules: u64,
    /// The first seeds that failed, in their order.
    pub failures: Vec<Outcome>,
    /// The lowest seed in which the checker found something at which the campaign was to stop.
    pub caught: Option<Outcome>,
    /// How many failed.
    pub failed: u64,
    /// The rare states that were met.
    pub counters: Counters,
    /// The median of clients per schedule.
    pub clients: u32,
    /// The median of operations per schedule.
    pub operations: u32,
    /// The median of faults per schedule.
    pub faults: u32,
    /// How long it took, in real time.
    pub elapsed: Duration,
}

/// More failures than anybody looks at are only counted.
const FAILURES_KEPT: usize = 20;

#[derive(Default)]
struct Tally {
    failures: Vec<Outcome>,
    caught: Option<Outcome>,
    failed: u64,
    counters: Counters,
    clients: Vec<u32>,
    operations: Vec<u32>,
    faults: Vec<u32>,
}

/// Runs them all; `progress` is told now and then how many are done.
pub fn run_many(campaign: &Campaign, progress: impl Fn(u64) + Sync) -> Summary {
    let began = Instant::now();
    let (next, end) = (AtomicU64::new(0), AtomicU64::new(campaign.count));
    let tally = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..campaign.threads.max(1) {
            scope.spawn(|| {
                let mine = work(campaign, &next, &end, &progress);
                tally.lock().unwrap_or_else(PoisonError::into_inner).merge(mine);
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.into_summary(began.elapsed())
}

fn work(campaign: &Campaign, next: &AtomicU64, end: &AtomicU64, progress: impl Fn(u64)) -> Tally {
    let mut tally = Tally::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end.load(Ordering::Relaxed) {
            return tally;
        }
        let outcome = run(campaign.first.wrapping_add(number), &Settings::default());
        let found = |checker| outcome.violations.iter().any(|violation| Some(violation.checker) == checker);
        if campaign.stop_at.is_some() && found(campaign.stop_at) {
            // Lower seeds that other threads have begun still end: the lowest is the same in every run.
            end.fetch_min(number.saturating_add(1), Ordering::Relaxed);
            tally.catch(outcome.clone());
        }
        tally.add(outcome);
        progress(number.saturating_add(1));
    }
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.counters.merge(&outcome.counters);
        self.clients.push(outcome.clients);
        self.operations.push(outcome.operations);
        self.faults.push(outcome.faults);
        if !outcome.violations.is_empty() {
            self.failed = self.failed.saturating_add(1);
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(outcome);
            }
        }
    }

    fn catch(&mut self, outcome: Outcome) {
        if self.caught.as_ref().is_none_or(|caught| outcome.seed < caught.seed) {
            self.caught = Some(outcome);
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some(caught) = other.caught {
            self.catch(caught);
        }
        self.failed = self.failed.saturating_add(other.failed);
        self.failures.extend(other.failures);
        self.counters.merge(&other.counters);
        self.clients.extend(other.clients);
        self.operations.extend(other.operations);
        self.faults.extend(other.faults);
    }

    fn into_summary(mut self, elapsed: Duration) -> Summary {
        self.failures.sort_by_key(|failure| failure.seed);
        self.failures.truncate(FAILURES_KEPT);
        Summary {
            schedules: u64::try_from(self.clients.len()).unwrap_or(u64::MAX),
            failures: self.failures,
            caught: self.caught,
            failed: self.failed,
            counters: self.counters,
            clients: median(self.clients),
            operations: median(self.operations),
            faults: median(self.faults),
            elapsed,
        }
    }
}

fn median(mut numbers: Vec<u32>) -> u32 {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or(0)
}
