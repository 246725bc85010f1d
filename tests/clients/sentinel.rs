//! A master that sentinels name, and its successor.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::ConnectionAddr;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redlock_core::{Epoch, FaultKind, Role, Sent};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::{Program, RedisServer};
use redlock_tests::support::*;
use tokio::time::Instant;

use super::subjects::Node;

/// A sentinel that watches the master `locks`; it is killed when dropped.
struct Sentinel {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl Sentinel {
    fn start(master: &RedisServer) -> Self {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = std::env::temp_dir().join(format!("redlock-sentinel-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = format!(
            "port {port}\ndir {}\nsentinel monitor locks 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds locks 400\nsentinel failover-timeout locks 3000\n",
            folder.display(),
            master.port().expect("a port"),
        );
        let file = folder.join("sentinel.conf");
        std::fs::write(&file, text).expect("a configuration");
        let program = Program::find().expect("a server");
        let mut command = Command::new(program.path());
        if let Ok(libraries) = std::env::var("REDLOCK_REDIS_LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let process = command.arg(&file).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: process.spawn().expect("a sentinel"), folder, port }
    }

    async fn ask(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let client = redis::Client::open(("127.0.0.1", self.port)).expect("a client");
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("SENTINEL").arg(words).query_async(&mut connection).await
    }

    /// A node on the master that it names.
    fn node(&self) -> Node {
        let address = ConnectionAddr::Tcp("127.0.0.1".to_owned(), self.port);
        let client = SentinelClientBuilder::new([address], "locks", SentinelServerType::Master);
        let client = client.expect("a builder").build().expect("a client");
        Node::of(RedisNode::builder(client).name("locks").build().expect("a node"))
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A master, its replica, and a sentinel that knows both.
async fn watched() -> (RedisServer, RedisServer, Sentinel) {
    let master = RedisServer::start().expect("a server");
    let replica = RedisServer::start().expect("a server");
    let port = master.port().expect("a port").to_string();
    replica.command(["REPLICAOF", "127.0.0.1", &port]).expect("REPLICAOF");
    eventually("in step", async || {
        let info = replica.command(["INFO", "replication"]).expect("INFO");
        info.as_text().expect("text").contains("master_link_status:up")
    })
    .await;
    let sentinel = Sentinel::start(&master);
    eventually("the sentinel knows both", async || {
        let replicas = sentinel.ask(&["REPLICAS", "locks"]).await;
        replicas.is_ok_and(|replicas| matches!(replicas, redis::Value::Array(found) if found.len() == 1))
    })
    .await;
    (master, replica, sentinel)
}

async fn in_use(node: &Node) -> Epoch {
    assert!(granted(&ask(node, acquire(&["a"], "mine", 60_000)).await));
    let reply = execute(node, release(&["a"], "mine")).await.expect("released");
    assert_eq!(description(node).await.role, Some(Role::Master));
    reply.epoch
}

/// A lock on the successor, at a new epoch; it says that it was a replica before.
async fn assert_follows(node: &Node, first: Epoch, replica: &RedisServer) {
    // A sentinel takes its time to demote a master that lives on: until then it is one.
    let deadline = within(4 * AMPLE);
    loop {
        match execute(node, acquire(&["b"], "mine", 60_000)).await {
            Ok(reply) if reply.epoch != first => break,
            Ok(_) => {}
            Err(error) => assert!(error.is_retryable(), "a failover passes: {error}"),
        }
        assert!(Instant::now() < deadline, "the successor is not in use");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(pttl(replica, "b") > 0);
    assert_eq!(description(node).await.role, Some(Role::Promoted));
}

/// hazard: 15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_follows_the_failover_of_a_dead_master() {
    let (mut master, replica, sentinel) = watched().await;
    let node = sentinel.node();
    let first = in_use(&node).await;
    master.kill().expect("killed");
    assert_follows(&node, first, &replica).await;
}

/// hazard: 15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_follows_the_failover_of_a_master_that_lives_on() {
    let (_master, replica, sentinel) = watched().await;
    let node = sentinel.node();
    let first = in_use(&node).await;
    eventually("a failover", async || sentinel.ask(&["FAILOVER", "locks"]).await.is_ok()).await;
    assert_follows(&node, first, &replica).await;
}

/// A connection to a server that is a replica now stays open.
///
/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_that_it_is_a_replica_is_left() {
    let (master, _replica, sentinel) = watched().await;
    let node = sentinel.node();
    let first = in_use(&node).await;
    // Nobody answers there.
    master.command(["REPLICAOF", "127.0.0.1", "1"]).expect("REPLICAOF");
    let error = fault(&node, acquire(&["b"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::ReadOnly, Sent::Replied), "{error}");
    master.command(["REPLICAOF", "NO", "ONE"]).expect("REPLICAOF");
    eventually("a master is in use", async || execute(&node, acquire(&["b"], "mine", 60_000)).await.is_ok())
        .await;
    assert_ne!(execute(&node, inspect(&["b"])).await.expect("a reply").epoch, first);
}
