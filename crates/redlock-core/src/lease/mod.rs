//! A held lock: until when it may be believed, how it is kept, and how it ends.
//!
//! [`state`] decides without I/O; [`extend`] and [`release`] talk to the nodes, one of them at a time; [`registry`] knows
//! every live lease, and wakes each when something is due.

mod claim;
mod extend;
mod homes;
mod registry;
mod release;
mod state;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::sleep;

pub(crate) use claim::Claim;
pub use extend::Extension;
pub(crate) use registry::Registry;
pub(crate) use state::{AutoExtend, LeaseState};

use homes::Homes;

use crate::options::Terms;
use crate::shared::Shared;
use crate::{Epoch, Event, LossReason, Moment, StopReason};

/// The clock is read again at least this often while anybody waits for a loss: a suspended machine's timers stand still,
/// its leases do not.
const CLOCK_CHECK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: u64,
    pub(crate) shared: Arc<Shared>,
    pub(crate) resources: Arc<[String]>,
    pub(crate) claim: Claim,
    pub(crate) terms: Terms,
    homes: Homes,
    pub(crate) acquired_at: Moment,
    /// Where the lock was acquired: what is left to do when no other runtime is at hand is done there.
    pub(crate) runtime: Handle,
    state: Mutex<LeaseState>,
    changed: Notify,
    /// Extension, re-planting and release exclude each other; only a release does not wait for ever.
    turn: tokio::sync::Mutex<()>,
}

/// What a lease is made of.
pub(crate) struct NewLease {
    pub(crate) shared: Arc<Shared>,
    pub(crate) resources: Arc<[String]>,
    pub(crate) claim: Claim,
    pub(crate) terms: Terms,
    pub(crate) valid_until: Moment,
    /// Which nodes said that they hold it, and over which connections.
    pub(crate) homes: Vec<(usize, Epoch)>,
    pub(crate) runtime: Handle,
    pub(crate) auto: Option<AutoExtend>,
}

impl Lease {
    /// A lease that a quorum has just granted; from here on it is watched.
    pub(crate) fn begin(new: NewLease) -> Arc<Self> {
        let lease = Self::unwatched(new);
        lease.watch();
        lease
    }

    /// Told from here on when a node forgets; and now, if one has since it granted.
    fn watch(self: &Arc<Self>) {
        self.shared.registry.add(self);
        self.node_forgot();
    }

    fn unwatched(new: NewLease) -> Arc<Self> {
        let NewLease { shared, resources, claim, terms, valid_until, homes, runtime, auto } = new;
        Arc::new(Self {
            id: shared.registry.next_id(),
            acquired_at: shared.now(),
            state: Mutex::new(LeaseState::new(valid_until, auto)),
            changed: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            homes: Homes::of(&shared.nodes, &homes),
            shared,
            resources,
            claim,
            terms,
            runtime,
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, LeaseState> {
        // No code panics while it holds the lock; and the state is right at each step, so a poisoned one may go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What remains, or why nothing does. The first caller to see the end of the lease makes it known.
    pub(crate) fn check(&self) -> Result<Duration, LossReason> {
        let now = self.shared.now();
        let (verdict, news) = {
            let mut state = self.state();
            let before = state.ended();
            let verdict = state.check(now);
            (verdict, before.is_none() && state.ended().is_some())
        };
        if news && let Err(reason) = verdict {
            self.announce(reason);
        }
        verdict
    }

    /// Ends the lease before its validity does. The reason that stands, which is the first one.
    pub(crate) fn lose(&self, reason: LossReason) -> LossReason {
        let (news, stands) = {
            let mut state = self.state();
            (state.end(reason), state.ended().unwrap_or(reason))
        };
        if news {
            self.announce(reason);
        }
        stands
    }

    /// A node has restarted and forgot. Where fewer nodes than a quorum have kept the lease, somebody else may take it.
    pub(crate) fn node_forgot(&self) {
        let forgotten = self.homes.forgotten(|node| self.shared.members.forgot_since(node));
        if forgotten > self.shared.quorum().tolerated() {
            self.lose(LossReason::Forgotten);
        }
    }

    fn announce(&self, reason: LossReason) {
        self.changed.notify_waiters();
        if !matches!(reason, LossReason::Released | LossReason::Detached) {
            self.shared.observers.emit(|| Event::Lost { resources: &self.resources, reason });
        }
    }

    /// Waits until the lease has ended, by the timer of whichever runtime polls it: no I/O and no other task is needed.
    pub(crate) async fn lost(self: &Arc<Self>) -> LossReason {
        if Handle::try_current().is_ok() {
            return self.lost_here().await;
        }
        let lease = Arc::clone(self);
        self.runtime.spawn(async move { lease.lost_here().await }).await.unwrap_or(LossReason::RuntimeGone)
    }

    async fn lost_here(&self) -> LossReason {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let remaining = match self.check() {
                Ok(remaining) => remaining,
                Err(reason) => return reason,
            };
            let mut timer = pin!(sleep(remaining.min(CLOCK_CHECK)));
            poll_fn(|context| {
                let ready =
                    changed.as_mut().poll(context).is_ready() || timer.as_mut().poll(context).is_ready();
                if ready { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }

    /// Switches automatic extension on, or changes it.
    pub(crate) fn extend_automatically(self: &Arc<Self>, auto: AutoExtend) {
        self.state().set_auto(Some(auto));
        self.shared.registry.reschedule(self);
    }

    /// Does what is due at this moment.
    fn wake(self: &Arc<Self>) {
        if self.check().is_err() {
            return;
        }
        let due = self.state().take_due(self.shared.now());
        match due {
            Some(state::Due::Extend) => self.spawn_extension(),
            Some(state::Due::Stop) => self.auto_extension_stopped(StopReason::MaxHold),
            None => {}
        }
    }

    fn auto_extension_stopped(&self, why: StopReason) {
        self.shared.observers.emit(|| Event::AutoExtensionStopped { resources: &self.resources, why });
    }
}
