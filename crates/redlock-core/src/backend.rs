//! The seam between the algorithm and its nodes: one method that does work.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply};

/// One node, behind whatever client or store reaches it. One backend is one vote.
///
/// A backend is a value around a client that is already configured. Layers (breaker, metrics, fault injection) are
/// backends around backends; no method has a default body, so a layer that forgets to forward one does not compile.
///
/// # The contract
///
/// The conformance suite of `redlock-testkit` tests each point; the safety of every lock rests on them.
///
/// 1. **No replay.** A command is sent once. A reply that was lost is an error with [`Sent::Maybe`](crate::Sent), never
///    a reason to send again: the second `SET NX` would be refused by the ghost of the first. The one exception is an
///    answer that proves that nothing was executed (`NOSCRIPT` of Redis).
/// 2. **Order.** Commands on one backend are applied in the order in which their futures are *first polled*, as long as
///    the connection lives: a compensating release must never overtake its acquire. (A pool of connections breaks
///    this: 24 of 200 pairs left an orphaned key.) A layer polls its inner future in its own first poll. A resend after
///    `NOSCRIPT` takes a new place in the order, never after the deadline; core sends a release again where an acquire or
///    a re-plant may have come behind it.
/// 3. **Deadline.** The future is ready by `deadline`, also while the node is stopped, black-holed, or being
///    reconnected to: with [`FaultKind::Timeout`](crate::FaultKind::Timeout).
/// 4. **Cancellation.** The future may be dropped at any time, which leaves the connection usable and never gives its
///    reply to another command. Whether the node executes the command is then unknown.
/// 5. **A refusal is a reply.** "Held by another" is `Ok`: it must not feed error rates or open a breaker.
/// 6. **Errors tell what may have happened.** [`BackendError::sent`] says whether the node can have executed the
///    command.
///
/// Comparison and change happen in one atomic step on the node: each command's documentation says which.
///
/// # Example
///
/// A layer that counts commands:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use redlock_core::{
///     async_trait, Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply,
/// };
///
/// struct Counted<B> {
///     inner: B,
///     commands: AtomicU64,
/// }
///
/// #[async_trait]
/// impl<B: Backend> Backend for Counted<B> {
///     fn node(&self) -> &NodeName {
///         self.inner.node()
///     }
///     fn capabilities(&self) -> Capabilities {
///         self.inner.capabilities()
///     }
///     async fn execute(&self, command: &Command, deadline: tokio::time::Instant) -> Result<Reply, BackendError> {
///         self.commands.fetch_add(1, Ordering::Relaxed);
///         self.inner.execute(command, deadline).await
///     }
///     fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
///         self.inner.notifications(inbox)
///     }
/// }
/// ```
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// The node's name in errors, events and metrics; constant over the backend's life.
    fn node(&self) -> &NodeName;

    /// What the node can do; constant over the backend's life.
    fn capabilities(&self) -> Capabilities;

    /// Runs one atomic step on this node and answers by `deadline`.
    ///
    /// A command that the backend does not know gets [`BackendError::unsupported`].
    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError>;

    /// The wake-ups that this node publishes to `inbox`; `None` where the node has no push.
    fn notifications(&self, inbox: &Inbox) -> Option<Notifications>;
}

#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn node(&self) -> &NodeName {
        (**self).node()
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        (**self).execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        (**self).notifications(inbox)
    }
}
