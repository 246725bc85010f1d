//! N nodes are N servers, whatever their addresses say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{AcquireError, Event, NodeName, NodeProblem, Observer, Parameter, Redlock};
use redlock_redis_rs::RedisNode;
use redlock_testkit::proxy::Proxy;
use redlock_testkit::server::RedisServer;

use super::support::*;

fn redlock(urls: impl IntoIterator<Item = String>) -> Redlock {
    let nodes = urls.into_iter().map(|url| RedisNode::from_url(url).expect("a node"));
    Redlock::builder().nodes(nodes).node_timeout(Duration::from_secs(10)).build().expect("a redlock")
}

/// The pairs of nodes that are one server.
async fn duplicates(urls: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let found = redlock(urls).verify_nodes().await;
    assert!(found.faults.is_empty(), "{found:?}");
    let pair = |problem| match problem {
        NodeProblem::Duplicate { first, second } => (first.to_string(), second.to_string()),
        other => panic!("{other}"),
    };
    found.problems.into_iter().map(pair).collect()
}

#[tokio::test]
async fn three_servers_are_sound() {
    let servers = [server(), server(), server()];
    let found = redlock(servers.iter().map(RedisServer::url)).verify_nodes().await;
    assert!(found.is_sound(), "{found:?}");
    assert_eq!(found.nodes.len(), 3);
}

/// hazard: 20
#[tokio::test]
async fn one_server_under_two_addresses() {
    let (server, other) = (server(), server());
    let port = server.port().expect("a port");
    let urls = [server.url(), other.url(), format!("redis://localhost:{port}")];
    let pair = (format!("127.0.0.1:{port}"), format!("localhost:{port}"));
    assert_eq!(duplicates(urls).await, [pair]);
}

/// hazard: 20
#[tokio::test]
async fn one_server_behind_a_proxy() {
    let server = server();
    let proxy = Proxy::of(&server).expect("a proxy");
    assert_eq!(duplicates([server.url(), proxy.url(&server)]).await.len(), 1);
}

/// hazard: 20
#[tokio::test]
async fn two_databases_of_one_server() {
    let (server, other) = (server(), server());
    let url = server.url();
    let port = server.port().expect("a port");
    let pair = (format!("127.0.0.1:{port}/1"), format!("127.0.0.1:{port}/2"));
    assert_eq!(duplicates([format!("{url}/1"), format!("{url}/2"), other.url()]).await, [pair]);
}

/// hazard: 20
#[tokio::test]
async fn a_message_names_both() {
    let problem = NodeProblem::Duplicate { first: NodeName::new("a:1"), second: NodeName::new("b:1") };
    assert!(problem.to_string().starts_with("a:1 and b:1 are one server"), "{problem}");
}

/// hazard: 15, 18
#[tokio::test]
async fn replicas_promoted_ones_and_evicting_servers_are_named() {
    let servers = [server(), server(), server(), server()];
    let port = servers[0].port().expect("a port").to_string();
    servers[1].command(["REPLICAOF", "127.0.0.1", &port]).expect("REPLICAOF");
    servers[2].command(["REPLICAOF", "127.0.0.1", &port]).expect("REPLICAOF");
    eventually("the replica is linked", async || {
        let info = servers[2].command(["INFO", "replication"]).expect("INFO");
        info.as_text().expect("text").contains("master_link_status:up")
    })
    .await;
    servers[2].command(["REPLICAOF", "NO", "ONE"]).expect("REPLICAOF");
    servers[3].command(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]).expect("CONFIG SET");
    let found = redlock(servers.iter().map(RedisServer::url)).verify_nodes().await;
    let name = |server: &RedisServer| NodeName::new(format!("127.0.0.1:{}", server.port().expect("a port")));
    assert_eq!(
        found.problems,
        [
            NodeProblem::Replica { node: name(&servers[1]) },
            NodeProblem::Promoted { node: name(&servers[2]) },
            NodeProblem::Evicts { node: name(&servers[3]), policy: "allkeys-lru".to_owned() },
        ]
    );
}

#[tokio::test]
async fn who_does_not_answer_or_does_not_tell_is_named() {
    let (mut dead, silent) = (server(), server());
    let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info"];
    silent.command(rules).expect("ACL SETUSER");
    dead.kill().expect("killed");
    let found =
        redlock([dead.url(), silent.url().replace("redis://", "redis://app:pw@")]).verify_nodes().await;
    assert!(!found.is_sound());
    assert_eq!(found.faults.len(), 1, "{found:?}");
    assert!(matches!(&found.problems[..], [NodeProblem::Anonymous { .. }]), "{found:?}");
}

/// What nobody has asked for is found all the same, at the first connection.
/// hazard: 20
#[tokio::test]
async fn one_server_under_two_addresses_grants_nothing() {
    let (server, other) = (server(), server());
    let port = server.port().expect("a port");
    let told = Problems::default();
    let nodes = [server.url(), other.url(), format!("redis://localhost:{port}")];
    let nodes = nodes.map(|url| RedisNode::from_url(url).expect("a node"));
    let redlock = Redlock::builder().nodes(nodes).observer(told.clone()).build().expect("a redlock");
    match redlock.try_acquire("x").await {
        Err(AcquireError::Config(error)) => assert_eq!(error.parameter(), Parameter::Nodes),
        other => panic!("granted before it was known: {other:?}"),
    }
    let told = told.0.lock().expect("told").clone();
    assert!(matches!(told.as_slice(), [NodeProblem::Duplicate { .. }]), "{told:?}");
}

#[derive(Clone, Debug, Default)]
struct Problems(Arc<Mutex<Vec<NodeProblem>>>);

impl Observer for Problems {
    fn event(&self, event: &Event<'_>) {
        if let Event::NodeProblem { problem, .. } = event {
            self.0.lock().expect("told").push((*problem).clone());
        }
    }
}
