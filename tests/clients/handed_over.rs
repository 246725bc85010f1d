//! Connections and pools that others use too.

use std::time::Duration;

use deadpool_redis::{Config, Pool, PoolConfig, Runtime};
use redis::AsyncConnectionConfig;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redlock_core::{Backend, FaultKind, Sent};
use redlock_redis_rs::{NodeConfigError, RedisNode};
use redlock_testkit::proxy::Proxy;
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;
use tokio::time::Instant;

use super::order::{begin, pair};
use super::subjects::Node;

async fn connection(server: &RedisServer, config: &AsyncConnectionConfig) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).expect("a client");
    client.get_multiplexed_async_connection_with_config(config).await.expect("a connection")
}

/// Others use the connection as well, and its channel takes one command: commands stand before it, and would overtake each
/// other on their way into it.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_never_overtakes_its_acquire_over_a_full_connection() {
    let server = RedisServer::start().expect("a server");
    let narrow = AsyncConnectionConfig::new().set_pipeline_buffer_size(1).set_response_timeout(None);
    let connection = connection(&server, &narrow).await;
    let others: Vec<_> = (0..64)
        .map(|_| {
            let mut connection = connection.clone();
            tokio::spawn(async move {
                loop {
                    redis::cmd("PING").exec_async(&mut connection).await.expect("PONG");
                }
            })
        })
        .collect();
    let node = Node::of(RedisNode::builder(connection).name("shared").build().expect("a node"));
    for burst in 0..20 {
        let pairs: Vec<_> = (0..50).map(|number| pair(burst * 50 + number)).collect();
        let mut waiting = Vec::new();
        for (acquire, release) in &pairs {
            waiting.push((begin(&node, acquire).await, begin(&node, release).await));
        }
        // The last first: the order of waiting must not matter.
        for (taking, giving) in waiting.into_iter().rev() {
            assert_eq!(giving.reply().await, released(1, 0));
            assert!(granted(&taking.reply().await));
        }
    }
    others.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(server.keys().expect("keys"), 0);
}

/// The time limit of the application's requests is none of the node's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_own_time_limit_does_not_count() {
    let server = RedisServer::start().expect("a server");
    let hasty = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_millis(1)));
    let node = RedisNode::builder(connection(&server, &hasty).await).name("hasty").build();
    let node = Node::of(node.expect("a node"));
    ask(&node, inspect(&["warm"])).await;
    server.freeze().expect("frozen");
    let command = inspect(&["a"]).into();
    let late = begin(&node, &command).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.thaw().expect("thawed");
    late.reply().await;
}

/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_has_ended_is_of_no_use_for_ever_and_says_what_is() {
    let mut server = RedisServer::start().expect("a server");
    let connection = connection(&server, &AsyncConnectionConfig::new()).await;
    let node = RedisNode::builder(connection).name("lent").build().expect("a node");
    ask(&node, inspect(&["a"])).await;
    server.restart().expect("restarted");
    let first = fault(&node, acquire(&["a"], "mine", 60_000)).await;
    assert_eq!(first.kind(), FaultKind::Closed, "{first}");
    for _ in 0..3 {
        let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::No), "{error}");
        assert!(error.to_string().contains("make the node from a redis::Client"), "{error}");
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

fn pool(server: &RedisServer, size: usize) -> Pool {
    let config = Config { pool: Some(PoolConfig::new(size)), ..Config::from_url(server.url()) };
    config.create_pool(Some(Runtime::Tokio1)).expect("a pool")
}

/// hazard: 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_whose_connections_are_all_in_use_costs_no_more_than_the_deadline() {
    let server = RedisServer::start().expect("a server");
    let pool = pool(&server, 1);
    let node = RedisNode::builder(pool.clone()).name("pool").build().expect("a node");
    let taken = pool.get().await.expect("the only one");
    for limit in [Duration::from_millis(100), Duration::from_secs(5)] {
        let started = Instant::now();
        let command = acquire(&["a"], "mine", 60_000).into();
        let error = node.execute(&command, within(limit)).await.expect_err("none is left");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No), "{error}");
        assert!(error.to_string().contains("all may be in use"), "{error}");
    }
    drop(taken);
    eventually("in use", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    assert_eq!(server.keys().expect("keys"), 0);
}

/// One connection is checked out and stays so; one that has ended leaves the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_one_connection_of_its_pool() {
    let mut server = RedisServer::start().expect("a server");
    let pool = pool(&server, 2);
    let node = RedisNode::builder(pool.clone()).name("pool").build().expect("a node");
    assert_eq!(pool.status().size, 0, "nothing before the first command");
    let size = |pool: &Pool| (pool.status().size, pool.status().available);
    for _ in 0..3 {
        for _ in 0..5 {
            ask(&node, inspect(&["a"])).await;
        }
        assert_eq!(size(&pool), (1, 0));
        server.restart().expect("restarted");
        eventually("in use", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    }
    drop(node);
    eventually("it is given up", async || size(&pool) == (0, 0)).await;
}

fn manager(url: String, retries: usize) -> ConnectionManager {
    let client = redis::Client::open(url).expect("a client");
    let config = ConnectionManagerConfig::new().set_number_of_retries(retries);
    ConnectionManager::new_lazy_with_config(client, config).expect("a manager")
}

fn next_client_id(server: &RedisServer) -> u64 {
    server.command(["CLIENT", "ID"]).expect("CLIENT ID").as_u64().expect("a number") + 1
}

/// The manager has reconnected for another of its users, to a server that has forgotten everything, and the new connection
/// has the old one's number: what is answered over it must not pass for an answer over the old one.
///
/// hazard: 13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconnection_that_another_user_of_the_manager_met_is_noticed() {
    let mut server = RedisServer::start().expect("a server");
    while next_client_id(&server) < 64 {}
    let manager = manager(server.url(), 0);
    let node = RedisNode::builder(manager.clone()).name("manager").build().expect("a node");
    let number = next_client_id(&server);
    let before = execute(&node, acquire(&["a"], "mine", 60_000)).await.expect("granted").epoch;
    server.restart().expect("restarted");
    while next_client_id(&server) < number {}
    let mut other = manager.clone();
    redis::cmd("PING").exec_async(&mut other).await.expect_err("the connection has ended");
    let id: u64 = redis::cmd("CLIENT").arg("ID").query_async(&mut other).await.expect("reconnected");
    assert_eq!(id, number);
    let error = fault(&node, acquire(&["a"], "other", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe), "{error}");
    let after = execute(&node, release(&["a"], "other")).await.expect("released").epoch;
    assert_ne!(after, before);
    assert_eq!(server.keys().expect("keys"), 0);
}

/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_whose_user_may_not_ask_is_refused_with_the_remedy() {
    let server = RedisServer::start().expect("a server");
    for right in ["-info", "-client|id"] {
        let rules = ["ACL", "SETUSER", "app", "reset", "on", ">pw", "~*", "+@all", right];
        server.command(rules).expect("ACL SETUSER");
        let manager = manager(server.url().replace("://", "://app:pw@"), 0);
        let node = RedisNode::builder(manager).name("manager").build().expect("a node");
        let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Permission, Sent::No), "{error}");
        assert!(error.to_string().contains("grant both"), "{error}");
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// Another user of the manager met the end, and the manager was refused: it keeps the refusal, also where it would be let in
/// again.
///
/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_was_refused_once_is_named_as_of_no_use() {
    let mut server = RedisServer::start().expect("a server");
    let grant = |server: &RedisServer| {
        server.command(["ACL", "SETUSER", "app", "reset", "on", ">pw", "~*", "+@all"]).expect("ACL SETUSER")
    };
    grant(&server);
    let manager = manager(server.url().replace("://", "://app:pw@"), 0);
    let node = RedisNode::builder(manager.clone()).name("manager").build().expect("a node");
    ask(&node, inspect(&["a"])).await;
    // Nobody is called `app` there until it is granted again.
    server.restart().expect("restarted");
    let ping = async || redis::cmd("PING").exec_async(&mut manager.clone()).await;
    eventually("refused", async || ping().await.is_err_and(|error| !error.is_io_error())).await;
    grant(&server);
    for _ in 0..20 {
        let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Authentication, Sent::No), "{error}");
        assert!(error.to_string().contains("make a new one"), "{error}");
    }
    assert_eq!(server.keys().expect("keys"), 0);
}

/// While the manager makes its attempts, for seconds, and where it never will, since the connection is open and silent.
///
/// hazard: 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_that_waits_costs_no_more_than_the_deadline() {
    let mut server = RedisServer::start().expect("a server");
    let proxy = Proxy::of(&server).expect("a proxy");
    let node = RedisNode::builder(manager(proxy.url(&server), 6)).name("manager").build().expect("a node");
    let limit = Duration::from_millis(100);
    let meet = async || {
        for _ in 0..8 {
            let started = Instant::now();
            let error =
                node.execute(&inspect(&["a"]).into(), within(limit)).await.expect_err("nobody is there");
            assert!(started.elapsed() < limit + Duration::from_millis(400), "{:?}", started.elapsed());
            assert_ne!(error.sent(), Sent::Replied, "{error}");
        }
    };
    let in_use = async || eventually("in use", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    in_use().await;
    server.kill().expect("killed");
    meet().await;
    server.restart().expect("restarted");
    in_use().await;
    proxy.black_hole().await;
    meet().await;
    proxy.heal().await;
    proxy.cut();
    in_use().await;
}

#[test]
fn what_tells_no_address_needs_a_name() {
    let pool = Config::from_url("redis://127.0.0.1").create_pool(Some(Runtime::Tokio1)).expect("a pool");
    let error = RedisNode::builder(pool).build().expect_err("no name");
    assert_eq!(error, NodeConfigError::NoName);
}
