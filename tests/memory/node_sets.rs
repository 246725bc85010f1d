//! Clients that lock on different sets of nodes: two quorums that do not meet.

use std::time::Duration;

use redlock_core::{AcquireError, NodeSetPolicy, Redlock, RedlockBuilder, TokioClock};
use tokio::time::sleep;

use crate::support::{Cluster, Link, Recorder, TTL, ms};

/// As in `restart_guard`.
const HOLD_OFF: Duration = Duration::from_secs(3 + 2);

fn builder(links: &[Link]) -> RedlockBuilder {
    let nodes = links.iter().map(|link| Link::new(link.inner().clone()));
    Redlock::builder().nodes(nodes).clock(TokioClock::new()).ttl(TTL).max_ttl(TTL)
}

async fn locks(client: &Redlock, resource: &str) -> bool {
    match client.acquire(resource).retries(0).await {
        Ok(guard) => guard.release().await.is_released(),
        Err(AcquireError::NodeSetConflict(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Five nodes, all known, of which a client uses the first three.
async fn three_of_five() -> (Cluster, Redlock) {
    let cluster = Cluster::of(5);
    for all in [&cluster.links[..3], &cluster.links[3..]] {
        let first = builder(all).build().unwrap();
        assert!(first.verify_nodes().await.is_sound());
    }
    // What told of them is over.
    sleep(2 * HOLD_OFF).await;
    let three = builder(&cluster.links[..3]).build().unwrap();
    assert!(locks(&three, "x").await);
    sleep(ms(10)).await;
    (cluster, three)
}

/// Two of three, and three of five: no node in common.
#[tokio::test(start_paused = true)]
async fn two_more_nodes_in_one_step_are_refused_to_the_newcomer_and_not_to_the_others() {
    let (cluster, three) = three_of_five().await;
    let five = builder(&cluster.links).build().unwrap();
    let Err(error) = five.acquire("x").await else { panic!("two quorums without a common node") };
    assert!(matches!(error, AcquireError::NodeSetConflict(_)), "{error}");
    assert!(!error.is_retryable() && error.to_string().contains("one node at a time"), "{error}");
    for _ in 0..10 {
        sleep(HOLD_OFF / 4).await;
        assert!(locks(&three, "x").await && !locks(&five, "x").await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_more_node_is_no_conflict_and_neither_is_one_less() {
    let (cluster, three) = three_of_five().await;
    let four = builder(&cluster.links[..4]).build().unwrap();
    assert!(locks(&four, "x").await);
    sleep(HOLD_OFF).await;
    assert!(locks(&three, "x").await && locks(&four, "x").await);
}

/// The third is replaced: {1, 3} and {2, 4}.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_replaced_is_a_conflict_until_the_others_are_gone() {
    let (cluster, three) = three_of_five().await;
    let replaced: Vec<_> = [0, 1, 3].map(|node| cluster.links[node].clone()).into();
    let other = builder(&replaced).build().unwrap();
    assert!(!locks(&other, "x").await);
    drop(three);
    sleep(HOLD_OFF + HOLD_OFF / 4 + ms(10)).await;
    assert!(locks(&other, "x").await);
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_told_and_refuses_nothing() {
    let (cluster, three) = three_of_five().await;
    let events = Recorder::default();
    let builder = builder(&cluster.links).node_set_policy(NodeSetPolicy::Warn);
    let five = builder.observer(events.clone()).build().unwrap();
    assert!(locks(&five, "x").await);
    assert_eq!(events.events().iter().filter(|event| event.starts_with("conflict 2|")).count(), 1);
    sleep(HOLD_OFF).await;
    assert!(locks(&three, "x").await, "it does not turn the others off");
    assert!(five.verify_nodes().await.node_sets.is_some());
}
