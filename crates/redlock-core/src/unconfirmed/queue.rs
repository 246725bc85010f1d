//! The releases that nodes owe a confirmation for, and what an answer says about one; without I/O.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{AGAIN, RETRY, Sending, Trace};
use crate::shared::deadline;
use crate::{BackendError, LockReply, Released, Reply};

/// At one node; of more than that the oldest, whose leases end first, are left to their ttl.
const MOST: usize = 1024;

/// A release that a node has not confirmed.
#[derive(Debug)]
pub(super) struct Debt {
    pub(super) sending: Sending,
    pub(super) due: Instant,
    until: Instant,
    /// When the node answered for the first time.
    first_answer: Option<Instant>,
    /// How often the node has answered while something might come behind.
    answers: usize,
    /// Whether this is a repeat: then the time of the acquire is over.
    again: bool,
    waits_for_acquire: bool,
}

/// What an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing of the claim stands at the node, nor can it come.
    Confirmed,
    /// The node did not answer.
    Retry,
    /// It answered; an acquire that was under way may come behind it.
    AfterAcquire,
    /// It answered; what a replaced connection had sent may come behind it.
    Again,
    /// It would fail again.
    Hopeless,
}

impl Debt {
    pub(super) fn new(sending: Sending) -> Self {
        let now = Instant::now();
        Self {
            due: now,
            until: deadline(sending.lease),
            first_answer: None,
            answers: 0,
            again: false,
            waits_for_acquire: false,
            sending,
        }
    }

    /// It is about to be sent again.
    pub(super) fn sent_again(&mut self) {
        self.again = true;
        self.waits_for_acquire = false;
        self.sending.settled = self.sending.claim.traces.settled();
    }

    pub(super) fn judge(&mut self, node: usize, reply: &Result<Reply, BackendError>) -> Verdict {
        let trace = self.sending.claim.traces.of(node);
        match reply {
            _ if trace == Trace::Nothing => Verdict::Confirmed,
            Ok(reply) if self.is_confirmed(node, trace, reply) => Verdict::Confirmed,
            Ok(_) => self.answered(trace),
            Err(error) if error.is_retryable() => {
                self.due = deadline(RETRY);
                Verdict::Retry
            }
            Err(_) => Verdict::Hopeless,
        }
    }

    /// Whether nothing can come behind this answer.
    fn is_confirmed(&self, node: usize, trace: Trace, reply: &Reply) -> bool {
        let keys = u64::try_from(self.sending.claim.keys.len()).unwrap_or(u64::MAX);
        let removed = matches!(
            &reply.answer,
            crate::Answer::Lock(LockReply::Released(Released { removed, .. })) if *removed == keys
        );
        // What was removed had been planted, and nothing is planted twice. And on one connection nothing overtakes but an
        // acquire that its caller sends again, within its time.
        removed || self.sending.is_behind_all(node) || (self.again && trace == Trace::Open(Some(reply.epoch)))
    }

    fn answered(&mut self, trace: Trace) -> Verdict {
        if !self.again || trace == Trace::Answered {
            let wait = if trace == Trace::Answered { Duration::ZERO } else { self.sending.limit };
            self.due = deadline(wait);
            self.waits_for_acquire = true;
            return Verdict::AfterAcquire;
        }
        let pause = AGAIN.get(self.answers).copied();
        self.answers = self.answers.saturating_add(1);
        let first = *self.first_answer.get_or_insert_with(Instant::now);
        let due = pause.and_then(|pause| first.checked_add(pause)).filter(|due| *due < self.until);
        match due {
            Some(due) => {
                self.due = due.max(Instant::now());
                Verdict::Again
            }
            None => Verdict::Confirmed,
        }
    }
}

/// The lists, by node.
#[derive(Debug)]
pub(crate) struct Unconfirmed(Vec<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    debts: VecDeque<Debt>,
    /// Whether a task sees to them.
    served: bool,
    /// Until when that task sleeps.
    looks_at: Option<Instant>,
    wake: Arc<Notify>,
}

impl Unconfirmed {
    pub(crate) fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| Mutex::default()).collect())
    }

    /// How many there are, over all nodes.
    pub(crate) fn len(&self) -> usize {
        (0..self.0.len()).filter_map(|node| self.queue(node)).map(|queue| queue.debts.len()).sum()
    }

    /// Puts it on the list; `given_up` tells of one that had to make room for it.
    pub(super) fn push(&self, node: usize, debt: Debt, given_up: impl FnOnce()) -> bool {
        let Some(mut queue) = self.queue(node) else { return false };
        if queue.looks_at.is_some_and(|at| debt.due < at) {
            queue.wake.notify_one();
        }
        queue.debts.push_back(debt);
        let full = queue.debts.len() > MOST && queue.debts.pop_front().is_some();
        drop(queue);
        if full {
            given_up();
        }
        true
    }

    /// When no acquire is under way any more that a release has already answered for.
    pub(super) fn acquires_over(&self, node: usize) -> Option<Instant> {
        let queue = self.queue(node)?;
        queue.debts.iter().filter(|debt| debt.waits_for_acquire).map(|debt| debt.due).max()
    }

    /// Whether nobody serves the node yet; from now on somebody does.
    pub(super) fn begin_service(&self, node: usize) -> bool {
        self.queue(node).is_some_and(|mut queue| !std::mem::replace(&mut queue.served, true))
    }

    pub(super) fn end_service(&self, node: usize) {
        if let Some(mut queue) = self.queue(node) {
            queue.served = false;
        }
    }

    /// When something is due, and by what a release that is due earlier tells of itself; the service ends with the last.
    pub(super) fn next_due_or_end_service(&self, node: usize) -> Option<(Instant, Arc<Notify>)> {
        let mut queue = self.queue(node)?;
        let due = queue.debts.iter().map(|debt| debt.due).min();
        queue.served = due.is_some();
        queue.looks_at = due;
        due.map(|due| (due, Arc::clone(&queue.wake)))
    }

    /// What is due, or everything; without what needs no repeat any more.
    pub(super) fn take_due(&self, node: usize, all: bool, mut given_up: impl FnMut()) -> Vec<Debt> {
        let Some(mut queue) = self.queue(node) else { return Vec::new() };
        queue.looks_at = None;
        let now = Instant::now();
        let debts = std::mem::take(&mut queue.debts).into_iter();
        let (due, later): (Vec<_>, _) = debts.partition(|debt| all || debt.due <= now);
        queue.debts = later.into();
        drop(queue);
        let wanted = due.into_iter().filter(|debt| debt.sending.claim.traces.of(node) != Trace::Nothing);
        let (alive, over): (Vec<_>, Vec<_>) = wanted.partition(|debt| debt.until > now);
        for _ in over {
            given_up();
        }
        alive
    }

    fn queue(&self, node: usize) -> Option<MutexGuard<'_, Queue>> {
        self.0.get(node).map(|queue| queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
