//! Every way in which a server, or what stands in its place, fails to do a step: each is an error of its own kind, and none
//! is a vote against.
//!
//! | state | where it is reproduced |
//! |---|---|
//! | refused | `connecting::nobody_at_the_address` |
//! | closed | `replay` |
//! | timeout | `reconnect::a_frozen_server_is_answered_for_by_the_deadline` |
//! | NOSCRIPT | `noscript` |
//! | READONLY, NOREPLICAS, BUSY, NOAUTH, NOPERM, CROSSSLOT, CLUSTERDOWN | `server_states` |
//! | wrong password | `connecting` |
//! | OOM | `out_of_memory` |
//! | LOADING | `loading` |
//! | MISCONF, MOVED, MASTERDOWN, WRONGTYPE | here |
//! | no Redis at all | `connecting` |

use redlock_core::{AcquireError, FaultKind, LockReply, Redlock, Sent};
use redlock_testkit::server::RespValue;

use super::server_states::{assert_all, with_an_old_lock, writers};
use redlock_tests::support::*;

use super::subjects::*;

each_client! {
    misconf,
    moved,
    master_down,
    a_foreign_format,
}

/// hazard: 54
async fn misconf<S: Subject>() {
    let server = server_with::<S>(S::server().args(["--dbfilename", "taken.rdb"]));
    let node = node::<S>(&server).await;
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
async fn moved<S: Subject>() {
    let start = || server_with::<S>(S::server().args(["--cluster-enabled", "yes"]));
    let (here, there) = (start(), start());
    let port = there.port().expect("a port").to_string();
    here.command(["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]).expect("ADDSLOTSRANGE");
    there.command(["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]).expect("ADDSLOTSRANGE");
    here.command(["CLUSTER", "MEET", "127.0.0.1", &port]).expect("MEET");
    let node = node::<S>(&here).await;
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
async fn master_down<S: Subject>() {
    let (server, node) = with_an_old_lock::<S>().await;
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
async fn a_foreign_format<S: Subject>() {
    let (servers, nodes) = three::<S>().await;
    for server in &servers {
        server.command(["LPUSH", "redlock:a", "job"]).expect("LPUSH");
    }
    let redlock = Redlock::builder().nodes(nodes).build().expect("a redlock");
    match redlock.try_acquire("a").await {
        Err(AcquireError::Held(held)) => assert_eq!(held.foreign.as_deref(), Some("list"), "{held}"),
        other => panic!("{other:?}"),
    }
    let node = node::<S>(&servers[0]).await;
    for command in [acquire(&["redlock:a", "b"], "mine", 5_000), acquire(&["redlock:a"], "mine", 5_000)] {
        assert!(matches!(ask(&node, command).await, LockReply::Refused(_)));
    }
    ask(&node, release(&["redlock:a"], "mine")).await;
    ask(&node, extend(&["redlock:a"], "mine", 5_000)).await;
    for server in &servers {
        assert_eq!(server.keys().expect("keys"), 1, "what is another's stays");
    }
}
