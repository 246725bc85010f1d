//! A Redis Cluster as one vote.

use redis::ProtocolVersion;
use redis::cluster::ClusterClientBuilder;
use redlock_core::{AdminCommand, Backend, Capabilities, Command, FaultKind, Redlock, RestartGuard, Sent};
use redlock_redis_rs::RedisNode;
use redlock_testkit::conformance::{OnServer, assert_lock_family};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::subjects::*;

/// Keys in the slots of each of the three masters: 5061, 15495, 7365.
const KEYS: [&str; 3] = ["bar", "a", "c"];

fn node_of(seed: &RedisServer) -> Node {
    let builder = ClusterClientBuilder::new([seed.url()]);
    Node::of(RedisNode::builder(builder).name("cluster").build().expect("a node"))
}

/// Three masters that know each other.
async fn masters() -> [RedisServer; 3] {
    let start = || RedisServer::builder().args(["--cluster-enabled", "yes"]).start().expect("a server");
    let servers = [start(), start(), start()];
    for (server, (first, last)) in servers.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
        own_slots(server, first..=last);
    }
    for other in &servers[1..] {
        let port = other.port().expect("a port").to_string();
        servers[0].command(["CLUSTER", "MEET", "127.0.0.1", &port]).expect("MEET");
    }
    for server in &servers {
        eventually("the cluster is up", async || knows_three(server)).await;
    }
    servers
}

fn knows_three(server: &RedisServer) -> bool {
    let info = server.command(["CLUSTER", "INFO"]).expect("CLUSTER INFO");
    let info = info.as_text().expect("text");
    info.contains("cluster_state:ok") && info.contains("cluster_size:3")
}

fn keys_in_all(servers: &[RedisServer]) -> Vec<u64> {
    let count =
        |server: &RedisServer| server.command(["DBSIZE"]).expect("DBSIZE").as_u64().expect("a number");
    servers.iter().map(count).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_but_for_what_is_asked_of_one_server() {
    let (server, node) = server_and_node::<RedisCluster>().await;
    let report = assert_lock_family(&OnServer::new(server, |_| node)).await;
    println!("{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_serves_every_slot_and_claims_that_slots_matter() {
    let servers = masters().await;
    let node = node_of(&servers[0]);
    assert!(node.capabilities().contains(Capabilities::LOCK | Capabilities::SLOTS));
    for name in KEYS {
        assert!(granted(&ask(&node, acquire(&[name], "mine", 60_000)).await));
    }
    assert_eq!(keys_in_all(&servers), [1, 1, 1]);
    let error = fault(&node, acquire(&["bar", "a"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::CrossSlot, Sent::Replied), "{error}");
    for name in KEYS {
        assert_eq!(ask(&node, release(&[name], "mine")).await, released(1, 0));
    }
    let describe = Command::Admin(AdminCommand::Describe);
    let error = node.execute(&describe, within(AMPLE)).await.expect_err("of which server?");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Unsupported, Sent::No));
}

/// hazard: 13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_connection_to_any_master_is_a_new_epoch() {
    let mut servers = masters().await;
    let node = node_of(&servers[0]);
    let mut epochs = Vec::new();
    for round in 0..3 {
        for name in KEYS {
            eventually("served", async || execute(&node, inspect(&[name])).await.is_ok()).await;
        }
        let replies = [execute(&node, inspect(&[KEYS[0]])).await, execute(&node, inspect(&[KEYS[1]])).await];
        let [first, second] = replies.map(|reply| reply.expect("a reply").epoch);
        assert_eq!(first, second, "one vote, one epoch");
        epochs.push(first);
        servers[round].restart().expect("restarted");
        let name = KEYS[[0, 2, 1][round]];
        eventually("another epoch", async || {
            execute(&node, inspect(&[name])).await.is_ok_and(|reply| reply.epoch != first)
        })
        .await;
    }
    println!("{epochs:?}");
}

/// Over RESP3 the client reconnects as soon as the connection ends, and no command meets the end.
///
/// hazard: 13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconnection_that_no_command_met_is_noticed() {
    let mut server = server::<RedisCluster>();
    let builder = ClusterClientBuilder::new([server.url()]).use_protocol(ProtocolVersion::RESP3);
    let node = Node::of(RedisNode::builder(builder).name("cluster").build().expect("a node"));
    let before = execute(&node, acquire(&["a"], "mine", 60_000)).await.expect("granted").epoch;
    server.restart().expect("restarted");
    eventually("the client has reconnected", async || {
        let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
        list.as_text().expect("text").contains("resp=3")
    })
    .await;
    eventually("the cluster is up", async || {
        let info = server.command(["CLUSTER", "INFO"]).expect("CLUSTER INFO");
        info.as_text().expect("text").contains("cluster_state:ok")
    })
    .await;
    eventually("another epoch", async || match execute(&node, inspect(&["a"])).await {
        Ok(reply) => {
            assert_ne!(reply.epoch, before, "an answer of the restarted server");
            true
        }
        Err(error) => {
            println!("{error}");
            false
        }
    })
    .await;
}

/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_ask_is_refused_with_the_remedy() {
    let server = server::<RedisCluster>();
    for right in ["-info", "-client|id"] {
        let rules = ["ACL", "SETUSER", "app", "reset", "on", ">pw", "~*", "+@all", right];
        server.command(rules).expect("ACL SETUSER");
        let builder = ClusterClientBuilder::new([server.url()]).username("app").password("pw");
        let node = Node::of(RedisNode::builder(builder).name("cluster").build().expect("a node"));
        let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Permission, Sent::No), "{error}");
        assert!(error.to_string().contains("grant both"), "{error}");
    }
    assert_eq!(keys_in_all(&[server]), [0]);
}

/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_has_moved_costs_a_command_that_was_not_executed() {
    let servers = masters().await;
    let node = node_of(&servers[0]);
    assert!(granted(&ask(&node, acquire(&["bar"], "mine", 60_000)).await));
    assert_eq!(ask(&node, release(&["bar"], "mine")).await, released(1, 0));
    let id = servers[2].command(["CLUSTER", "MYID"]).expect("MYID");
    let id = id.as_text().expect("text");
    for server in [&servers[2], &servers[0], &servers[1]] {
        server.command(["CLUSTER", "SETSLOT", "5061", "NODE", id]).expect("SETSLOT");
    }
    let error = fault(&node, acquire(&["bar"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::ClusterState, Sent::Replied), "{error}");
    eventually("found again", async || execute(&node, acquire(&["bar"], "mine", 60_000)).await.is_ok()).await;
    assert_eq!(keys_in_all(&servers), [0, 0, 1]);
}

/// hazard: 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_hangs_costs_the_slots_of_the_others_nothing() {
    let servers = masters().await;
    let node = node_of(&servers[0]);
    for name in KEYS {
        ask(&node, inspect(&[name])).await;
    }
    servers[0].freeze().expect("frozen");
    let (hung, command) = (inspect(&["bar"]).into(), inspect(&["a"]));
    let mut waiting = node.execute(&hung, within(std::time::Duration::from_secs(1)));
    assert!(poll_once(&mut waiting).await.is_none());
    for _ in 0..20 {
        ask(&node, command.clone()).await;
    }
    assert_eq!(waiting.await.expect_err("no answer").kind(), FaultKind::Timeout);
    servers[0].thaw().expect("thawed");
}

/// hazard: 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_connected_to_while_one_of_its_masters_hangs() {
    let servers = masters().await;
    let seeds = servers.iter().map(RedisServer::url);
    let builder = ClusterClientBuilder::new(seeds);
    let node = Node::of(RedisNode::builder(builder).name("cluster").build().expect("a node"));
    servers[0].freeze().expect("frozen");
    for name in ["a", "c"] {
        eventually("served", async || execute(&node, acquire(&[name], "mine", 60_000)).await.is_ok()).await;
    }
    servers[0].thaw().expect("thawed");
    eventually("served, too", async || execute(&node, inspect(&["bar"])).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_two_slots_are_refused_before_anything_is_sent() {
    let (server, node) = server_and_node::<RedisCluster>().await;
    let redlock = Redlock::builder().node(node).restart_guard(RestartGuard::Off).build().expect("a redlock");
    let error = redlock.try_acquire(["a".to_owned(), "b".to_owned()]).await.expect_err("two slots");
    assert!(error.to_string().contains("hash slot"), "{error}");
    assert_eq!(keys_in_all(&[server]), [0]);
}
