//! The suite passes where it should.

use async_trait::async_trait;
use redlock_core::{Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply};
use redlock_memory::MemoryNode;
use std::time::Duration;
use tokio::time::Instant;

use super::*;
use crate::{Faults, FaultyLink, Plan};

struct Transparent<B>(B);

#[async_trait]
impl<B: Backend> Backend for Transparent<B> {
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

async fn passes_in_full(harness: OnMemory) {
    let report = assert_lock_family(&harness).await;
    assert!(report.skipped().is_empty(), "{report}");
    assert!(harness.node().is_empty(), "the suite leaves keys behind");
}

#[tokio::test(start_paused = true)]
async fn a_node_in_memory_passes() {
    passes_in_full(OnMemory::bare()).await;
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_does_nothing_passes() {
    passes_in_full(OnMemory::wrapped(Transparent)).await;
}

#[tokio::test(start_paused = true)]
async fn a_link_without_faults_passes() {
    passes_in_full(OnMemory::wrapped(FaultyLink::new)).await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_passes() {
    let delay = Duration::ZERO..=Duration::from_millis(20);
    for seed in 0..4 {
        passes_in_full(OnMemory::wrapped(|node| {
            let link = FaultyLink::new(node);
            link.random(seed, Faults::none().delay(delay.clone()).reply_delay(delay.clone()));
            link
        }))
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn layers_over_layers_pass() {
    passes_in_full(OnMemory::wrapped(|node| Transparent(FaultyLink::new(FaultyLink::new(node))))).await;
}

#[tokio::test]
async fn a_plain_backend_passes_in_real_time_with_what_cannot_be_set_up_skipped() {
    let node = MemoryNode::new("n");
    let report = assert_lock_family(&Plain::new(node.clone())).await;
    assert!(report.skipped().contains(&"acquire::a_foreign_key_blocks_and_is_no_error"), "{report}");
    assert!(node.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_report_names_what_failed_and_why() {
    let harness = OnMemory::wrapped(|node| {
        let link = FaultyLink::new(node);
        link.on("re-plant", Plan::new().error(BackendError::protocol("nonsense")));
        link
    });
    let error = lock_family(&harness).await.expect_err("no re-plant");
    assert!(error.report().failures().contains(&"lease::a_re_plant_beside_anothers_key_changes_nothing"));
    assert!(!error.report().failures().contains(&"release::a_release_compares"));
    assert!(format!("{error:?}").contains("unexpected answer: nonsense"), "{error:?}");
}
