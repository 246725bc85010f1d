//! Releases that a node has not confirmed are repeated, by one background task for each such node, until it has confirmed
//! them or the lease would have ended.
//!
//! A release is confirmed where the node has executed it and nothing that was sent before can come after it: it removed
//! what had been planted, or whatever plants had been answered when it was sent. Otherwise:
//! - The node answered, but an acquire was under way, which may come behind it (it was sent again after `NOSCRIPT`). The
//!   release is sent again when the acquire has been answered, or its time is over.
//! - The node did not answer: one of the releases is sent again every [`RETRY`], and all of them once that is answered, so
//!   that a dead node costs next to nothing and is clean as soon as it is back.
//! - It answered, but over a connection that has replaced the one of an acquire without an answer: the network may yet
//!   deliver that (a late `SET` was seen 27 s after its connection was closed). Sent again after [`AGAIN`].

mod queue;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep_until, timeout_at};

pub(crate) use queue::Unconfirmed;
use queue::{Debt, Verdict};
pub(crate) use trace::{Trace, Traces};

use crate::lease::Claim;
use crate::mutants::{self, Mutant};
use crate::quorum::InFlight;
use crate::shared::{Shared, deadline};
use crate::{BackendError, Event, Reply};

/// Between two attempts at a node that does not answer.
const RETRY: Duration = Duration::from_millis(200);
/// After a release that was answered, while an acquire may still be under way.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16), Duration::from_secs(64)];
/// So many releases are on their way to a node that has come back at the same time.
const AT_ONCE: usize = 64;

/// A release that is being sent, and for how long it may be worth repeating.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    claim: Claim,
    /// How long a node may take to answer.
    limit: Duration,
    /// How long a node may keep what is released.
    lease: Duration,
    /// At which nodes nothing of the claim was under way when it was sent.
    settled: Vec<bool>,
}

impl Sending {
    /// The release of that claim, about to be sent.
    pub(crate) fn of(claim: &Claim, limit: Duration, lease: Duration) -> Self {
        Self { claim: claim.clone(), limit, lease, settled: claim.traces.settled() }
    }

    fn is_behind_all(&self, node: usize) -> bool {
        self.settled.get(node).copied().unwrap_or(false)
    }

    /// A node's answer to the acquire.
    pub(crate) fn answered(&self, node: usize, granted: Result<bool, &BackendError>) {
        self.claim.traces.answered(node, granted);
    }

    /// Sends it to those nodes.
    pub(crate) fn send_to(&self, shared: &Shared, nodes: impl IntoIterator<Item = usize>) -> InFlight {
        shared.nodes.send_to(nodes, self.claim.release().into(), deadline(self.limit))
    }
}

/// Waits for the answers to a release, and repeats it at the nodes that do not confirm it.
pub(crate) async fn until_confirmed(shared: &Arc<Shared>, mut release: InFlight, sending: &Sending) {
    while let Some((node, reply)) = release.next().await {
        answered(shared, node, &reply, sending);
    }
}

/// Takes note of one node's answer to a release, and sees to the repeats.
pub(crate) fn answered(
    shared: &Arc<Shared>,
    node: usize,
    reply: &Result<Reply, BackendError>,
    sending: &Sending,
) {
    let mut debt = Debt::new(sending.clone());
    let verdict = debt.judge(node, reply);
    if keep(shared, node, debt, verdict)
        && let Ok(runtime) = Handle::try_current()
        && shared.unconfirmed.begin_service(node)
    {
        let service = Service { shared: Arc::clone(shared), node, over: false };
        shared.nodes.tasks().spawn(&runtime, service.run());
    }
}

/// Whether the release stays on the list.
fn keep(shared: &Shared, node: usize, debt: Debt, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Confirmed => false,
        _ if mutants::active(Mutant::ReleasesSentOnce) => false,
        // What may still come of the network is not waited for in a shutdown.
        Verdict::Again if shared.closed.is_cancelled() => false,
        Verdict::Again | Verdict::AfterAcquire | Verdict::Retry => {
            shared.unconfirmed.push(node, debt, || unconfirmed(shared, node))
        }
        Verdict::Hopeless => {
            unconfirmed(shared, node);
            false
        }
    }
}

fn unconfirmed(shared: &Shared, node: usize) {
    shared.observers.emit(|| Event::ReleaseUnconfirmed { node: shared.nodes.name(node) });
}

/// The task that repeats the releases of one node, as long as there are any.
struct Service {
    shared: Arc<Shared>,
    node: usize,
    over: bool,
}

impl Service {
    async fn run(mut self) {
        while let Some((due, earlier)) = self.shared.unconfirmed.next_due_or_end_service(self.node) {
            // Where another is due earlier, this pass sends nothing, or just that one.
            let rest = timeout_at(due, earlier.notified());
            // A shutdown has everything tried once more, as soon as no acquire is under way; the rest is left to the ttl.
            let last = self.shared.closed.run_until_cancelled(rest).await.is_none();
            if last && let Some(over) = self.shared.unconfirmed.acquires_over(self.node) {
                sleep_until(over).await;
            }
            self.pass(last).await;
            if last {
                self.shared.unconfirmed.end_service(self.node);
                break;
            }
        }
        self.over = true;
    }

    async fn pass(&self, all: bool) {
        let mut due =
            self.shared.unconfirmed.take_due(self.node, all, || unconfirmed(&self.shared, self.node));
        if due.is_empty() {
            return;
        }
        // One to see whether anybody is there.
        let rest = due.split_off(1);
        if !self.repeat(due).await {
            for mut debt in rest {
                debt.due = deadline(RETRY);
                keep(&self.shared, self.node, debt, Verdict::Retry);
            }
            return;
        }
        let mut rest = rest.into_iter();
        loop {
            let some: Vec<_> = rest.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return;
            }
            self.repeat(some).await;
        }
    }

    /// Whether the node has answered any of them.
    async fn repeat(&self, debts: Vec<Debt>) -> bool {
        let mut sent = Vec::with_capacity(debts.len());
        for mut debt in debts {
            debt.sent_again();
            let mut release = debt.sending.send_to(&self.shared, [self.node]);
            release.launch().await;
            sent.push((debt, release));
        }
        let mut any = false;
        for (mut debt, mut release) in sent {
            let Some((_, reply)) = release.next().await else { continue };
            any |= reply.is_ok();
            let verdict = debt.judge(self.node, &reply);
            keep(&self.shared, self.node, debt, verdict);
        }
        any
    }
}

impl Drop for Service {
    /// Where its runtime ends before it does, the next release that is not confirmed begins another.
    fn drop(&mut self) {
        if !self.over {
            self.shared.unconfirmed.end_service(self.node);
        }
    }
}
