//! Nodes that lost the key of a held lock: they are given it back, and nothing else is.

use redlock_core::{Key, LockGuard, LockValue, Ttl};
use redlock_testkit::Plan;
use tokio::time::sleep;

use crate::support::{Cluster, Recorder, TTL, ms};

/// It is no grant that the extension counts, so it holds nobody up.
const WITHHELD: &str = "withheld memory-2 Restarted { uptime: Some(40ms) }";

async fn held() -> (Cluster, LockGuard, Recorder) {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").await.unwrap();
    (cluster, guard, events)
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_the_key_gets_it_back_for_what_remains() {
    let (cluster, guard, events) = held().await;
    cluster.links[1].inner().restart();
    cluster.once("extend", &Plan::new().reply_delay(ms(40)));
    guard.extend().await.unwrap();
    cluster.links[1].settle().await;
    assert_eq!(cluster.remaining("x"), [TTL - ms(40); 3]);
    assert_eq!(events.events(), ["acquired 1", "extended", "re-planted memory-2", WITHHELD]);
    guard.release().await;
    cluster.quiet().await;
    assert!(cluster.is_free(), "released there, too");
}

/// The extension is decided by the others; the forgetful node answers 30 ms later.
#[tokio::test(start_paused = true)]
async fn a_straggler_that_lost_the_key_gets_it_back_when_it_answers() {
    let (cluster, guard, events) = held().await;
    cluster.links[0].inner().restart();
    cluster.links[0].once("extend", Plan::new().reply_delay(ms(30)));
    guard.extend().await.unwrap();
    assert_eq!(cluster.holders("x"), ["", "a", "a"]);
    sleep(ms(31)).await;
    cluster.links[0].settle().await;
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    assert!(
        cluster.remaining("x")[0] <= TTL - ms(30),
        "no longer than the lease: {:?}",
        cluster.remaining("x")
    );
    assert_eq!(events.count("re-planted memory-1"), 1);
    guard.release().await;
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// hazard: 12
#[tokio::test(start_paused = true)]
async fn nothing_is_put_back_once_a_release_has_begun() {
    let (cluster, guard, _) = held().await;
    cluster.links[0].inner().restart();
    cluster.links[0].once("extend", Plan::new().reply_delay(ms(30)));
    guard.extend().await.unwrap();
    drop(guard);
    cluster.quiet().await;
    assert_eq!(cluster.count("re-plant"), 0);
    assert!(cluster.is_free());
}

/// Whether it answers before the quorum or after it.
/// hazard: 4
#[tokio::test(start_paused = true)]
async fn anothers_key_is_never_overwritten() {
    for taken in 0..3 {
        let (cluster, guard, events) = held().await;
        let node = cluster.links[taken].inner();
        node.flush();
        node.insert(&Key::new("redlock:x"), LockValue::from_bytes(*b"another's"), Some(Ttl::SECOND));
        guard.extend().await.unwrap();
        cluster.quiet().await;
        assert_eq!((cluster.count("re-plant"), cluster.holders("x")[taken].as_str()), (0, "?"));
        guard.release().await;
        cluster.quiet().await;
        assert_eq!(cluster.holders("x").concat(), "?");
        assert_eq!(events.events(), ["acquired 1", "extended", "released Released"]);
    }
}

/// Another takes the node between its answer and the re-plant.
/// hazard: 4
#[tokio::test(start_paused = true)]
async fn a_node_that_was_taken_meanwhile_is_left_alone() {
    let (cluster, guard, events) = held().await;
    let node = cluster.links[2].inner();
    node.flush();
    cluster.links[2].once("re-plant", Plan::new().delay(ms(10)));
    guard.extend().await.unwrap();
    cluster.links[2].settle().await;
    node.insert(&Key::new("redlock:x"), LockValue::from_bytes(*b"another's"), Some(Ttl::SECOND));
    cluster.quiet().await;
    assert_eq!((cluster.count("re-plant"), cluster.holders("x")[2].as_str()), (1, "?"));
    assert_eq!(events.count("re-planted 2"), 0);
}

/// One holds it, one forgot it, one is silent: nothing is known, so nothing is given back.
/// hazard: 9
#[tokio::test(start_paused = true)]
async fn without_a_quorum_nothing_is_put_back() {
    let (cluster, guard, _) = held().await;
    cluster.links[1].inner().restart();
    cluster.links[2].once("extend", Plan::new().lose_command());
    guard.extend().await.expect_err("one of three");
    cluster.quiet().await;
    assert_eq!((cluster.count("re-plant"), cluster.holders("x")[1].as_str()), (0, ""));
}

/// Two of three forgot: somebody else may hold by now, and a re-plant must not hide it.
/// hazard: 9, 66
#[tokio::test(start_paused = true)]
async fn a_majority_that_forgot_ends_the_lock() {
    let (cluster, guard, events) = held().await;
    cluster.links[..2].iter().for_each(|link| link.inner().restart());
    guard.extend().await.expect_err("gone");
    assert!(!guard.is_valid());
    cluster.quiet().await;
    assert_eq!((cluster.count("re-plant"), events.count("lost Gone")), (0, 1));
}

/// What is over soon is not worth a command that may arrive too late.
#[tokio::test(start_paused = true)]
async fn a_remainder_of_two_time_limits_is_not_put_back() {
    let (cluster, guard, _) = held().await;
    cluster.links[1].inner().restart();
    guard.extend_to(ms(100)).await.unwrap();
    cluster.quiet().await;
    assert_eq!(cluster.count("re-plant"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_automatic_extension_heals_one_node_after_the_other() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").max_ttl(TTL).build().unwrap();
    let guard = client.acquire(["x", "y"]).auto_extend().await.unwrap();
    for link in &cluster.links {
        // Until then the one before is not counted.
        sleep(5 * TTL).await;
        link.inner().restart();
        sleep(TTL).await;
        assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
        assert_eq!(cluster.holders("y"), ["a", "a", "a"]);
    }
    assert!(guard.is_valid(), "though every node has forgotten it once");
}
