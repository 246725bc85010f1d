//! The published suite on the Redis backend, alone and under a layer that does nothing.

use redlock_core::{
    Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply, async_trait,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::conformance::{OnServer, assert_lock_family};
use redlock_tests::one_of_each;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::support::*;

/// A layer that forwards everything.
struct Layer(RedisNode);

#[async_trait]
impl Backend for Layer {
    fn node(&self) -> &NodeName {
        self.0.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.0.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.0.notifications(inbox)
    }
}

/// On each server at the same time: a run mostly waits for leases to end.
#[tokio::test]
async fn the_redis_backend_conforms_on_every_server_and_no_check_is_skipped() {
    let mut runs = JoinSet::new();
    for server in one_of_each() {
        runs.spawn(async { assert_lock_family(&OnServer::new(server, node)).await });
    }
    for report in runs.join_all().await {
        assert!(report.skipped().is_empty(), "{report}");
    }
}

#[tokio::test]
async fn a_layer_around_it_conforms_too() {
    let report = assert_lock_family(&OnServer::new(server(), |server| Layer(node(server)))).await;
    assert!(report.skipped().is_empty(), "{report}");
}
