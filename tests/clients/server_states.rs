//! A server that refuses is not a lock that is held.

use std::sync::Arc;

use redlock_core::{Backend, FaultKind, LockCommand, Sent};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::subjects::*;

each_client! {
    a_read_only_replica,
    a_master_without_its_replicas,
    a_user_without_the_right,
    a_server_that_asks_for_a_password,
    a_server_busy_with_a_script,
    a_cluster_that_serves_no_slot,
    keys_of_two_slots_on_a_cluster,
    a_ttl_beyond_the_servers_clock,
}

/// The native command, and scripts that write.
pub(crate) fn writers() -> Vec<LockCommand> {
    let one = acquire(&["{t}:new"], "mine", 5_000);
    let several = acquire(&["{t}:new", "{t}:newer"], "mine", 5_000);
    vec![one, several, replant(&["{t}:new"], "mine", 5_000), release(&["{t}:old"], "mine")]
}

pub(crate) async fn assert_all(node: &Node, commands: Vec<LockCommand>, kind: FaultKind) {
    assert_each(node, commands, kind, &[Sent::Replied]).await;
}

async fn assert_each(node: &Node, commands: Vec<LockCommand>, kind: FaultKind, sent: &[Sent]) {
    for command in commands {
        let name = command.name();
        let error = fault(node, command).await;
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(sent.contains(&error.sent()), "{name}: {:?}: {error}", error.sent());
    }
}

pub(crate) async fn with_an_old_lock<S: Subject>() -> (RedisServer, Node) {
    let (server, node) = server_and_node::<S>().await;
    ask(&node, acquire(&["{t}:old"], "mine", 60_000)).await;
    (server, node)
}

/// hazard: 54
async fn a_read_only_replica<S: Subject>() {
    let (server, node) = with_an_old_lock::<S>().await;
    // Nobody answers there, so that the replica keeps its data.
    server.command(["REPLICAOF", "127.0.0.1", "1"]).expect("REPLICAOF");
    assert_all(&node, writers(), FaultKind::ReadOnly).await;
}

/// hazard: 54
async fn a_master_without_its_replicas<S: Subject>() {
    let (server, node) = with_an_old_lock::<S>().await;
    server.command(["CONFIG", "SET", "min-replicas-to-write", "1"]).expect("CONFIG SET");
    assert_all(&node, writers(), FaultKind::WritesRefused).await;
}

/// hazard: 54
async fn a_user_without_the_right<S: Subject>() {
    let (server, _) = with_an_old_lock::<S>().await;
    let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-set", "-del"];
    server.command(rules).expect("ACL SETUSER");
    let node = S::connect(&server, server.url().replacen("://", "://app:pw@", 1)).await;
    assert_all(&node, writers(), FaultKind::Permission).await;
    // Without the right to read, a foreign type must not be suspected.
    server.command(["ACL", "SETUSER", "app", "-get"]).expect("ACL SETUSER");
    assert_all(
        &node,
        vec![inspect(&["{t}:old"]), extend(&["{t}:old"], "mine", 5_000)],
        FaultKind::Permission,
    )
    .await;
}

/// hazard: 54
async fn a_server_that_asks_for_a_password<S: Subject>() {
    let server = server_with::<S>(S::server().password("secret"));
    let node = S::connect(&server, server.url().replace(":secret@", "")).await;
    // Some clients hear it when they connect.
    assert_each(&node, writers(), FaultKind::Authentication, &[Sent::Replied, Sent::No]).await;
}

/// hazard: 54
async fn a_server_busy_with_a_script<S: Subject>() {
    // The old name of the option, which every version knows.
    let server = server_with::<S>(S::server().args(["--lua-time-limit", "50"]));
    let node = node::<S>(&server).await;
    ask(&node, acquire(&["{t}:old"], "mine", 60_000)).await;
    let server = Arc::new(server);
    let script = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || server.command(["EVAL", "while true do end", "0"])
    });
    eventually("busy", async || {
        let error = node.execute(&inspect(&["{t}:old"]).into(), within(AMPLE)).await.err();
        error.is_some_and(|error| error.kind() == FaultKind::Busy)
    })
    .await;
    assert_all(&node, writers(), FaultKind::Busy).await;
    server.command(["SCRIPT", "KILL"]).expect("SCRIPT KILL");
    script.await.expect("a task").expect_err("killed");
}

/// hazard: 54
async fn a_cluster_that_serves_no_slot<S: Subject>() {
    let server = server_with::<S>(S::server().args(["--cluster-enabled", "yes"]));
    // Some clients leave a connection over which they hear it, and all that is under way on it.
    let sent = [Sent::Replied, Sent::Maybe];
    assert_each(&node::<S>(&server).await, writers(), FaultKind::ClusterState, &sent).await;
}

/// hazard: 56
async fn keys_of_two_slots_on_a_cluster<S: Subject>() {
    let server = server_with::<S>(S::server().args(["--cluster-enabled", "yes"]));
    let slots = (0..16_384).map(|slot: u16| slot.to_string());
    let words = ["CLUSTER", "ADDSLOTS"].map(str::to_owned).into_iter().chain(slots);
    server.command(words).expect("CLUSTER ADDSLOTS");
    let node = node::<S>(&server).await;
    eventually("the cluster is up", async || execute(&node, acquire(&["warm"], "mine", 1)).await.is_ok())
        .await;
    assert_all(&node, vec![acquire(&["a", "b"], "mine", 5_000)], FaultKind::CrossSlot).await;
    assert!(granted(&ask(&node, acquire(&["{t}:a", "{t}:b"], "mine", 5_000)).await));
}

/// A ttl that the server cannot count up to is refused by it, and nothing is left behind.
///
/// hazard: 69
async fn a_ttl_beyond_the_servers_clock<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let longest = i64::MAX.unsigned_abs();
    for names in [&["{t}:a"][..], &["{t}:a", "{t}:b"]] {
        assert_all(&node, vec![acquire(names, "mine", longest)], FaultKind::Rejected).await;
    }
    assert_eq!(server.keys().expect("keys"), 0);
    ask(&node, acquire(&["{t}:a"], "mine", 5_000)).await;
    assert_all(&node, vec![extend(&["{t}:a"], "mine", longest)], FaultKind::Rejected).await;
    assert!((1..=5_000).contains(&pttl(&server, "{t}:a")));
}
