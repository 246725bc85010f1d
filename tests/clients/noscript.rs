//! A server that has forgotten the scripts.

use redlock_core::{LockReply, Ownership, Redlock};
use redlock_tests::support::*;

use super::subjects::*;

each_client! {
    a_flush_of_the_scripts_goes_unnoticed,
    flushes_between_many_commands_lose_none,
    a_forgotten_script_leaves_no_lock_behind,
}

/// hazard: 53
async fn a_flush_of_the_scripts_goes_unnoticed<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    ask(&node, acquire(&["a"], "mine", 60_000)).await;
    for round in 1..=3 {
        server.command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
        for _ in 0..2 {
            let extended = ask(&node, extend(&["a"], "mine", 60_000)).await;
            assert_eq!(extended, LockReply::Extended(Ownership::Mine));
        }
        // The source is sent once for each flush, by the first command that needs it.
        assert_eq!(server.calls("eval").expect("calls"), round);
    }
}

/// hazard: 53
async fn flushes_between_many_commands_lose_none<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let node = std::sync::Arc::new(node);
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let node = std::sync::Arc::clone(&node);
            tokio::spawn(async move {
                let names = [&*format!("{task}:a"), &*format!("{task}:b")];
                for _ in 0..50 {
                    assert!(granted(&ask(&node, acquire(&names, "mine", 60_000)).await));
                    assert_eq!(ask(&node, release(&names, "mine")).await, released(2, 0));
                }
            })
        })
        .collect();
    while tasks.iter().any(|task| !task.is_finished()) {
        server.command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.expect("a task");
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// The acquire of a node that has forgotten the script arrives behind the release, if that is sent as soon as a quorum of
/// the others has granted.
///
/// hazard: 8, 53
async fn a_forgotten_script_leaves_no_lock_behind<S: Subject>() {
    let (servers, nodes) = three::<S>().await;
    let redlock = Redlock::builder().nodes(nodes).build().expect("a redlock");
    for round in 0..100 {
        servers[round % 3].command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
        let guard = redlock.acquire([format!("a:{round}"), format!("b:{round}")]).await.expect("acquired");
        guard.release().await;
    }
    assert!(redlock.shutdown(AMPLE).await.is_complete());
    for server in &servers {
        assert_eq!(server.keys().expect("keys"), 0);
    }
}
