//! A client of fred that the program has already: its settings are not those that a node needs.

use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::Builder;
use fred::types::config::{Blocking, Config, ReconnectPolicy};
use fred::types::{ClusterHash, CustomCommand, Resp3Frame};
use redlock_core::{Backend, Epoch, FaultKind, Sent};
use redlock_fred::{FredNode, NodeConfigError};
use redlock_testkit::proxy::{Direction, Proxy, Traffic};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;

use super::order::{PAIRS, begin, pair};
use super::subjects::{Node, fred_client};

fn behind_a_proxy() -> (RedisServer, Proxy) {
    let server = RedisServer::start().expect("a server");
    let proxy = Proxy::of(&server).expect("a proxy");
    (server, proxy)
}

/// A command of the program's own, sent as the client is set.
async fn set(client: &Client, key: &str) -> Result<Resp3Frame, fred::error::Error> {
    let command = CustomCommand::new_static("SET", ClusterHash::FirstKey, false);
    client.custom_raw(command, vec![key, "1", "NX"]).await
}

fn sets(server: &RedisServer) -> u64 {
    server.calls("set").expect("calls")
}

/// hazard: 62
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_replays_replays_nothing_of_a_node() {
    let (server, proxy) = behind_a_proxy();
    let (client, _driver) = fred_client(&proxy.url(&server));
    let node = FredNode::from_client(client.clone()).expect("a node");
    ask(&node, inspect(&["warm"])).await;

    proxy.lose_replies(1);
    let error = fault(&node, acquire(&["node"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe), "{error}");
    eventually("the client is back", async || execute(&node, inspect(&["node"])).await.is_ok()).await;
    assert_eq!(sets(&server), 1);

    // What the same client does by its settings, and answers with the ghost of its first try.
    proxy.lose_replies(1);
    assert!(matches!(set(&client, "program").await.expect("a reply"), Resp3Frame::Null));
    assert_eq!(sets(&server), 3);
}

/// The client itself never does; and when it is told to, it would send again what it has attempts for.
///
/// hazard: 50, 62
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_in_a_black_hole_is_left_after_three_timeouts() {
    for (tolerated, attempts) in [(3, 3), (1_000, 12)] {
        let (server, proxy) = behind_a_proxy();
        let (client, _driver) = fred_client(&proxy.url(&server));
        let builder = FredNode::client_builder(client).timeouts_before_reconnect(tolerated);
        let node = builder.build().expect("a node");
        ask(&node, inspect(&["warm"])).await;
        proxy.strand();
        for _ in 0..attempts {
            let late = acquire(&["late"], "mine", 60_000).into();
            let error = node.execute(&late, within(Duration::from_millis(50))).await;
            assert_eq!(error.expect_err("no answer").sent(), Sent::Maybe);
        }
        let connections = || proxy.counts().connections;
        if attempts < tolerated {
            assert_eq!(connections(), 1);
        } else {
            ask(&node, inspect(&["late"])).await;
            assert_eq!(connections(), 2);
            assert_eq!(sets(&server), 0, "what was under way is not sent again");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_of_the_client_is_no_limit_of_a_node() {
    let (server, proxy) = behind_a_proxy();
    let mut builder = Builder::from_config(Config::from_url(&proxy.url(&server)).expect("a configuration"));
    builder.set_policy(ReconnectPolicy::default());
    builder.with_performance_config(|settings| settings.default_command_timeout = Duration::from_millis(5));
    let client = builder.build().expect("a client");
    client.init().await.expect("connected");
    let node = FredNode::from_client(client.clone()).expect("a node");
    proxy.set(Direction::ToClient, Traffic::Delayed(Duration::from_millis(50)));
    set(&client, "a").await.expect_err("too late for the client");
    assert!(granted(&ask(&node, acquire(&["b"], "mine", 60_000)).await));
    client.quit().await.expect("ended");
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_of_a_pool_is_kept() {
    let server = RedisServer::start().expect("a server");
    let mut builder = Builder::from_config(Config::from_url(&server.url()).expect("a configuration"));
    let pool = builder.set_policy(ReconnectPolicy::default()).build_pool(4).expect("a pool");
    pool.init().await.expect("connected");
    let node = Node::of(FredNode::from_pool(&pool).expect("a node"));
    for number in 0..PAIRS {
        let (acquire, release) = pair(number);
        let taking = begin(&node, &acquire).await;
        let giving = node.execute(&release, within(AMPLE)).await.expect("a reply");
        assert_eq!(giving.epoch, Epoch::FIRST);
        assert_eq!(giving.into_lock().expect("of the lock family"), released(1, 0));
        assert!(granted(&taking.reply().await));
    }
    pool.quit().await.expect("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_ended_may_be_started_again() {
    let server = RedisServer::start().expect("a server");
    let (client, driver) = fred_client(&server.url());
    let node = FredNode::from_client(client.clone()).expect("a node");
    ask(&node, inspect(&["a"])).await;
    for _ in 0..2 {
        client.quit().await.expect("ended");
        let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
        assert_ne!(error.kind(), FaultKind::Protocol, "{error}");
        client.init().await.expect("connected");
        eventually("in use", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    }
    server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).expect("CLIENT KILL");
    eventually("in use", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    client.quit().await.expect("ended");
    drop(driver);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_not_connected_is_waited_for_no_longer_than_told() {
    let server = RedisServer::start().expect("a server");
    let mut builder = Builder::from_config(Config::from_url(&server.url()).expect("a configuration"));
    let client = builder.set_policy(ReconnectPolicy::default()).build().expect("a client");
    let node = FredNode::client_builder(client.clone()).connect_timeout(Duration::from_millis(100)).build();
    let node = node.expect("a node");
    let error = fault(&node, inspect(&["a"])).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No), "{error}");
    client.init().await.expect("connected");
    ask(&node, inspect(&["a"])).await;
    client.quit().await.expect("ended");
}

#[test]
fn a_client_that_cannot_be_a_node_is_refused() {
    let mut builder = Builder::default_centralized();
    let refused = |builder: &Builder| match FredNode::from_client(builder.build().expect("a client")) {
        Err(NodeConfigError::Client { reason }) => reason,
        other => panic!("refused: {other:?}"),
    };
    assert!(refused(&builder).contains("no reconnect policy"));
    builder.set_policy(ReconnectPolicy::default());
    FredNode::from_client(builder.build().expect("a client")).expect("a node");
    builder.with_config(|config| config.blocking = Blocking::Interrupt);
    assert!(refused(&builder).contains("Blocking::Interrupt"));
}
