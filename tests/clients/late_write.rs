//! A frozen server does what it was sent when it is thawed: a lock that was given up must not be taken then.

use std::time::Duration;

use redlock_core::{AcquireError, Redlock};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;
use tokio::time::Instant;

use super::subjects::*;

each_healing_client! {
    what_timed_out_at_frozen_servers_is_undone_when_they_thaw,
    what_timed_out_over_several_connections_is_undone_too,
    a_straggler_of_a_released_lock_is_undone,
}

/// So long that no key of these tests ends by itself.
const TTL: Duration = Duration::from_secs(600);

fn redlock(nodes: [Node; 3]) -> Redlock {
    let limit = Duration::from_millis(200);
    Redlock::builder().nodes(nodes).max_ttl(TTL).ttl(TTL).node_timeout(limit).build().expect("a redlock")
}

async fn in_use<S: Subject>() -> ([RedisServer; 3], Redlock) {
    let (servers, nodes) = three::<S>().await;
    for node in &nodes {
        // A quorum would do without the third.
        ask(node, inspect(&["connected"])).await;
    }
    let redlock = redlock(nodes);
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
async fn what_timed_out_at_frozen_servers_is_undone_when_they_thaw<S: Subject>() {
    let (servers, redlock) = in_use::<S>().await;
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
async fn what_timed_out_over_several_connections_is_undone_too<S: Subject>() {
    let (servers, redlock) = in_use::<S>().await;
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
async fn a_straggler_of_a_released_lock_is_undone<S: Subject>() {
    let (servers, redlock) = in_use::<S>().await;
    servers[2].freeze().expect("frozen");
    for _ in 0..8 {
        let guard = redlock.acquire("x").await.expect("a quorum");
        assert!(guard.release().await.is_released());
    }
    servers[2].thaw().expect("thawed");
    assert_clean(&redlock, &servers).await;
}
