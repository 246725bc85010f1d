//! A release that comes late, or from one who has lost the lock, must free nobody else's.

use redlock_core::{ExtendError, ReleaseVerdict};
use redlock_testkit::Plan;
use tokio::time::sleep;

use crate::support::{Cluster, TTL, held_by, ms};

/// The roll-back of the first attempt lands on every node after the second attempt was granted there.
/// hazard: 1
#[tokio::test(start_paused = true)]
async fn the_late_release_of_a_lost_attempt_does_not_free_the_next_one() {
    let cluster = Cluster::of(3);
    cluster.once("acquire", &Plan::new().lose_command());
    cluster.once("release", &Plan::new().delay(ms(300)));
    cluster.once("acquire", &Plan::new().reconnect());
    let guard = cluster.client("a").acquire("x").await.expect("the second attempt");
    assert_eq!(cluster.count("release"), 0, "still on its way");
    sleep(ms(400)).await;
    assert!(
        cluster.count("release") >= 3,
        "all have come, and repeats of those that were not answered in time"
    );
    assert!(guard.is_valid());
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    assert_eq!(held_by(cluster.other_links().client("b").try_acquire("x").await), "a");
}

/// A holder whose lease ran out extends, releases and drops; the next holder keeps every node.
/// hazard: 4, 5
#[tokio::test(start_paused = true)]
async fn one_whose_lease_ran_out_touches_nothing_of_the_next_holder() {
    let cluster = Cluster::of(3);
    let late = cluster.client("late").acquire("x").await.unwrap();
    sleep(TTL + ms(1)).await;
    let guard = cluster.client("next").acquire("x").await.unwrap();
    assert!(matches!(late.extend().await, Err(ExtendError::Lost(_))));
    assert_eq!(late.release().await.verdict, ReleaseVerdict::TakenByAnother);
    drop(late);
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["next", "next", "next"]);
    guard.extend().await.expect("still held");
}

/// hazard: 5
#[tokio::test(start_paused = true)]
async fn a_guard_dropped_after_its_lease_ran_out_frees_nobody() {
    let cluster = Cluster::of(3);
    let late = cluster.client("late").acquire("x").await.unwrap();
    sleep(TTL + ms(1)).await;
    let guard = cluster.client("next").acquire("x").await.unwrap();
    drop(late);
    cluster.quiet().await;
    assert_eq!(cluster.count("release"), 3, "sent, and compared");
    assert_eq!(cluster.holders("x"), ["next", "next", "next"]);
    drop(guard);
}

/// hazard: 67
#[tokio::test(start_paused = true)]
async fn a_lock_is_released_once_however_often_it_is_released() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    let (first, second) = tokio::join!(guard.release(), guard.release());
    let third = guard.release().await;
    assert_eq!([first.verdict, second.verdict, third.verdict], [ReleaseVerdict::Released; 3]);
    let next = client.acquire("x").await.expect("free");
    drop(guard);
    cluster.quiet().await;
    assert_eq!(cluster.count("release"), 3, "one for each node");
    assert!(next.is_valid());
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
}

/// A release that was cut off is taken up again: what is gone by then is what it deleted.
/// hazard: 61, 67
#[tokio::test(start_paused = true)]
async fn a_release_that_was_cut_off_is_known_to_have_released() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    cluster.always(&Plan::new().delay(ms(10)).reply_delay(ms(10)));
    assert!(tokio::time::timeout(ms(15), guard.release()).await.is_err());
    assert!(guard.is_released() && !guard.is_valid());
    assert_eq!(guard.release().await.verdict, ReleaseVerdict::Released);
    assert!(cluster.is_free());
}
