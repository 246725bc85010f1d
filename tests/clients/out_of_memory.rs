//! A server that is out of memory.

use redlock_core::{FaultKind, LockReply, Ownership, Sent};
use redlock_tests::support::*;

use super::subjects::*;

each_client! {
    extension_and_release_work_where_acquire_cannot,
    a_forgotten_script_is_sent_again_where_memory_is_short,
}

/// hazard: 55
async fn extension_and_release_work_where_acquire_cannot<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    ask(&node, acquire(&["a"], "mine", 5_000)).await;
    ask(&node, acquire(&["b", "c"], "mine", 5_000)).await;
    server.command(["CONFIG", "SET", "maxmemory", "1"]).expect("CONFIG SET");

    for command in [
        acquire(&["x"], "mine", 5_000),
        acquire(&["x", "y"], "mine", 5_000),
        replant(&["x"], "mine", 5_000),
        replant(&["a", "x"], "mine", 5_000),
    ] {
        let name = command.name();
        let error = fault(&node, command).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::OutOfMemory, Sent::Replied), "{name}: {error}");
    }
    assert_eq!(server.keys().expect("keys"), 3);

    assert_eq!(ask(&node, extend(&["b", "c"], "mine", 60_000)).await, LockReply::Extended(Ownership::Mine));
    assert!(pttl(&server, "b") > 50_000 && pttl(&server, "c") > 50_000);
    assert!(matches!(ask(&node, inspect(&["a"])).await, LockReply::Inspected(_)));
    assert_eq!(ask(&node, release(&["a", "b", "c"], "mine")).await, released(3, 0));
    assert_eq!(server.keys().expect("keys"), 0);
}

/// The source of a script is sent to a server that is out of memory too.
///
/// hazard: 55
async fn a_forgotten_script_is_sent_again_where_memory_is_short<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    ask(&node, acquire(&["a"], "mine", 5_000)).await;
    server.command(["CONFIG", "SET", "maxmemory", "1"]).expect("CONFIG SET");
    server.command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
    assert_eq!(ask(&node, extend(&["a"], "mine", 60_000)).await, LockReply::Extended(Ownership::Mine));
    assert_eq!(ask(&node, release(&["a"], "mine")).await, released(1, 0));
}
