//! The other forms of a node on fred: sockets, RESP3, a cluster, a service behind sentinels; and its life over runtimes.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::{Backend, Capabilities, Command, Epoch, FaultKind, Redlock, RestartGuard, Sent};
use redlock_fred::FredNode;
use redlock_testkit::conformance::{OnServer, assert_lock_family};
use redlock_testkit::server::{RedisServer, RedisServerBuilder, RespValue};
use redlock_tests::support::*;

use super::certificates::{secure_as, trusting};

fn node(url: &str) -> FredNode {
    FredNode::from_url(url).expect("a node")
}

async fn assert_conforms(server: RedisServer, url: String) {
    let report = assert_lock_family(&OnServer::new(server, |_| node(&url))).await;
    assert!(report.skipped().is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_over_a_socket() {
    let server = RedisServer::builder().unix_socket().password("p@ss").start().expect("a server");
    let url = server.url().replace("p@ss", "p%40ss");
    assert_conforms(server, url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_conforms_over_resp3() {
    let server = RedisServer::builder().password("secret").start().expect("a server");
    let url = server.url() + "?protocol=resp3";
    assert_conforms(server, url).await;
}

async fn cluster() -> [RedisServer; 2] {
    cluster_of(RedisServer::builder).await
}

/// Two servers with half of the slots each.
async fn cluster_of(server: impl Fn() -> RedisServerBuilder) -> [RedisServer; 2] {
    let start = || server().args(["--cluster-enabled", "yes"]).start().expect("a server");
    let servers = [start(), start()];
    for (server, slots) in servers.iter().zip([0..8_192_u16, 8_192..16_384]) {
        let slots = slots.map(|slot| slot.to_string());
        let words = ["CLUSTER", "ADDSLOTS"].map(str::to_owned).into_iter().chain(slots);
        server.command(words).expect("CLUSTER ADDSLOTS");
    }
    let port = servers[1].port().expect("a port").to_string();
    servers[0].command(["CLUSTER", "MEET", "127.0.0.1", &port]).expect("CLUSTER MEET");
    eventually("the cluster is up", async || {
        let info = servers.each_ref().map(|server| text(server, &["CLUSTER", "INFO"]));
        info.iter().all(|info| info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:2"))
    })
    .await;
    servers
}

fn text(server: &RedisServer, words: &[&str]) -> String {
    server.command(words).expect("a reply").as_text().expect("text").to_owned()
}

/// Of a part of a cluster.
fn keys_of(server: &RedisServer) -> u64 {
    server.command(["DBSIZE"]).expect("DBSIZE").as_u64().expect("a number")
}

fn of_cluster(servers: &[RedisServer; 2]) -> FredNode {
    node(&servers[0].url().replace("redis://", "redis-cluster://"))
}

/// hazard: 56
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_one_vote() {
    let servers = cluster().await;
    let node = of_cluster(&servers);
    assert!(node.capabilities().contains(Capabilities::LOCK | Capabilities::SLOTS));
    assert!(!node.capabilities().contains(Capabilities::DESCRIBE));
    for number in 0..32 {
        let (one, two) = (format!("one:{number}"), format!("{{two:{number}}}"));
        assert!(granted(&ask(&node, acquire(&[&one], "mine", 60_000)).await), "{one}");
        let both = [format!("{two}:a"), format!("{two}:b")];
        let both = both.each_ref().map(String::as_str);
        assert!(granted(&ask(&node, acquire(&both, "mine", 60_000)).await), "{two}");
        assert_eq!(ask(&node, release(&both, "mine")).await, released(2, 0));
        assert_eq!(ask(&node, release(&[&one], "mine")).await, released(1, 0));
    }
    for server in &servers {
        assert!(server.calls("set").expect("calls") > 0, "each server has its half");
        assert_eq!(keys_of(server), 0);
    }
    let error = fault(&node, acquire(&["a", "b"], "mine", 60_000)).await;
    assert_eq!(error.kind(), FaultKind::CrossSlot, "{error}");
    let describe = Command::Admin(redlock_core::AdminCommand::Describe);
    let error = node.execute(&describe, within(AMPLE)).await.expect_err("not of one server");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Unsupported, Sent::No));
    // Nor can it tell whether one of its servers has forgotten.
    let node = Arc::new(node);
    let builder = || Redlock::builder().node(Arc::clone(&node));
    let error = builder().build().expect_err("a guard that cannot look");
    assert!(error.to_string().contains("RestartGuard::Off"), "{error}");
    let redlock = builder().restart_guard(RestartGuard::Off).build().expect("a redlock");
    let guard = redlock.acquire("locked").await.expect("a lock");
    assert!(guard.release().await.is_released());
}

/// It tells `127.0.0.1` of its servers, and each of them must be it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_of_a_cluster_are_those_that_it_tells_of() {
    for (name, trusted) in [("127.0.0.1", true), ("localhost", false)] {
        let servers = cluster_of(|| secure_as(RedisServer::builder(), name)).await;
        let url = format!("rediss-cluster://{name}:{}", servers[0].port().expect("a port"));
        let node = FredNode::builder(url).tls(trusting()).connect_timeout(AMPLE).build().expect("a node");
        for number in 0..8 {
            let outcome = execute(&node, acquire(&[&number.to_string()], "mine", 60_000)).await;
            assert_eq!(outcome.is_ok(), trusted, "{outcome:?}");
        }
        assert_eq!(servers.iter().map(keys_of).sum::<u64>(), if trusted { 8 } else { 0 });
    }
}

/// The command that finds it out is not sent again, and the next one is sent to the new place.
///
/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_has_moved_costs_one_command() {
    let servers = cluster().await;
    let node = of_cluster(&servers);
    ask(&node, inspect(&["moved"])).await;
    let RespValue::Int(slot) = servers[0].command(["CLUSTER", "KEYSLOT", "moved"]).expect("a slot") else {
        panic!("a number of a slot")
    };
    let [one, two] = &servers;
    let (from, to) = if slot < 8_192 { (one, two) } else { (two, one) };
    let (slot, owner) = (slot.to_string(), text(to, &["CLUSTER", "MYID"]));
    for server in [to, from] {
        server.command(["CLUSTER", "SETSLOT", &slot, "NODE", &owner]).expect("CLUSTER SETSLOT");
    }
    let error = fault(&node, acquire(&["moved"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe), "{error}");
    assert!(granted(&ask(&node, acquire(&["moved"], "mine", 60_000)).await));
    assert_eq!((keys_of(from), keys_of(to)), (0, 1));
}

#[test]
fn a_node_outlives_its_runtime() {
    let server = RedisServer::start().expect("a server");
    let node = node(&server.url());
    let epochs: Vec<Epoch> = (0..3)
        .map(|_| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async { execute(&node, inspect(&["a"])).await.expect("a reply").epoch })
        })
        .collect();
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

#[test]
fn a_node_outlives_a_runtime_that_was_connecting() {
    let server = RedisServer::start().expect("a server");
    let node = node(&server.url());
    server.freeze().expect("frozen");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let brief = within_a_moment(&runtime);
    let error = runtime.block_on(node.execute(&inspect(&["a"]).into(), brief)).expect_err("no answer");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No));
    drop(runtime);
    server.thaw().expect("thawed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(eventually("an answer", async || execute(&node, inspect(&["a"])).await.is_ok()));
}

fn within_a_moment(runtime: &tokio::runtime::Runtime) -> tokio::time::Instant {
    runtime.block_on(async { within(Duration::from_millis(100)) })
}

/// A node that is dropped leaves no connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_node_leaves_no_connection() {
    let server = RedisServer::start().expect("a server");
    for _ in 0..3 {
        ask(&node(&server.url()), inspect(&["a"])).await;
    }
    eventually("none is left", async || {
        let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
        list.as_text().expect("text").lines().count() == 1
    })
    .await;
}
