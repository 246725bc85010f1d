//! The whole of an acquisition: attempts, the pauses between them, and what ends it.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};

use super::LockGuard;
use super::attempt::{Attempt, Lost, Won};
use super::view::look;
use crate::lease::{AutoExtend, Lease, NewLease};
use crate::mutants::{self, Mutant};
use crate::options::{Options, Terms};
use crate::shared::{Shared, deadline};
use crate::{AcquireError, ConfigError, Event, FenceProposal, Held, Keys, LockValue, Moment, Parameter};

pub(super) type Cancel = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An acquisition that was checked, and may begin.
pub(super) struct Acquiring {
    pub(super) shared: Arc<Shared>,
    pub(super) resources: Arc<[String]>,
    pub(super) keys: Keys,
    pub(super) options: Options,
    pub(super) terms: Terms,
    /// `try_acquire`: one attempt, whatever the policies say.
    pub(super) once: bool,
}

/// What is remembered over the attempts.
#[derive(Default)]
struct Progress {
    attempts: u32,
    /// Of the attempt that was won.
    rounds: u32,
    last: Option<AcquireError>,
    /// Who was found to hold the lock, and when.
    holder: Option<(Held, Moment)>,
}

impl Progress {
    /// The holder that was found, with what remains of its lease by now; `None` where there is none, or it should be over.
    fn holder(&self, now: Moment) -> Option<Held> {
        let (held, asked) = self.holder.as_ref()?;
        let since = now.saturating_since(*asked);
        let remaining = match held.remaining {
            Some(remaining) => Some(remaining.checked_sub(since)?),
            None => None,
        };
        Some(Held { remaining, ..held.clone() })
    }

    /// The last error, as it reads now.
    fn last_at(&mut self, now: Moment) -> Option<AcquireError> {
        match (self.last.take()?, self.holder(now)) {
            (AcquireError::Held(_), Some(held)) => Some(AcquireError::Held(Box::new(held))),
            (last, _) => Some(last),
        }
    }
}

/// What ended an acquisition from outside.
enum Stop {
    Cancelled,
    ShutDown,
    Deadline(Duration),
}

impl Acquiring {
    pub(super) async fn run(self, cancel: Option<Cancel>) -> Result<LockGuard, AcquireError> {
        let Ok(runtime) = Handle::try_current() else { return Err(AcquireError::NoRuntime) };
        // A shutdown waits until this is over, so that the runtime outlives the roll-back.
        let _counted = self.shared.nodes.tasks().token();
        let started = self.shared.now();
        let mut progress = Progress::default();
        let raced = race(self.stop(cancel), self.attempts(&runtime, &mut progress)).await;
        // An attempt that was under way has been dropped by now, and its roll-back handed to the background.
        let result = raced.unwrap_or_else(|stop| Err(stop.into_error(progress.last_at(self.shared.now()))));
        let (resources, attempts, rounds) = (&self.resources, progress.attempts, progress.rounds);
        match &result {
            Ok(guard) => self.shared.observers.emit(|| {
                let waited = self.shared.now().saturating_since(started);
                let fencing_token = guard.fence().map(|fence| fence.token);
                let validity = guard.remaining();
                Event::Acquired { resources, attempts, rounds, waited, validity, fencing_token }
            }),
            Err(error) => self.shared.observers.emit(|| Event::Failed { resources, attempts, error }),
        }
        result
    }

    /// Ready when the acquisition must end, whatever its attempts say.
    async fn stop(&self, mut cancel: Option<Cancel>) -> Stop {
        let limit = self.options.deadline;
        let mut timer = pin!(limit.map(|limit| sleep_until(deadline(limit))));
        let mut closed = pin!(self.shared.closed.cancelled());
        poll_fn(|context| {
            if closed.as_mut().poll(context).is_ready() {
                return Poll::Ready(Stop::ShutDown);
            }
            if cancel.as_mut().is_some_and(|cancel| cancel.as_mut().poll(context).is_ready()) {
                return Poll::Ready(Stop::Cancelled);
            }
            match (timer.as_mut().as_pin_mut(), limit) {
                (Some(timer), Some(limit)) => timer.poll(context).map(|()| Stop::Deadline(limit)),
                _ => Poll::Pending,
            }
        })
        .await
    }

    async fn attempts(&self, runtime: &Handle, progress: &mut Progress) -> Result<LockGuard, AcquireError> {
        if let Some(error) = self.forbidden() {
            return Err(error);
        }
        let mut value = self.fresh_value()?;
        loop {
            progress.attempts = progress.attempts.saturating_add(1);
            let (shared, claimed) = (Arc::clone(&self.shared), (self.keys.clone(), value.clone()));
            let attempt = Attempt::new(shared, runtime.clone(), self.terms, claimed, self.fence_proposal()?);
            match attempt.run().await {
                Ok(won) => {
                    progress.rounds = won.rounds;
                    return self.guard(runtime, won);
                }
                Err(lost) => self.pause(lost, progress).await?,
            }
            if !mutants::active(Mutant::TokenKeptOverAttempts) {
                value = self.fresh_value()?;
            }
        }
    }

    /// Above that of every attempt before.
    fn fence_proposal(&self) -> Result<Option<FenceProposal>, AcquireError> {
        if !self.options.fenced {
            return Ok(None);
        }
        let candidate = self.shared.candidates.next()?;
        Ok(Some(self.terms.limits.fence_proposal(candidate)))
    }

    fn guard(&self, runtime: &Handle, won: Won) -> Result<LockGuard, AcquireError> {
        let until = self.options.max_hold.map(|hold| self.shared.now().saturating_add(hold));
        let auto = AutoExtend { threshold: self.terms.extend_threshold, until };
        let guard = LockGuard::new(Lease::begin(NewLease {
            shared: Arc::clone(&self.shared),
            resources: Arc::clone(&self.resources),
            claim: won.claim,
            terms: self.terms,
            valid_until: won.valid_until,
            homes: won.homes,
            runtime: runtime.clone(),
            auto: self.options.auto_extend.then_some(auto),
        }));
        // A shutdown that began in this very moment may have missed the new lease; dropped, it is released.
        if self.shared.closed.is_cancelled() { Err(AcquireError::ShutDown) } else { Ok(guard) }
    }

    /// Waits for the next attempt, or says that there is none.
    async fn pause(&self, lost: Lost, progress: &mut Progress) -> Result<(), AcquireError> {
        let policy = self.options.policy(matches!(lost, Lost::Refused));
        // With a deadline, only the deadline counts.
        let last = self.once || (self.options.deadline.is_none() && !policy.allows(progress.attempts));
        let began = Instant::now();
        if let Some(error) = self.forbidden() {
            return Err(error);
        }
        let error = self.explain(lost, last, progress).await;
        let (resources, attempt) = (&self.resources, progress.attempts);
        self.shared.observers.emit(|| Event::AttemptLost { resources, attempt, error: &error });
        if last || !error.is_retryable() {
            return Err(error);
        }
        progress.last = Some(error);
        // The time in which the holder was asked for is part of the pause.
        let delay = policy.next_delay(&*self.shared.entropy)?.saturating_sub(began.elapsed());
        sleep(delay).await;
        Ok(())
    }

    /// Why nothing may be locked on these nodes, as is known by now.
    fn forbidden(&self) -> Option<AcquireError> {
        let shared = &self.shared;
        if let Some(twins) = shared.members.duplicate() {
            let names: Vec<_> = shared.names().collect();
            return Some(ConfigError::new(Parameter::Nodes, names, twins.to_string()).into());
        }
        shared.members.forbids(shared.now()).map(|conflict| AcquireError::NodeSetConflict(Box::new(conflict)))
    }

    /// The error of a lost attempt. Who holds the lock is asked after the first refusal, again when that lease should be
    /// over, and after the last.
    async fn explain(&self, lost: Lost, last: bool, progress: &mut Progress) -> AcquireError {
        match lost {
            Lost::NoQuorum(error) => AcquireError::NoQuorum(Box::new(error)),
            Lost::ValidityExhausted { elapsed } => {
                AcquireError::ValidityExhausted { ttl: self.terms.ttl.as_duration(), elapsed }
            }
            Lost::Refused => {
                let known = progress.holder(self.shared.now()).filter(|_| !last);
                let held = match known {
                    Some(held) => held,
                    None => look(&self.shared, &self.keys, &self.resources, self.terms.node_timeout).await,
                };
                progress.holder = Some((held.clone(), self.shared.now()));
                AcquireError::Held(Box::new(held))
            }
        }
    }

    /// 128 fresh random bits: never the token of another attempt.
    fn fresh_value(&self) -> Result<LockValue, AcquireError> {
        let mut random = [0; 16];
        self.shared.entropy.fill(&mut random)?;
        Ok(LockValue::compose(&self.options.label, random, self.options.holder.as_ref()))
    }
}

impl Stop {
    fn into_error(self, last: Option<AcquireError>) -> AcquireError {
        match self {
            Self::Cancelled => AcquireError::Cancelled,
            Self::ShutDown => AcquireError::ShutDown,
            Self::Deadline(after) => AcquireError::Deadline { after, last: last.map(Box::new) },
        }
    }
}

/// The result of `work`, unless `stop` is ready first; always polled in this order, so that a run can be replayed.
async fn race<T>(stop: impl Future<Output = Stop>, work: impl Future<Output = T>) -> Result<T, Stop> {
    let (mut stop, mut work) = (pin!(stop), pin!(work));
    poll_fn(|context| match stop.as_mut().poll(context) {
        Poll::Ready(stop) => Poll::Ready(Err(stop)),
        Poll::Pending => work.as_mut().poll(context).map(Ok),
    })
    .await
}
