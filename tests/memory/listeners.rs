//! Who listens is told what happens, in order, and can harm nothing.

use std::time::Duration;

use redlock_core::{Event, LossReason, Observer};
use redlock_testkit::Plan;
use tokio::time::sleep;

use crate::support::{Cluster, Link, Recorder, TTL, ms};

#[tokio::test(start_paused = true)]
async fn a_life_is_told_in_order() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    cluster.once("acquire", &Plan::new().lose_command());
    let guard = client.acquire("x").auto_extend().max_hold(Some(TTL)).await.unwrap();
    sleep(ms(800)).await;
    cluster.links[1].inner().restart();
    guard.extend().await.unwrap();
    sleep(2 * TTL).await;
    guard.release().await;
    guard.release().await;
    drop(guard);
    assert_eq!(
        events.events(),
        [
            "fault memory-1 acquire",
            "fault memory-2 acquire",
            "fault memory-3 acquire",
            "attempt lost 1",
            "acquired 2",
            "extended",
            "extended",
            "re-planted memory-2",
            "withheld memory-2 Restarted { uptime: Some(0ns) }",
            "stopped MaxHold",
            "lost Expired",
            "released AlreadyExpired",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_with_each_attempt() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = cluster.client("b").acquire("x").ttl(60 * TTL).await.unwrap();
    client.acquire("x").retries(2).await.expect_err("held");
    assert_eq!(events.events(), ["attempt lost 1", "attempt lost 2", "attempt lost 3", "failed 3"]);
    drop(guard);
}

/// A node that fails is told though the others are enough: the second failure must not be the first that anybody hears of.
/// hazard: 60
#[tokio::test(start_paused = true)]
async fn the_fault_of_a_minority_is_told() {
    for hung in [false, true] {
        let (cluster, events) = (Cluster::in_use(3).await, Recorder::default());
        let client = cluster.builder("a").observer(events.clone()).build().unwrap();
        if hung {
            cluster.links[2].black_hole();
        } else {
            cluster.links[2].refuse();
        }
        let guard = client.acquire("x").await.unwrap();
        guard.extend().await.unwrap();
        client.status("x").await.unwrap();
        guard.release().await;
        client.force_release("x").await.unwrap();
        cluster.quiet().await;
        for command in ["acquire", "extend", "inspect", "release", "evict"] {
            assert_eq!(
                events.count(&format!("fault memory-3 {command}")),
                1,
                "{command}: {:?}",
                events.events()
            );
        }
    }
}

#[derive(Debug)]
struct Panicking;

impl Observer for Panicking {
    fn event(&self, event: &Event<'_>) {
        panic!("a listener's own fault, at {event:?}");
    }
}

/// hazard: 83
#[tokio::test(start_paused = true)]
async fn a_listener_that_panics_harms_nothing() {
    let cluster = Cluster::of(4);
    let client = cluster.builder("a").observer(Panicking).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    client.try_acquire("x").await.expect_err("held");
    sleep(5 * TTL).await;
    assert!(guard.is_valid() && guard.extensions() > 4);
    cluster.links[3].inner().restart();
    guard.extend().await.unwrap();
    assert!(guard.release().await.is_released());
    let lost = client.acquire("x").await.unwrap();
    assert_eq!(lost.lost().await, LossReason::Expired);
    drop(lost);
    drop(client.acquire("y").await.unwrap());
    cluster.quiet().await;
    cluster.links[..2].iter().for_each(Link::refuse);
    client.try_acquire("z").await.expect_err("no quorum");
    assert!(client.shutdown(Duration::from_secs(1)).await.is_complete());
}
