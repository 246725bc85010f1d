//! A clean-up on real servers, among the keys of everybody else.

use redlock_core::{Holder, LockValue, Redlock};
use redlock_testkit::server::RedisServer;

use super::support::*;

fn ours(number: u8) -> LockValue {
    LockValue::compose("", [number; 16], Some(&Holder::named("gone")))
}

fn set(server: &RedisServer, key: &str, value: &LockValue) {
    server.command([b"SET".as_slice(), key.as_bytes(), value.as_bytes()]).expect("SET");
}

/// What must stay: the other families' keys, which have no expiry by design, whatever they hold; and an application's.
fn others(server: &RedisServer) -> u64 {
    let before = server.keys().expect("keys");
    let typed: [&[&str]; 9] = [
        &["ZADD", "redlock:sem:pool", "1", "permit"],
        &["HSET", "redlock:sem:slots", "0", "permit"],
        &["SADD", "redlock:latch:deploy", "event"],
        &["HSET", "redlock:latch:deploy:meta", "target", "3"],
        &["HSET", "redlock:value:config", "version", "7"],
        &["SET", "redlock:version:config", "7"],
        &["HSET", "redlock:rw:table", "reader", "1"],
        &["LPUSH", "redlock:jobs", "job"],
        &["XADD", "redlock:stream", "*", "a", "b"],
    ];
    for words in typed {
        server.command(words).expect("a key");
    }
    let auxiliary =
        ["{redlock:a}:fence", "redlock:a:queue", "{redlock}:member", "redlock:latch:x", "redlock:sem:x"];
    for key in auxiliary.into_iter().chain(["other:a", "redlocks:a", "a"]) {
        set(server, key, &ours(1));
    }
    set(server, "redlock:counter", &LockValue::from_bytes(*b"1763793226000001"));
    server.keys().expect("keys") - before
}

/// hazard: 71, 72
#[tokio::test]
async fn it_removes_immortal_locks_and_leaves_every_other_type() {
    let servers = [server(), server(), server()];
    let redlock = Redlock::builder().nodes(servers.iter().map(node)).build().expect("a redlock");
    let guard = redlock.acquire("held").await.expect("acquired");
    eventually("on all nodes", async || servers.iter().all(|server| server.keys().expect("keys") == 1)).await;
    let mut kept = 0;
    for server in &servers {
        kept = others(server);
        for number in 0..30 {
            set(server, &format!("redlock:immortal:{number}"), &ours(2));
        }
    }
    let report = redlock.cleanup().await;
    assert!(report.faults.is_empty(), "{report:?}");
    assert_eq!(report.removed.len(), 3 * 30);
    assert!(report.removed.iter().all(|(_, key)| key.starts_with("redlock:immortal:")), "{report:?}");
    for server in &servers {
        assert_eq!(server.keys().expect("keys"), kept + 1);
        for command in ["flushall", "flushdb", "keys"] {
            assert_eq!(server.calls(command).expect("calls"), 0, "{command}");
        }
    }
    assert!(guard.release().await.is_released());
}
