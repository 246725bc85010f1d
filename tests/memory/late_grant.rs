//! Grants that arrive when nobody waits for them any more.

use redlock_core::{AcquireError, Redlock};
use redlock_memory::MemoryNode;
use redlock_testkit::Plan;
use tokio::time::sleep;

use crate::support::{Cluster, Resending, TTL, VALIDITY, held_by, ms};

/// Two nodes grant and their answers are lost: a roll-back of only those that said yes would leave them for the ttl.
/// hazard: 6
#[tokio::test(start_paused = true)]
async fn a_grant_whose_reply_was_lost_is_released() {
    let cluster = Cluster::of(3);
    cluster.links[0].once("acquire", Plan::new().lose_reply());
    cluster.links[1].once("acquire", Plan::new().lose_reply());
    let error = cluster.client("a").try_acquire("x").await.expect_err("two of three are silent");
    assert!(matches!(error, AcquireError::NoQuorum(_)), "{error}");
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["", "", ""]);
}

/// hazard: 6
#[tokio::test(start_paused = true)]
async fn a_minority_that_granted_is_released_when_the_others_refuse() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    cluster.links[2].inner().flush();
    assert_eq!(held_by(cluster.client("b").try_acquire("x").await), "a");
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["a", "a", ""]);
    drop(guard);
}

/// The nodes execute the command long after the caller has given up; the release stands behind it in the connection.
/// hazard: 7
#[tokio::test(start_paused = true)]
async fn a_grant_after_the_time_limit_is_released() {
    let cluster = Cluster::of(3);
    cluster.once("acquire", &Plan::new().delay(ms(150)));
    let error = cluster.client("a").try_acquire("x").await.expect_err("too slow");
    assert!(matches!(error, AcquireError::NoQuorum(_)), "{error}");
    assert_eq!(cluster.count("acquire"), 0);
    cluster.quiet().await;
    assert_eq!((cluster.count("acquire"), cluster.count("release")), (3, 3));
    assert!(cluster.is_free());
}

/// A replaced connection delivers its acquire behind the release: the key stands on that node until its ttl, and on no more.
/// hazard: 8
#[tokio::test(start_paused = true)]
async fn a_grant_that_lands_behind_its_release_blocks_one_node_until_the_ttl() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    for link in &cluster.links[..2] {
        link.once("acquire", Plan::new().lose_command());
    }
    cluster.links[2].once("acquire", Plan::new().delay(ms(300)));
    cluster.links[2].once("release", Plan::new().reconnect());
    client.try_acquire("x").await.expect_err("no quorum");
    sleep(ms(300)).await;
    assert_eq!(cluster.holders("x"), ["", "", "a"]);
    let guard = cluster.client("b").try_acquire("x").await.expect("by the other two");
    sleep(TTL - ms(40)).await;
    assert_eq!(cluster.holders("x"), ["b", "b", ""]);
    drop(guard);
}

/// After a win a late grant belongs to the lease: it changes no validity, and goes with the release.
/// hazard: 8
#[tokio::test(start_paused = true)]
async fn a_late_grant_after_a_win_is_kept_and_released_with_the_lock() {
    let cluster = Cluster::of(3);
    cluster.links[2].once("acquire", Plan::new().delay(ms(120)));
    let guard = cluster.client("a").acquire("x").await.unwrap();
    assert_eq!(guard.remaining(), VALIDITY);
    let until = guard.expiration();
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    assert_eq!(guard.expiration(), until);
    guard.release().await;
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// hazard: 7, 8
#[tokio::test(start_paused = true)]
async fn a_grant_that_answers_after_the_roll_back_is_released_again() {
    let nodes = MemoryNode::cluster_on(redlock_core::TokioClock::new(), 3);
    let client = Redlock::builder().nodes(nodes.iter().cloned().map(Resending)).ttl(TTL).build().unwrap();
    let cancelled = client.acquire("x").cancel_on(sleep(ms(5))).await;
    assert!(matches!(cancelled, Err(AcquireError::Cancelled)));
    sleep(ms(40)).await;
    assert!(nodes.iter().all(MemoryNode::is_empty));
}
