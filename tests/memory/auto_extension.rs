//! Extension by itself: when, for how long, and when no more.

use redlock_core::LockGuard;
use tokio::time::sleep;

use crate::support::{Cluster, Link, Recorder, TTL, VALIDITY, ms};

#[tokio::test(start_paused = true)]
async fn a_lock_is_extended_when_its_remainder_falls_below_the_threshold() {
    for (threshold, due) in [(None, VALIDITY - VALIDITY / 3), (Some(ms(600)), VALIDITY - ms(600))] {
        let cluster = Cluster::of(3);
        let mut acquisition = cluster.client("a").acquire("x").auto_extend();
        if let Some(threshold) = threshold {
            acquisition = acquisition.extend_threshold(threshold);
        }
        let guard = acquisition.await.unwrap();
        sleep(due - ms(1)).await;
        assert_eq!(cluster.count("extend"), 0, "too early");
        sleep(ms(3)).await;
        assert_eq!((cluster.count("extend"), guard.extensions()), (3, 1));
        assert!(guard.remaining() > VALIDITY - ms(3));
    }
}

/// Each in its own rhythm, woken by one scheduler.
#[tokio::test(start_paused = true)]
async fn many_locks_are_kept_each_by_its_own_ttl() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let mut guards: Vec<LockGuard> = Vec::new();
    for number in 1..=40 {
        let lock = client.acquire(number.to_string()).ttl(ms(500 + 37 * number)).auto_extend();
        guards.push(lock.await.unwrap());
        sleep(ms(7)).await;
    }
    sleep(30 * TTL).await;
    for guard in &guards {
        assert!(guard.is_valid(), "{:?}", guard.resources());
        let periods = guard.held_for().as_millis() / guard.ttl().as_millis();
        assert!((periods..=2 * periods).contains(&u128::from(guard.extensions())), "{guard:?}");
    }
    guards.clear();
    cluster.quiet().await;
    assert!(cluster.is_free());
    let sent = cluster.sent();
    sleep(10 * TTL).await;
    assert_eq!(cluster.sent(), sent, "nobody extends what was released");
}

#[tokio::test(start_paused = true)]
async fn a_held_lock_can_be_extended_by_itself_from_now_on() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").await.unwrap();
    sleep(ms(900)).await;
    guard.auto_extend(Some(5 * TTL));
    sleep(5 * TTL).await;
    assert!(guard.is_valid());
    guard.lost().await;
    assert_eq!(events.count("stopped MaxHold"), 1);
}

/// Quorum lost for a while, and back before the lease is over.
#[tokio::test(start_paused = true)]
async fn a_failed_extension_is_tried_again_until_it_succeeds() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    sleep(ms(600)).await;
    cluster.links[1..].iter().for_each(Link::black_hole);
    sleep(ms(300)).await;
    assert!(events.count("extension failed") >= 2 && guard.is_valid(), "{:?}", events.events());
    cluster.links[1..].iter().for_each(Link::restore);
    sleep(3 * TTL).await;
    assert!(guard.is_valid() && guard.extensions() >= 3);
    assert_eq!(events.count("lost Expired"), 0);
}

/// A refusing node answers at once: the pause between two attempts must not become a storm.
#[tokio::test(start_paused = true)]
async fn a_failed_extension_is_not_repeated_without_pause() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    cluster.links.iter().for_each(Link::refuse);
    guard.lost().await;
    let failed = events.count("extension failed");
    assert!((3..60).contains(&failed), "{failed} attempts in a third of the ttl");
}
