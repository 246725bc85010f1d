//! A lock must not be believed for longer than its nodes keep it.

use std::time::Duration;

use redlock_core::{AcquireError, Event, Observer, RetryPolicy};
use redlock_testkit::Plan;
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, JumpingClock, TTL, VALIDITY, ms};

/// hazard: 2
#[tokio::test(start_paused = true)]
async fn validity_counts_from_before_the_first_send() {
    let cluster = Cluster::of(3);
    cluster.always(&Plan::new().reply_delay(TTL / 4));
    let guard = cluster.client("a").acquire("x").node_timeout(ms(700)).await.unwrap();
    assert_eq!(guard.remaining(), VALIDITY - TTL / 4);
    guard.extend().await.unwrap();
    assert_eq!(guard.remaining(), VALIDITY - TTL / 4);
}

/// hazard: 3
#[tokio::test(start_paused = true)]
async fn each_attempt_counts_its_own_validity() {
    let cluster = Cluster::of(3);
    cluster.once("acquire", &Plan::new().lose_command());
    let pause = RetryPolicy { retries: Some(1), delay: TTL, jitter: Duration::ZERO };
    let start = Instant::now();
    let guard = cluster.client("a").acquire("x").node_timeout(ms(900)).retry(pause).await.unwrap();
    assert_eq!(start.elapsed(), ms(1900), "the first attempt alone took longer than the lease");
    assert_eq!(guard.remaining(), VALIDITY);
}

/// The quorum grants 2 ms before the nodes let go, which is after the drift's share.
/// hazard: 2, 26
#[tokio::test(start_paused = true)]
async fn a_grant_with_nothing_left_of_it_is_lost_and_rolled_back() {
    let cluster = Cluster::of(3);
    cluster.once("acquire", &Plan::new().reply_delay(TTL - ms(2)));
    let start = Instant::now();
    let result = cluster.client("a").try_acquire("x").node_timeout(TTL - ms(1)).await;
    match result {
        Err(AcquireError::ValidityExhausted { ttl, elapsed }) => {
            assert_eq!((ttl, elapsed), (TTL, start.elapsed()));
        }
        other => panic!("{other:?}"),
    }
    cluster.links[0].settle().await;
    assert!(cluster.is_free(), "not left to the ttl");
}

/// The answers are there, but the machine sleeps before the task that waits for them runs again.
/// hazard: 26
#[tokio::test(start_paused = true)]
async fn a_pause_between_grant_and_decision_is_counted() {
    let cluster = Cluster::of(3);
    let clock = JumpingClock::new();
    let client = cluster.builder("a").clock(clock.clone()).build().unwrap();
    cluster.always(&Plan::new().reply_delay(ms(10)));
    let acquisition = tokio::spawn(async move { client.try_acquire("x").await });
    sleep(ms(5)).await;
    clock.jump(TTL);
    let error = acquisition.await.unwrap().expect_err("the lease is over");
    assert!(matches!(error, AcquireError::ValidityExhausted { .. }), "{error}");
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// Puts the machine to sleep at the last moment before the guard is returned.
#[derive(Debug)]
struct Sleeper(JumpingClock);

impl Observer for Sleeper {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::Acquired { .. }) {
            self.0.jump(TTL);
        }
    }
}

/// hazard: 26
#[tokio::test(start_paused = true)]
async fn a_guard_returned_after_a_pause_is_not_valid() {
    let cluster = Cluster::of(3);
    let clock = JumpingClock::new();
    let client = cluster.builder("a").observer(Sleeper(clock.clone())).clock(clock).build().unwrap();
    let guard = client.acquire("x").await.expect("granted in time");
    assert!(!guard.is_valid());
    guard.check().expect_err("nothing is left");
}
