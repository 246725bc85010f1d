//! A server that has come back and loads its data.

use redlock_core::{Backend, BackendError, FaultKind, Sent};
use redlock_tests::support::*;

use super::subjects::*;

each_healing_client! {
    loading,
}

/// hazard: 54
async fn loading<S: Subject>() {
    // It answers after each 1024 keys.
    let slowly = ["--key-load-delay", "100"];
    let mut server = server_with::<S>(S::server().durable().args(slowly));
    let node = node::<S>(&server).await;
    let many = "for key = 1, 12000 do redis.call('SET', 'k' .. key, 1) end";
    server.command(["EVAL", many, "0"]).expect("EVAL");
    server.kill().expect("killed");
    let restarted = tokio::task::spawn_blocking(move || {
        server.restart().expect("restarted");
        server
    });
    let mut error = None;
    eventually("loading", async || {
        error = node.execute(&acquire(&["a"], "mine", 5_000).into(), within(AMPLE)).await.err();
        error.as_ref().is_some_and(|error: &BackendError| error.kind() == FaultKind::Loading)
    })
    .await;
    let error = error.expect("an error");
    // Some clients hear it when they connect.
    assert_ne!(error.sent(), Sent::Maybe, "{error}");
    assert!(error.is_retryable());
    let _server = restarted.await.expect("a server");
    eventually("loaded", async || execute(&node, acquire(&["a"], "mine", 5_000)).await.is_ok()).await;
}
