//! A frozen server does what it was sent when it is thawed: a lock that was given up must not be taken then.

use std::time::Duration;

use redlock_core::{AcquireError, Redlock};
use redlock_testkit::server::RedisServer;
use tokio::time::Instant;

use super::support::*;

/// So long that no key of these tests ends by itself.
const TTL: Duration = Duration::from_secs(600);

fn redlock(servers: &[RedisServer]) -> Redlock {
    let limit = Duration::from_millis(200);
    Redlock::builder()
        .nodes(servers.iter().map(node))
        .max_ttl(TTL)
        .ttl(TTL)
        .node_timeout(limit)
        .build()
        .expect("a redlock")
}

async fn three() -> ([RedisServer; 3], Redlock) {
    let servers = [server(), server(), server()];
    let redlock = redlock(&servers);
    assert!(redlock.acquire("warm").await.expect("acquired").release().await.is_released());
    (servers, redlock)
}

/// And that no key comes back afterwards.
async fn assert_clean(redlock: &Redlock, servers: &[RedisServer]) {
    let clean = async || servers.iter().all(|server| server.keys().expect("keys") == 0);
    eventually("no key is left", clean).await;
    let ended = redlock.shutdown(AMPLE).await;
    assert!(ended.is_complete(), "{ended:?}");
    assert!(clean().await, "a key came back");
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_timed_out_at_frozen_servers_is_undone_when_they_thaw() {
    let (servers, redlock) = three().await;
    servers[..2].iter().for_each(|server| server.freeze().expect("frozen"));
    let error = redlock.try_acquire("x").await.expect_err("no quorum");
    assert!(matches!(error, AcquireError::NoQuorum(_)), "{error}");
    servers[..2].iter().for_each(|server| server.thaw().expect("thawed"));
    assert_clean(&redlock, &servers).await;
    let sets: Vec<u64> = servers.iter().map(|server| server.calls("set").expect("calls")).collect();
    assert_eq!(sets, [2, 2, 2], "the late writes have come");
}

/// The connections are replaced while the servers stand still.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_timed_out_over_several_connections_is_undone_too() {
    let (servers, redlock) = three().await;
    for server in &servers {
        server.freeze().expect("frozen");
    }
    let frozen = Instant::now();
    while frozen.elapsed() < Duration::from_secs(2) {
        redlock.try_acquire("x").await.expect_err("nobody answers");
    }
    for server in &servers {
        server.thaw().expect("thawed");
    }
    assert_clean(&redlock, &servers).await;
}

/// hazard: 7, 8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_straggler_of_a_released_lock_is_undone() {
    let (servers, redlock) = three().await;
    servers[2].freeze().expect("frozen");
    for _ in 0..8 {
        let guard = redlock.acquire("x").await.expect("a quorum");
        assert!(guard.release().await.is_released());
    }
    servers[2].thaw().expect("thawed");
    assert_clean(&redlock, &servers).await;
}
