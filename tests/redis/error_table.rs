//! Every way in which a server, or what stands in its place, fails to do a step: each is an error of its own kind, and none
//! is a vote against.
//!
//! | state | where it is reproduced |
//! |---|---|
//! | refused | `reconnect::nobody_at_the_address` |
//! | closed | here |
//! | timeout | `reconnect::a_frozen_server_is_answered_for_by_the_deadline` |
//! | NOSCRIPT | `noscript` |
//! | READONLY, NOREPLICAS, BUSY, NOAUTH, wrong password, NOPERM, CROSSSLOT, CLUSTERDOWN | `server_states` |
//! | OOM | `out_of_memory` |
//! | LOADING, MISCONF, MOVED, MASTERDOWN, WRONGTYPE | here |
//! | no Redis at all | here |

use std::net::Ipv4Addr;
use std::time::Duration;

use redlock_core::{AcquireError, Backend, BackendError, FaultKind, KeyState, LockReply, Redlock, Sent};
use redlock_redis_rs::RedisNode;
use redlock_testkit::proxy::Proxy;
use redlock_testkit::server::{RedisServer, RespValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::server_states::{assert_all, with_an_old_lock, writers};
use super::support::*;

/// The connection ends between a command and its reply.
///
/// hazard: 54
#[tokio::test]
async fn closed() {
    let server = server();
    let proxy = Proxy::of(&server).expect("a proxy");
    let node = RedisNode::from_url(proxy.url(&server)).expect("a node");
    ask(&node, inspect(&["warm"])).await;
    proxy.lose_replies(1);
    let error = fault(&node, acquire(&["a"], "mine", 60_000)).await;
    assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe), "{error}");
    // And it was executed, once.
    assert!(matches!(state(&node, "a").await, KeyState::Held { .. }));
    assert_eq!(server.calls("set").expect("calls"), 1);
}

/// hazard: 54
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loading() {
    // It answers after each 1024 keys.
    let slowly = ["--key-load-delay", "100"];
    let mut server = RedisServer::builder().durable().args(slowly).start().expect("a server");
    let patient = RedisNode::builder(server.url()).connect_timeout(AMPLE);
    let node = patient.build().expect("a node");
    let many = "for key = 1, 12000 do redis.call('SET', 'k' .. key, 1) end";
    server.command(["EVAL", many, "0"]).expect("EVAL");
    server.kill().expect("killed");
    let restarted = tokio::task::spawn_blocking(move || {
        server.restart().expect("restarted");
        server
    });
    let mut error = None;
    eventually("loading", async || {
        error = node.execute(&acquire(&["a"], "mine", 5_000).into(), within(AMPLE)).await.err();
        error.as_ref().is_some_and(|error: &BackendError| error.kind() == FaultKind::Loading)
    })
    .await;
    let error = error.expect("an error");
    assert_eq!(error.sent(), Sent::Replied, "{error}");
    assert!(error.is_retryable());
    let _server = restarted.await.expect("a server");
    eventually("loaded", async || execute(&node, acquire(&["a"], "mine", 5_000)).await.is_ok()).await;
}

/// hazard: 54
#[tokio::test]
async fn misconf() {
    let server = RedisServer::builder().args(["--dbfilename", "taken.rdb"]).start().expect("a server");
    let node = node(&server);
    ask(&node, acquire(&["{t}:old"], "mine", 60_000)).await;
    let folder = server.command(["CONFIG", "GET", "dir"]).expect("CONFIG GET");
    let RespValue::Array(words) = folder else { panic!("{folder:?}") };
    let folder = words[1].as_text().expect("a folder");
    // A snapshot cannot replace a folder.
    std::fs::create_dir(format!("{folder}/taken.rdb")).expect("a folder");
    server.command(["CONFIG", "SET", "save", "3600 1"]).expect("CONFIG SET");
    server.command(["BGSAVE"]).expect("BGSAVE");
    eventually("the snapshot has failed", async || {
        let info = server.command(["INFO", "persistence"]).expect("INFO");
        info.as_text().expect("text").contains("rdb_last_bgsave_status:err")
    })
    .await;
    assert_all(&node, writers(), FaultKind::WritesRefused).await;
}

/// hazard: 54
#[tokio::test]
async fn moved() {
    let start = || RedisServer::builder().args(["--cluster-enabled", "yes"]).start().expect("a server");
    let (here, there) = (start(), start());
    let port = there.port().expect("a port").to_string();
    here.command(["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]).expect("ADDSLOTSRANGE");
    there.command(["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]).expect("ADDSLOTSRANGE");
    here.command(["CLUSTER", "MEET", "127.0.0.1", &port]).expect("MEET");
    let node = node(&here);
    let kind = async |name: &str| execute(&node, acquire(&[name], "mine", 1)).await.err();
    // "foo" lies in slot 12182.
    eventually("the other half is known", async || {
        kind("foo").await.is_some_and(|error| error.to_string().contains("MOVED"))
    })
    .await;
    let error = kind("foo").await.expect("elsewhere");
    assert_eq!((error.kind(), error.sent()), (FaultKind::ClusterState, Sent::Replied), "{error}");
    // "bar" lies in slot 5061, which is here.
    eventually("the cluster is up", async || kind("bar").await.is_none()).await;
}

/// hazard: 54
#[tokio::test]
async fn master_down() {
    let (server, node) = with_an_old_lock().await;
    server.command(["CONFIG", "SET", "replica-serve-stale-data", "no"]).expect("CONFIG SET");
    // Nobody answers there.
    server.command(["REPLICAOF", "127.0.0.1", "1"]).expect("REPLICAOF");
    // A write is refused for another reason before.
    assert_all(&node, vec![acquire(&["{t}:new"], "mine", 5_000)], FaultKind::ReadOnly).await;
    assert_all(&node, vec![inspect(&["{t}:old"])], FaultKind::ClusterState).await;
}

/// Another library's key of another type: it blocks, and is named, and is no fault of the node.
///
/// hazard: 57
#[tokio::test]
async fn a_foreign_format() {
    let servers = [server(), server(), server()];
    for server in &servers {
        server.command(["LPUSH", "redlock:a", "job"]).expect("LPUSH");
    }
    let redlock = Redlock::builder().nodes(servers.iter().map(node)).build().expect("a redlock");
    match redlock.try_acquire("a").await {
        Err(AcquireError::Held(held)) => assert_eq!(held.foreign.as_deref(), Some("list"), "{held}"),
        other => panic!("{other:?}"),
    }
    let node = node(&servers[0]);
    for command in [acquire(&["redlock:a", "b"], "mine", 5_000), acquire(&["redlock:a"], "mine", 5_000)] {
        assert!(matches!(ask(&node, command).await, LockReply::Refused(_)));
    }
    ask(&node, release(&["redlock:a"], "mine")).await;
    ask(&node, extend(&["redlock:a"], "mine", 5_000)).await;
    for server in &servers {
        assert_eq!(server.keys().expect("keys"), 1, "what is another's stays");
    }
}

/// Says `banner` to whoever connects, and reads what comes.
async fn no_redis(banner: &'static [u8]) -> RedisNode {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(banner).await;
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
            });
        }
    });
    RedisNode::from_url(format!("redis://127.0.0.1:{port}")).expect("a node")
}

/// hazard: 54
#[tokio::test]
async fn a_peer_that_is_no_redis() {
    let banners: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n",
    ];
    for banner in banners {
        let node = no_redis(banner).await;
        let error = fault(&node, acquire(&["a"], "mine", 5_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Protocol, Sent::No), "{error}");
        assert!(!error.is_retryable());
    }
}

/// hazard: 50, 54
#[tokio::test]
async fn a_peer_that_says_nothing() {
    let node = no_redis(b"").await;
    let limit = Duration::from_millis(200);
    let started = Instant::now();
    let error =
        node.execute(&acquire(&["a"], "mine", 5_000).into(), within(limit)).await.expect_err("silence");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No), "{error}");
    assert!(started.elapsed() < limit + Duration::from_secs(1));
}
