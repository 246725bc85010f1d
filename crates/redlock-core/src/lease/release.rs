//! How a lease is given up: by its holder, by a dropped guard, or into another's hands.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, Handle};
use tokio::time::timeout;

use crate::quorum::InFlight;
use crate::release::ReleaseTally;
use crate::shared::Shared;
use crate::unconfirmed::{self, Sending};
use crate::{BackendError, Event, LossReason, ReleaseOutcome, Reply};

use super::Lease;

impl Lease {
    /// Releases on all nodes and waits until a quorum has decided; the rest goes on in the background. Later calls give the
    /// same outcome and send nothing.
    pub(crate) async fn release(self: &Arc<Self>) -> ReleaseOutcome {
        if Handle::try_current().is_ok() {
            let _goes_on = GoesOn(self);
            return self.release_here().await;
        }
        let lease = Arc::clone(self);
        let released = self.runtime.spawn(async move { lease.release_here().await }).await;
        released.unwrap_or_else(|_| ReleaseOutcome::unknown(self.shared.names()))
    }

    async fn release_here(&self) -> ReleaseOutcome {
        // An extension under way is decided within a node's time limit. One that its caller holds and polls no more must not
        // hold up the release for ever; it finds the lease ended when it goes on.
        let _turn = timeout(self.terms.node_timeout.saturating_mul(2), self.turn.lock()).await.ok();
        if let Some(outcome) = self.state().outcome() {
            return outcome.clone();
        }
        let lease = self.longest_lease();
        if self.give_up(LossReason::Released) == LossReason::Detached {
            // A shutdown comes too late: the lock belongs to whoever has the ticket.
            return ReleaseOutcome::unknown(self.shared.names());
        }
        let resumed = self.state().send_release();
        let outcome = self.release_on_nodes(resumed, lease).await;
        self.state().released(outcome.clone());
        let held = self.shared.now().saturating_since(self.acquired_at);
        self.shared.observers.emit(|| Event::Released {
            resources: &self.resources,
            outcome: &outcome,
            held,
        });
        outcome
    }

    /// How long a node may keep the keys at most.
    fn longest_lease(&self) -> Duration {
        let extended = self.state().valid_until().saturating_since(self.shared.now());
        let ttl = self.terms.ttl.as_duration();
        // An extension may have been longer than the lease; what its drift took from its validity is guessed.
        if extended > ttl { extended.saturating_add(extended / 2) } else { ttl }
    }

    async fn release_on_nodes(&self, resumed: bool, lease: Duration) -> ReleaseOutcome {
        let mut tally = ReleaseTally::new(self.shared.quorum(), self.claim.keys.len(), resumed);
        let limit = self.terms.node_timeout;
        let sending = Sending::of(&self.claim, limit, lease);
        let in_flight = Some(self.shared.send(self.claim.release(), limit));
        let mut releasing = Releasing { shared: &self.shared, sending, in_flight };
        while tally.verdict().is_none() {
            let Some((node, reply)) = releasing.next().await else { break };
            tally.record(node, self.told(node, reply));
        }
        tally.into_outcome(self.shared.names())
    }

    fn told(&self, node: usize, reply: Result<Reply, BackendError>) -> Result<Reply, BackendError> {
        reply.inspect_err(|error| {
            self.shared.fault(node, error.clone(), "release");
        })
    }

    /// What a dropped guard does: the release goes on without it.
    pub(crate) fn release_in_background(self: Arc<Self>) {
        if self.state().is_given_up() {
            return;
        }
        // At once, so that no extension begins any more.
        if self.give_up(LossReason::Released) == LossReason::Detached {
            return;
        }
        let runtime = self.runtime_here();
        self.spawn_release(&runtime);
    }

    fn spawn_release(self: Arc<Self>, runtime: &Handle) {
        let tasks = self.shared.nodes.tasks().clone();
        let pending = PendingRelease { lease: Some(Arc::clone(&self)), tried: runtime.id() };
        tasks.spawn(runtime, async move {
            self.release_here().await;
            pending.done();
        });
    }

    /// Stops keeping the lease, and leaves it on the nodes for whoever adopts it. `Err` where it has ended.
    pub(crate) async fn detach(&self) -> Result<(), LossReason> {
        // Not while an extension is under way, whose late reply would belong to nobody.
        let _turn = self.turn.lock().await;
        self.check()?;
        match self.give_up(LossReason::Detached) {
            LossReason::Detached => Ok(()),
            // Another thread was quicker.
            reason => Err(reason),
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.state().ended() == Some(LossReason::Detached)
    }

    /// The reason that stands: a lease that was handed on must not be released any more.
    fn give_up(&self, reason: LossReason) -> LossReason {
        self.shared.registry.remove(self);
        self.lose(reason)
    }

    /// The runtime of the caller, or else the one of the acquisition.
    pub(super) fn runtime_here(&self) -> Handle {
        Handle::try_current().unwrap_or_else(|_| self.runtime.clone())
    }
}

/// A release that was sent. Dropped, be it decided or given up by its caller, it sees to the answers that are still to come in
/// the background: a node that does not confirm is asked again.
struct Releasing<'a> {
    shared: &'a Arc<Shared>,
    sending: Sending,
    /// `None` only while it is dropped.
    in_flight: Option<InFlight>,
}

impl Releasing<'_> {
    async fn next(&mut self) -> Option<(usize, Result<Reply, BackendError>)> {
        let (node, reply) = self.in_flight.as_mut()?.next().await?;
        unconfirmed::answered(self.shared, node, &reply, &self.sending);
        Some((node, reply))
    }
}

impl Drop for Releasing<'_> {
    fn drop(&mut self) {
        let Some(in_flight) = self.in_flight.take() else { return };
        let (shared, sending) = (Arc::clone(self.shared), self.sending.clone());
        let heard = move |node, reply: &Result<_, _>| unconfirmed::answered(&shared, node, reply, &sending);
        self.shared.leave_to(in_flight, "release", heard);
    }
}

/// Hands a release to the background whose caller dropped it while an extension had the turn. Once it is sent, there is
/// nothing to hand on.
struct GoesOn<'a>(&'a Arc<Lease>);

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        Arc::clone(self.0).release_in_background();
    }
}

/// A background release. Where its runtime drops it before it is done, the runtime of the acquisition takes it over, and
/// where that was the one, the lock is an orphan.
struct PendingRelease {
    lease: Option<Arc<Lease>>,
    tried: runtime::Id,
}

impl PendingRelease {
    fn done(mut self) {
        self.lease = None;
    }
}

impl Drop for PendingRelease {
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        if self.tried == lease.runtime.id() {
            lease.shared.observers.emit(|| Event::Orphaned { resources: &lease.resources });
        } else {
            let runtime = lease.runtime.clone();
            lease.spawn_release(&runtime);
        }
    }
}
