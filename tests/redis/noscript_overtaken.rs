//! A script that a server does not know is sent a second time, and the release behind the first time overtakes it.

use std::time::{Duration, Instant};

use redlock_core::Redlock;
use redlock_testkit::server::RedisServer;

use super::support::*;

/// No key of these tests ends by itself before they do.
const TTL: Duration = Duration::from_secs(60);

fn redlock(servers: &[RedisServer]) -> Redlock {
    Redlock::builder().nodes(servers.iter().map(node)).ttl(TTL).build().expect("a redlock")
}

/// The server knows what extends and what releases, and nothing else.
async fn forget_but_extend_and_release(redlock: &Redlock, server: &RedisServer) {
    server.command(["SCRIPT", "FLUSH"]).expect("SCRIPT FLUSH");
    let guard = redlock.acquire("warm").await.expect("uncontended");
    guard.extend().await.expect("extended");
    assert!(guard.release().await.is_released());
    eventually("the last answer", async || server.calls("eval").expect("calls") >= 2).await;
    eventually("the last release", async || server.keys().expect("keys") == 0).await;
    server.command(["CONFIG", "RESETSTAT"]).expect("CONFIG RESETSTAT");
}

async fn assert_soon_free(servers: &[RedisServer]) {
    // A key that is put back late is there for a moment: until it is released again.
    let mut since = Instant::now();
    let stays_free = async || {
        if servers.iter().any(|server| server.keys().expect("keys") > 0) {
            since = Instant::now();
        }
        since.elapsed() > Duration::from_millis(300)
    };
    eventually("all free, and for good", stays_free).await;
}

/// hazard: 8, 53
#[tokio::test]
async fn a_late_grant_behind_its_release_is_released_again() {
    let servers = [server(), server(), server()];
    let redlock = redlock(&servers);
    for dropped in [false, true] {
        forget_but_extend_and_release(&redlock, &servers[2]).await;
        servers[2].command(["CLIENT", "PAUSE", "200", "ALL"]).expect("CLIENT PAUSE");
        let guard = redlock.acquire(["{x}:1", "{x}:2"]).await.expect("a quorum");
        if dropped {
            drop(guard);
        } else {
            assert!(guard.release().await.is_released());
        }
        eventually("the grant", async || servers[2].calls("eval").expect("calls") > 0).await;
        assert_soon_free(&servers).await;
    }
}

/// hazard: 8, 12, 53
#[tokio::test]
async fn a_key_put_back_behind_its_release_is_released_again() {
    let servers = [server(), server(), server()];
    let redlock = redlock(&servers);
    let mut put_back = 0;
    for _ in 0..3 {
        forget_but_extend_and_release(&redlock, &servers[0]).await;
        let guard = redlock.acquire("x").await.expect("uncontended");
        eventually("the last grant", async || servers.iter().all(|server| server.keys().expect("keys") == 1))
            .await;
        servers[0].command(["DEL", "redlock:x"]).expect("DEL");
        guard.extend().await.expect("extended");
        assert!(guard.release().await.confirmed() >= 2);
        assert_soon_free(&servers).await;
        put_back += servers[0].calls("eval").expect("calls");
    }
    assert!(put_back > 0, "none was put back");
}
