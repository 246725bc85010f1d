//! A node is older than the runtime in which it is used, or outlives it.

use std::time::Duration;

use redlock_core::{Backend, Epoch, FaultKind, Sent};
use redlock_redis_rs::RedisNode;

use super::support::*;

const SHORT: Duration = Duration::from_millis(100);

async fn epoch(node: &RedisNode) -> Epoch {
    execute(node, inspect(&["a"])).await.expect("a reply").epoch
}

#[test]
fn a_node_outlives_its_runtime() {
    let server = server();
    let node = node(&server);
    let epochs: Vec<Epoch> = (0..3)
        .map(|_| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(epoch(&node))
        })
        .collect();
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

/// A runtime that ends while it connects takes the attempt with it; the next one tries anew.
#[test]
fn a_node_outlives_a_runtime_that_was_connecting() {
    let server = server();
    let node = node(&server);
    server.freeze().expect("frozen");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error =
        runtime.block_on(node.execute(&inspect(&["a"]).into(), within(SHORT))).expect_err("no answer");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No));
    drop(runtime);
    server.thaw().expect("thawed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(eventually("an answer", async || execute(&node, inspect(&["a"])).await.is_ok()));
}
