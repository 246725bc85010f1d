//! What is written down while a schedule runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redlock_core::{FencingToken, LockGuard, LockSignal, LockValue, LossReason, Moment};
use tokio::time::Instant;

use super::belief::Belief;
use super::check::{Checker, Violation, leftovers, sticky::Sticky};
use super::clocks::RunningClock;
use super::process::Process;
use super::rare::{Counters, Rare};

/// Cheap to clone; clones write into the same history.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    origin: Instant,
    tells: bool,
    hosts: Arc<[Host]>,
    history: Arc<Mutex<History>>,
}

/// What a client runs on.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) clock: RunningClock,
    pub(super) process: Arc<Process>,
    /// How late a timer of the longest lease may be by that clock: the runtime's own goes by true time.
    pub(super) lateness: Duration,
}

#[derive(Debug, Default)]
pub(super) struct History {
    pub(super) leases: Vec<LeaseRecord>,
    pub(super) violations: Vec<Violation>,
    pub(super) counters: Counters,
    pub(super) notes: Vec<Note>,
    pub(super) operations: u32,
    pub(super) faults: u32,
}

/// A line of the timeline.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) at: Duration,
    pub(super) who: String,
    pub(super) what: String,
}

/// One lease in one client's hands.
#[derive(Debug)]
pub(super) struct LeaseRecord {
    pub(super) client: usize,
    pub(super) resources: Vec<String>,
    pub(super) value: LockValue,
    pub(super) token: Option<FencingToken>,
    pub(super) won_at: Duration,
    pub(super) belief: Belief,
    pub(super) sticky: Sticky,
    pub(super) fate: Fate,
    signal: LockSignal,
}

/// What a client did with a lease in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    GivenUp,
    Detached,
    Crashed,
}

impl Journal {
    pub(super) fn new(tells: bool, hosts: Vec<Host>) -> Self {
        Self { origin: Instant::now(), tells, hosts: hosts.into(), history: Arc::default() }
    }

    pub(super) fn host(&self, client: usize) -> Option<&Host> {
        self.hosts.get(client)
    }

    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line of the timeline, where somebody wants one.
    pub(super) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        if self.tells {
            let note = Note { at: self.now(), who: who.to_owned(), what: what() };
            self.history().notes.push(note);
        }
    }

    pub(super) fn count(&self, rare: Rare) {
        self.history().counters.add(rare, 1);
    }

    pub(super) fn fault(&self) {
        let mut history = self.history();
        history.faults = history.faults.saturating_add(1);
    }

    pub(super) fn operation(&self) {
        let mut history = self.history();
        history.operations = history.operations.saturating_add(1);
    }

    pub(super) fn violation(&self, checker: Checker, what: impl Into<String>) {
        let violation = Violation::new(checker, self.now(), what);
        self.note("check", || format!("VIOLATED: {violation}"));
        self.history().violations.push(violation);
    }

    /// A client has won a lock, or taken it over.
    pub(super) fn won(&self, client: usize, guard: &LockGuard, token: Option<FencingToken>) -> usize {
        let (now, until) = (self.now(), self.true_time(client, guard.expiration()));
        let value = LockValue::from_bytes(guard.identifier());
        self.note(&name(client), || {
            let fenced = token.map(|token| format!(" with token {token}")).unwrap_or_default();
            let (held, value) = (guard.resources().join("+"), leftovers::short(&value));
            format!("holds {held} as {value}{fenced} until {until:?}")
        });
        let record = LeaseRecord {
            client,
            resources: guard.resources().to_vec(),
            value,
            token,
            won_at: now,
            belief: Belief::new(now, until),
            sticky: Sticky::new(until),
            fate: Fate::Kept,
            signal: guard.signal(),
        };
        let mut history = self.history();
        history.leases.push(record);
        history.leases.len().saturating_sub(1)
    }

    /// Asks the guard what its holder may believe. Never under the history's lock: the answer may be an event.
    pub(super) fn sample(&self, lease: usize, signal: &LockSignal) -> bool {
        let (valid, now) = (signal.check().is_ok(), self.now());
        let until = self.true_time(self.client_of(lease), signal.expiration());
        let wrong = self.with(lease, |record| {
            if valid {
                record.belief.valid(now, until);
            } else {
                record.belief.lost(now);
            }
            record.sticky.saw(now, valid, until)
        });
        self.blame(wrong.flatten());
        valid
    }

    /// `lost()` was ready.
    pub(super) fn heard(&self, lease: usize, signal: &LockSignal, reason: LossReason) {
        self.sample(lease, signal);
        if reason == LossReason::Forgotten {
            self.count(Rare::Forgotten);
        }
        let (now, client) = (self.now(), self.client_of(lease));
        let wrong = self.with(lease, |record| {
            let due = self.due(record.client, record.sticky.valid_until(), now);
            record.sticky.heard(now, due)
        });
        self.note(&name(client), || format!("is told that lease {lease} is lost: {reason}"));
        self.blame(wrong.flatten());
    }

    /// The client's process goes on, and asks each of its guards before it does anything else.
    pub(super) fn goes_on(&self, client: usize) {
        let held: Vec<_> = {
            let history = self.history();
            let mine = history.leases.iter().enumerate().filter(|(_, lease)| lease.client == client);
            let believed = mine.filter(|(_, lease)| lease.belief.is_held());
            believed.map(|(number, lease)| (number, lease.signal.clone())).collect()
        };
        for (lease, signal) in held {
            if !self.sample(lease, &signal) {
                self.count(Rare::SleptThrough);
            }
        }
    }

    /// From now on the holder works no more under this lease.
    pub(super) fn given_up(&self, lease: usize, fate: Fate) {
        let now = self.now();
        self.with(lease, |record| {
            record.belief.given_up(now);
            record.fate = fate;
        });
    }

    /// The client is dead, and believes nothing any more.
    pub(super) fn crashed(&self, client: usize) {
        let now = self.now();
        for record in self.history().leases.iter_mut().filter(|record| record.client == client) {
            record.belief.given_up(now);
            record.fate = Fate::Crashed;
        }
    }

    /// The schedule is over: whoever has not heard of a loss never will.
    pub(super) fn close(&self) {
        let now = self.now();
        let wrong: Vec<_> = self
            .history()
            .leases
            .iter()
            .filter_map(|record| {
                record.sticky.end(now, self.due(record.client, record.sticky.valid_until(), now))
            })
            .collect();
        for wrong in wrong {
            self.violation(Checker::Sticky, wrong);
        }
    }

    fn client_of(&self, lease: usize) -> usize {
        self.with(lease, |record| record.client).unwrap_or(usize::MAX)
    }

    /// When, since the schedule's start, that client's clock comes to that moment.
    fn true_time(&self, client: usize, moment: Moment) -> Duration {
        self.host(client).map_or(Duration::MAX, |host| host.clock.true_time(moment))
    }

    /// When a client must have been told of a loss: at the end of the validity, or when its process goes on.
    fn due(&self, client: usize, valid_until: Duration, now: Duration) -> Duration {
        let Some(host) = self.host(client) else { return Duration::MAX };
        let stops = host.process.stops();
        let awake = stops.into_iter().map(|(_, until)| until).filter(|until| *until <= now).max();
        valid_until.saturating_add(host.lateness).max(awake.unwrap_or_default())
    }

    fn with<T>(&self, lease: usize, change: impl FnOnce(&mut LeaseRecord) -> T) -> Option<T> {
        self.history().leases.get_mut(lease).map(change)
    }

    fn blame(&self, wrong: Option<String>) {
        if let Some(wrong) = wrong {
            self.violation(Checker::Sticky, wrong);
        }
    }
}

pub(super) fn name(client: usize) -> String {
    format!("c{client}")
}
