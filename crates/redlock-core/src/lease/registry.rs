//! Every live lease of a `Redlock`, and the one scheduler that wakes them when something is due.
//!
//! There is one scheduling task for each runtime in which locks were acquired: a lease is served where it lives. When a
//! runtime shuts down, its leases are taken over by the runtime of the next acquisition, and their observer is told.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{CLOCK_CHECK, Lease};
use crate::{Clock, Moment, StopReason};

#[derive(Debug)]
pub(crate) struct Registry {
    clock: Arc<dyn Clock>,
    next_id: AtomicU64,
    closed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    leases: BTreeMap<u64, Entry>,
    /// By worker, then by time.
    timeline: BTreeSet<(u64, Moment, u64)>,
    workers: BTreeMap<u64, Worker>,
    next_worker: u64,
    /// A worker has gone, whose leases nobody serves.
    has_orphans: bool,
}

#[derive(Debug)]
struct Entry {
    lease: Weak<Lease>,
    worker: u64,
    due: Option<Moment>,
}

#[derive(Debug)]
struct Worker {
    runtime: runtime::Id,
    wake: Arc<Notify>,
    /// When it will look at the timeline again by itself; `None` while it has nothing to wait for.
    looks_at: Option<Moment>,
}

impl Registry {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = Mutex::new(State::default());
        Arc::new(Self { clock, next_id: AtomicU64::new(0), closed: AtomicBool::new(false), state })
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Watches a new lease from its own runtime, and takes over those whose runtime is gone.
    pub(crate) fn add(self: &Arc<Self>, lease: &Arc<Lease>) {
        let recruit = {
            let mut state = self.state();
            let due = lease.state().next_wake();
            let (worker, recruit) = state.worker_of(lease.runtime.id());
            state.adopt_orphans(worker);
            state.leases.insert(lease.id, Entry { lease: Arc::downgrade(lease), worker, due: None });
            state.set_due(lease.id, due);
            recruit.map(|wake| (worker, wake))
        };
        if let Some((number, wake)) = recruit {
            // Not under the lock: a runtime that shuts down drops the task right here, and the task then takes the lock.
            lease.runtime.spawn(serve(Farewell { registry: Arc::clone(self), number }, wake));
        }
    }

    pub(crate) fn reschedule(&self, lease: &Lease) {
        let mut state = self.state();
        // Under the lock: of two that reschedule at once, the later one must not have looked earlier.
        let due = lease.state().next_wake();
        state.set_due(lease.id, due);
    }

    pub(crate) fn remove(&self, lease: &Lease) {
        let mut state = self.state();
        state.set_due(lease.id, None);
        state.leases.remove(&lease.id);
    }

    /// The live leases, oldest first.
    pub(crate) fn leases(&self) -> Vec<Arc<Lease>> {
        self.state().leases.values().filter_map(|entry| entry.lease.upgrade()).collect()
    }

    /// Ends the scheduling tasks.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for worker in self.state().workers.values() {
            worker.wake.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_due(&self, worker: u64, now: Moment) -> Vec<Arc<Lease>> {
        let mut state = self.state();
        let range = (worker, Moment::ORIGIN, 0)..=(worker, now, u64::MAX);
        let due: Vec<_> = state.timeline.range(range).map(|(_, _, id)| *id).collect();
        let mut leases = Vec::with_capacity(due.len());
        for id in due {
            state.set_due(id, None);
            match state.leases.get(&id).and_then(|entry| entry.lease.upgrade()) {
                Some(lease) => leases.push(lease),
                // The guard was leaked or its release lost with its runtime.
                None => drop(state.leases.remove(&id)),
            }
        }
        leases
    }

    /// How long a worker may sleep: to the next due lease, but not past the next look at the clock.
    fn rest(&self, worker: u64) -> Option<Duration> {
        let mut state = self.state();
        let next =
            state.timeline.range((worker, Moment::ORIGIN, 0)..).next().filter(|(of, _, _)| *of == worker);
        let next = next.map(|(_, due, _)| *due);
        let now = self.clock.now();
        let rest = next.map(|due| due.saturating_since(now).min(CLOCK_CHECK));
        if let Some(worker) = state.workers.get_mut(&worker) {
            worker.looks_at = rest.map(|rest| now.saturating_add(rest));
        }
        rest
    }
}

impl State {
    /// The worker of a runtime; a new one comes with what its task needs to start.
    fn worker_of(&mut self, runtime: runtime::Id) -> (u64, Option<Arc<Notify>>) {
        if let Some((number, _)) = self.workers.iter().find(|(_, worker)| worker.runtime == runtime) {
            return (*number, None);
        }
        let number = self.next_worker;
        self.next_worker = number.wrapping_add(1);
        let wake = Arc::new(Notify::new());
        self.workers.insert(number, Worker { runtime, wake: Arc::clone(&wake), looks_at: None });
        (number, Some(wake))
    }

    fn set_due(&mut self, id: u64, due: Option<Moment>) {
        let Some(entry) = self.leases.get_mut(&id) else { return };
        if let Some(before) = entry.due {
            self.timeline.remove(&(entry.worker, before, id));
        }
        entry.due = due;
        let Some(due) = due else { return };
        self.timeline.insert((entry.worker, due, id));
        if let Some(worker) = self.workers.get(&entry.worker)
            && worker.looks_at.is_none_or(|at| due < at)
        {
            worker.wake.notify_one();
        }
    }

    fn adopt_orphans(&mut self, worker: u64) {
        if !std::mem::take(&mut self.has_orphans) {
            return;
        }
        let is_orphan = |entry: &Entry| !self.workers.contains_key(&entry.worker);
        let orphans = self.leases.iter().filter(|(_, entry)| is_orphan(entry));
        let orphans: Vec<_> = orphans.map(|(id, entry)| (*id, entry.due)).collect();
        for (id, due) in orphans {
            self.set_due(id, None);
            if let Some(entry) = self.leases.get_mut(&id) {
                entry.worker = worker;
            }
            self.set_due(id, due);
        }
    }
}

async fn serve(farewell: Farewell, wake: Arc<Notify>) {
    let Farewell { registry, number } = &farewell;
    while !registry.closed.load(Ordering::Acquire) {
        for lease in registry.take_due(*number, registry.clock.now()) {
            lease.wake();
            registry.reschedule(&lease);
        }
        let mut woken = pin!(wake.notified());
        match registry.rest(*number) {
            None => woken.await,
            Some(rest) => {
                let mut timer = pin!(sleep(rest));
                poll_fn(|context| {
                    let ready =
                        woken.as_mut().poll(context).is_ready() || timer.as_mut().poll(context).is_ready();
                    if ready { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
        }
    }
}

/// Strikes a worker off when its task ends, which only a runtime that shuts down does while leases live.
struct Farewell {
    registry: Arc<Registry>,
    number: u64,
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let left = {
            let mut state = self.registry.state();
            state.workers.remove(&self.number);
            state.has_orphans = true;
            let leases = state.leases.values().filter(|entry| entry.worker == self.number);
            leases.filter_map(|entry| entry.lease.upgrade()).collect::<Vec<_>>()
        };
        for lease in left {
            if lease.state().auto().is_some() {
                lease.auto_extension_stopped(StopReason::RuntimeGone);
            }
        }
    }
}
