//! The stream of wake-ups that a node with push delivers. A wake-up is a hint, never the truth.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{Epoch, Key};

/// The name of the channel on which one instance is woken: random, and the same on all nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inbox(Arc<str>);

impl Inbox {
    /// The inbox of that name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a node's notification stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// The subscription stands, on this connection. What was published before is lost: look at everything again.
    Subscribed(Epoch),
    /// Something changed about this key.
    Wake {
        /// Which key.
        key: Key,
        /// The connection that said so.
        epoch: Epoch,
    },
}

/// The receiving end of a node's wake-ups; it ends when the backend is gone.
#[derive(Debug)]
pub struct Notifications(mpsc::UnboundedReceiver<Notification>);

impl Notifications {
    /// A stream and the sender that feeds it, for backends.
    pub fn channel() -> (NotificationSender, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (NotificationSender(sender), Self(receiver))
    }

    /// The next notification; cancellation loses none.
    pub async fn next(&mut self) -> Option<Notification> {
        self.0.recv().await
    }
}

/// The backend's end of [`Notifications`].
#[derive(Clone, Debug)]
pub struct NotificationSender(mpsc::UnboundedSender<Notification>);

impl NotificationSender {
    /// Delivers a notification; `false` when nobody listens any more.
    pub fn send(&self, notification: Notification) -> bool {
        self.0.send(notification).is_ok()
    }
}
