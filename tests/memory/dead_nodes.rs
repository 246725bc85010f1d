//! Nodes that hang, refuse, or are gone.

use std::time::Duration;

use redlock_core::{AcquireError, LockState, Redlock, RetryPolicy};
use tokio::time::{Instant, timeout};

use crate::support::{Cluster, Link, TTL, ms};

/// Every operation, with two of five nodes hung: each is over at the moment at which the healthy ones have answered.
/// hazard: 50
#[tokio::test(start_paused = true)]
async fn a_hung_minority_delays_nothing() {
    let cluster = Cluster::in_use(5).await;
    cluster.links[0].black_hole();
    cluster.links[3].black_hole();
    let (client, start) = (cluster.client("a"), Instant::now());
    let guard = client.acquire("x").await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "acquire");
    guard.extend().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "extend");
    let status = client.status("x").await.unwrap();
    assert!(matches!(status.state, LockState::Held { nodes: 3, .. }), "{status:?}");
    assert_eq!(start.elapsed(), Duration::ZERO, "status");
    client.try_acquire("x").await.expect_err("held");
    assert_eq!(start.elapsed(), Duration::ZERO, "a refusal, and the question by whom");
    assert!(guard.release().await.is_released());
    assert_eq!(start.elapsed(), Duration::ZERO, "release");
    assert_eq!(client.status("x").await.unwrap().state, LockState::Free { occupied: 0 });
    assert_eq!(client.force_release("x").await.unwrap().confirmed, 3);
    assert_eq!(start.elapsed(), Duration::ZERO, "force_release");
}

/// hazard: 50
#[tokio::test(start_paused = true)]
async fn a_hung_minority_delays_neither_adoption_nor_the_release_of_a_lost_lock() {
    let cluster = Cluster::in_use(3).await;
    cluster.links[1].black_hole();
    let (client, start) = (cluster.client("a"), Instant::now());
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    let guard = client.adopt(&ticket).await.unwrap();
    client.force_release("x").await.unwrap();
    assert!(!guard.release().await.is_released());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A majority that hangs costs one time limit, not one for each node.
/// hazard: 50
#[tokio::test(start_paused = true)]
async fn hung_nodes_are_waited_for_side_by_side() {
    let cluster = Cluster::in_use(5).await;
    cluster.links[..3].iter().for_each(Link::black_hole);
    let start = Instant::now();
    let error = cluster.client("a").try_acquire("x").node_timeout(ms(70)).await.expect_err("no quorum");
    assert_eq!(start.elapsed(), ms(70));
    match error {
        AcquireError::NoQuorum(error) => assert_eq!((error.agreed, error.faults.len()), (2, 3)),
        other => panic!("{other}"),
    }
}

/// hazard: 48
#[tokio::test(start_paused = true)]
async fn with_all_nodes_down_an_acquisition_ends_with_its_retries() {
    for hung in [false, true] {
        let cluster = all_down(hung).await;
        let start = Instant::now();
        let acquisition = cluster.client("a").acquire("x").retries(5).into_future();
        let result = timeout(Duration::from_secs(60), acquisition).await.expect("an end");
        assert!(matches!(result, Err(AcquireError::NoQuorum(_))), "{result:?}");
        let pauses = if hung { 6 * ms(50) } else { ms(0) };
        assert!((pauses + 5 * ms(10)..=pauses + 5 * ms(30) + ms(6)).contains(&start.elapsed()));
    }
}

/// hazard: 48
#[tokio::test(start_paused = true)]
async fn with_all_nodes_down_an_acquisition_ends_at_its_deadline() {
    for hung in [false, true] {
        let cluster = all_down(hung).await;
        let start = Instant::now();
        let result = cluster.client("a").acquire("x").retry_forever().deadline(ms(777)).await;
        assert!((ms(777)..=ms(778)).contains(&start.elapsed()), "{:?}", start.elapsed());
        match result {
            Err(AcquireError::Deadline { after, last: Some(last) }) => {
                assert_eq!(after, ms(777));
                assert!(matches!(*last, AcquireError::NoQuorum(_)), "{last}");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn all_down(hung: bool) -> Cluster {
    let cluster = Cluster::in_use(3).await;
    cluster.links.iter().for_each(|link| if hung { link.black_hole() } else { link.refuse() });
    cluster
}

/// Different policies for a lock that is held and for nodes that do not answer.
/// hazard: 48
#[tokio::test(start_paused = true)]
async fn unreachable_nodes_have_a_policy_of_their_own() {
    let cluster = all_down(false).await;
    let never = RetryPolicy { retries: Some(0), ..RetryPolicy::default() };
    let client = cluster.builder("a").retry_unreachable(never).build().unwrap();
    let start = Instant::now();
    client.acquire("x").await.expect_err("down");
    assert_eq!((start.elapsed(), cluster.count("acquire")), (Duration::ZERO, 3));
    cluster.links.iter().for_each(Link::restore);
    let guard = client.acquire("x").await.unwrap();
    assert!(matches!(client.acquire("x").await, Err(AcquireError::Held(_))));
    assert_eq!(cluster.count("acquire"), 3 + 3 + 4 * 3, "four attempts");
    drop(guard);
}

/// A delay of nothing is a valid one, and so is the longest; neither panics.
/// hazard: 49
#[tokio::test(start_paused = true)]
async fn extreme_delays_neither_panic_nor_hang() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    let none = RetryPolicy { retries: Some(5), delay: Duration::ZERO, jitter: Duration::ZERO };
    assert!(matches!(client.acquire("x").retry(none).await, Err(AcquireError::Held(_))));
    assert_eq!(cluster.count("acquire"), 3 + 6 * 3);
    guard.extend_to(60 * TTL).await.unwrap();
    let longest =
        RetryPolicy { retries: None, delay: Duration::from_secs(24 * 3600), jitter: Duration::ZERO };
    let result = client.acquire("x").retry(longest).deadline(ms(500)).await;
    assert!(matches!(result, Err(AcquireError::Deadline { .. })));
    let beyond = RetryPolicy { delay: Duration::MAX, jitter: Duration::MAX, ..longest };
    assert!(matches!(client.acquire("x").retry(beyond).await, Err(AcquireError::Config(_))));
    drop(guard);
}

/// A client without nodes that answer, and one whose nodes come back.
/// hazard: 48
#[tokio::test(start_paused = true)]
async fn an_acquisition_without_end_succeeds_when_the_nodes_are_back() {
    let cluster = all_down(true).await;
    let client: Redlock = cluster.client("a");
    let waiting = tokio::spawn(async move { client.acquire("x").retry_forever().await });
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!waiting.is_finished());
    cluster.links[1..].iter().for_each(Link::restore);
    let guard = timeout(ms(200), waiting).await.expect("soon").unwrap().unwrap();
    assert!(guard.is_valid());
}
