//! Futures that are dropped before they are ready, at each point where that is possible.

use redlock_core::LockGuard;
use redlock_testkit::Plan;
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, TTL, first_polls, ms};

/// Nodes that answer one after the other, so that there is something to drop between any two answers.
async fn staggered(nodes: u64) -> Cluster {
    let cluster = Cluster::of(usize::try_from(nodes).unwrap());
    for (link, number) in cluster.links.iter().zip(0..) {
        link.always(Plan::new().delay(ms(number)).reply_delay(ms(2 * number)));
    }
    sleep(ms(1)).await;
    cluster
}

/// Everything is free long before a ttl could have freed it.
async fn assert_free(cluster: &Cluster, started: Instant, what: &str) {
    cluster.quiet().await;
    assert!(started.elapsed() < TTL, "{what}: the ttl would have freed it");
    assert!(cluster.is_free(), "{what}: {:?}", cluster.holders("x"));
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn an_acquisition_dropped_after_any_poll_leaves_every_node_free() {
    for polls in 0.. {
        let cluster = staggered(5).await;
        let started = Instant::now();
        let done = first_polls(polls, cluster.client("a").acquire("x").into_future()).await.is_some();
        assert_free(&cluster, started, &format!("after {polls} polls")).await;
        if done {
            assert!(polls > 4, "only {polls} polls: nothing was dropped half-way");
            return;
        }
    }
}

/// The same over a lost attempt, its roll-back, the question who holds the lock, and the pause before the second attempt.
/// hazard: 61
#[tokio::test(start_paused = true)]
async fn an_acquisition_that_retries_dropped_after_any_poll_leaves_every_node_free() {
    for polls in 0.. {
        let cluster = staggered(3).await;
        cluster.once("acquire", &Plan::new().lose_reply());
        let started = Instant::now();
        let done = first_polls(polls, cluster.client("a").acquire("x").into_future()).await.is_some();
        assert_free(&cluster, started, &format!("after {polls} polls")).await;
        if done {
            assert!(polls > 4, "only {polls} polls");
            return;
        }
    }
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_cancelled_or_late_acquisition_leaves_every_node_free() {
    for millis in 0..20 {
        let cluster = staggered(5).await;
        let started = Instant::now();
        let client = cluster.client("a");
        let _ = client.acquire("x").cancel_on(sleep(ms(millis))).await;
        let _ = client.acquire("x").deadline(ms(millis + 1)).await;
        let _ = tokio::time::timeout(ms(millis), client.acquire("x").into_future()).await;
        assert_free(&cluster, started, &format!("after {millis} ms")).await;
    }
}

async fn held() -> (Cluster, LockGuard, Instant) {
    let cluster = staggered(5).await;
    let started = Instant::now();
    let guard = cluster.client("a").acquire("x").await.unwrap();
    (cluster, guard, started)
}

/// A dropped extension changes nothing that is believed, and the release comes behind it.
/// hazard: 12, 61
#[tokio::test(start_paused = true)]
async fn an_extension_dropped_after_any_poll_leaves_a_lock_that_can_be_released() {
    for polls in 0.. {
        let (cluster, guard, started) = held().await;
        let until = guard.expiration();
        let done = first_polls(polls, guard.extend()).await.is_some();
        assert!(done || guard.expiration() == until, "after {polls} polls");
        assert!(guard.release().await.is_released());
        assert_free(&cluster, started, &format!("after {polls} polls")).await;
        if done {
            return;
        }
    }
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_release_dropped_after_any_poll_is_finished_when_the_guard_is_dropped() {
    for polls in 0.. {
        let (cluster, guard, started) = held().await;
        let done = first_polls(polls, guard.release()).await.is_some();
        drop(guard);
        assert_free(&cluster, started, &format!("after {polls} polls")).await;
        assert_eq!(cluster.count("release"), 5, "after {polls} polls");
        if done {
            return;
        }
    }
}

/// The release waits behind an extension that hangs, and is dropped there.
/// hazard: 12, 61
#[tokio::test(start_paused = true)]
async fn a_release_dropped_while_an_extension_is_under_way_is_made_up_for() {
    let (cluster, guard, started) = held().await;
    for link in &cluster.links {
        link.once("extend", Plan::new().lose_reply());
    }
    let (extended, released) = tokio::join!(guard.extend(), first_polls(2, guard.release()));
    assert!(extended.is_err() && released.is_none());
    drop(guard);
    assert_free(&cluster, started, "after the drop").await;
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_use_dropped_after_any_poll_leaves_every_node_free() {
    for polls in 0.. {
        let cluster = staggered(5).await;
        let started = Instant::now();
        let client = cluster.client("a");
        let routine = client.using("x", async |lock| {
            sleep(ms(5)).await;
            lock.extend().await
        });
        let done = first_polls(polls, routine).await.is_some();
        assert_free(&cluster, started, &format!("after {polls} polls")).await;
        if done {
            return;
        }
    }
}
