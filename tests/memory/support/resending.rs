use std::time::Duration;

use redlock_core::{
    Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply, async_trait,
};
use tokio::time::{Instant, sleep};

/// A node that asks for an acquire a second time, as a server does that has forgotten a script: the acquire takes its place in
/// the order only after a while, and a release may come between.
pub(crate) struct Resending<B>(pub(crate) B);

#[async_trait]
impl<B: Backend> Backend for Resending<B> {
    fn node(&self) -> &NodeName {
        self.0.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        if command.name() == "acquire" {
            sleep(Duration::from_millis(30)).await;
        }
        self.0.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.0.notifications(inbox)
    }
}
