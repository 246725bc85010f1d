//! A clean-up deletes locks that would never end, and nothing else that stands on the nodes.

use redlock_core::{Holder, Key, LockValue, Ttl};
use redlock_memory::MemoryNode;

use crate::support::{Cluster, TTL};

fn ours(number: u8) -> LockValue {
    LockValue::compose("", [number; 16], Some(&Holder::named("gone")))
}

/// Keys without an expiry that are not this format's locks, or not provably this library's.
fn others(node: &MemoryNode) -> usize {
    let families =
        ["redlock:sem:x", "redlock:latch:x", "redlock:value:x", "redlock:version:x", "redlock:rw:x"];
    let auxiliary = ["redlock:x:fence", "{redlock:x}:fence", "{redlock}:member", "redlock:x:queue"];
    let elsewhere = ["other:x", "redlocks:x", "x"];
    let names: Vec<_> = families.into_iter().chain(auxiliary).chain(elsewhere).collect();
    for name in &names {
        node.insert(&Key::new(*name), ours(1), None);
    }
    node.insert(&Key::new("redlock:string"), LockValue::from_bytes(*b"the application's own"), None);
    node.insert(&Key::new("redlock:bare"), LockValue::compose("", [7; 16], None), None);
    node.insert_foreign(&Key::new("redlock:hash"), "hash", None);
    node.insert(&Key::new("redlock:ends"), ours(2), Some(Ttl::SECOND));
    names.len() + 4
}

/// hazard: 71, 72
#[tokio::test(start_paused = true)]
async fn only_locks_of_ours_without_an_expiry_are_removed() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("held").await.unwrap();
    let mut kept = 0;
    for link in &cluster.links {
        kept = others(link.inner()) + 1;
        for number in 0..40 {
            link.inner().insert(&Key::new(format!("redlock:immortal:{number}")), ours(3), None);
        }
    }
    let report = cluster.client("b").cleanup().await;
    assert_eq!((report.removed.len(), report.faults.len(), report.skipped.len()), (3 * 40, 0, 0));
    assert!(report.removed.iter().all(|(_, key)| key.starts_with("redlock:immortal:")), "{report:?}");
    assert!(cluster.links.iter().all(|link| link.inner().len() == kept), "{report:?}");
    guard.extend().await.expect("a live lock is left alone");
    assert_eq!(cluster.client("b").cleanup().await.removed, []);
}

/// Somebody took the expiry from one node of a live lock.
/// hazard: 71
#[tokio::test(start_paused = true)]
async fn a_live_lock_with_one_immortal_key_is_left_alone() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let value = LockValue::from_bytes(guard.identifier());
    cluster.links[1].inner().insert(&Key::new("redlock:x"), value, None);
    assert_eq!(cluster.client("b").cleanup().await.removed, []);
    guard.extend().await.expect("held by all three");
    tokio::time::sleep(TTL).await;
    drop(guard);
    cluster.quiet().await;
    assert!(cluster.is_free(), "its own release deletes it");
}

/// A leftover on a minority, under a lock that somebody else holds by the others.
#[tokio::test(start_paused = true)]
async fn an_immortal_leftover_under_anothers_lock_is_removed() {
    let cluster = Cluster::of(3);
    cluster.links[0].inner().insert(&Key::new("redlock:x"), ours(4), None);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let report = cluster.client("b").cleanup().await;
    assert_eq!(report.removed.len(), 1);
    assert_eq!(cluster.holders("x"), ["", "a", "a"]);
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_is_reported_and_makes_it_cautious() {
    let cluster = Cluster::of(3);
    for link in &cluster.links {
        link.inner().insert(&Key::new("redlock:x"), ours(5), None);
    }
    cluster.links[1].black_hole();
    let report = cluster.client("a").cleanup().await;
    assert_eq!(report.faults.iter().map(|fault| fault.node.as_str()).collect::<Vec<_>>(), ["memory-2"]);
    // The last copy stays: the silent node might be the second of a quorum that holds it with an expiry.
    assert_eq!(report.removed.len(), 1);
    cluster.links[1].restore();
    assert_eq!(cluster.client("a").cleanup().await.removed.len(), 2);
}

/// Somebody took the expiry everywhere: the nodes cannot tell that it lives, its own instance can.
/// hazard: 71
#[tokio::test(start_paused = true)]
async fn its_own_live_lock_is_left_alone_without_any_expiry() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    let value = LockValue::from_bytes(guard.identifier());
    for link in &cluster.links {
        link.inner().insert(&Key::new("redlock:x"), value.clone(), None);
    }
    assert_eq!(client.cleanup().await.removed, []);
    guard.extend().await.expect("still held");
    tokio::time::sleep(TTL).await;
    assert_eq!(client.cleanup().await.removed.len(), 3, "its lease is over, and nobody else ends it");
}
