//! Contenders that split the nodes among them.

use std::time::Duration;

use redlock_core::{AcquireError, Event, Observer, Redlock, RetryPolicy, SeededEntropy};
use redlock_testkit::Plan;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Cluster, Recorder, ms};

/// Remembers the attempts of the quickest winner.
#[derive(Clone, Debug)]
struct Quickest(Arc<AtomicU32>);

impl Observer for Quickest {
    fn event(&self, event: &Event<'_>) {
        if let Event::Acquired { attempts, .. } = event {
            self.0.fetch_min(*attempts, Ordering::Relaxed);
        }
    }
}

/// Three clients, each the first at a node of its own, all at the same moment: how many rounds until one of them holds.
async fn rounds_until_somebody_holds(seed: u64, jitter: Duration) -> u32 {
    let cluster = Cluster::of(3);
    let quickest = Quickest(Arc::new(AtomicU32::new(u32::MAX)));
    let policy = RetryPolicy { retries: Some(30), delay: ms(40), jitter };
    let contenders: Vec<_> = (0..3)
        .map(|number| {
            let nodes = cluster.other_links();
            for (node, link) in nodes.links.iter().enumerate() {
                link.always(Plan::new().delay(ms((node as u64 + 3 - number) % 3)));
            }
            let entropy = SeededEntropy::new(seed * 3 + number);
            let client =
                nodes.builder("a").entropy(entropy).observer(quickest.clone()).retry(policy).build().unwrap();
            tokio::spawn(async move { client.acquire("x").await.is_ok() })
        })
        .collect();
    for contender in contenders {
        contender.await.unwrap();
    }
    quickest.0.load(Ordering::Relaxed)
}

/// hazard: 47
#[tokio::test(start_paused = true)]
async fn jitter_ends_a_split_vote_within_a_few_rounds() {
    for seed in 0..300 {
        let rounds = rounds_until_somebody_holds(seed, ms(30)).await;
        assert!((2..=6).contains(&rounds), "seed {seed}: {rounds} rounds");
    }
}

/// The schedule of the test above is one in which nobody ever holds if nobody's delay varies.
/// hazard: 47
#[tokio::test(start_paused = true)]
async fn without_jitter_the_same_contenders_never_agree() {
    assert_eq!(rounds_until_somebody_holds(1, Duration::ZERO).await, u32::MAX);
}

fn two_of_four(cluster: &Cluster, name: &str, first: usize) -> Redlock {
    let links = cluster.other_links();
    for (node, link) in links.links.iter().enumerate() {
        link.always(Plan::new().delay(ms(if node / 2 == first { 0 } else { 5 })));
    }
    links.client(name)
}

/// Two and two of four nodes: node-redlock waits for ever here. Both lose, at once, and leave nothing behind.
/// hazard: 19, 47
#[tokio::test(start_paused = true)]
async fn an_even_split_is_lost_by_both() {
    let cluster = Cluster::of(4);
    let (first, second) = (two_of_four(&cluster, "a", 0), two_of_four(&cluster, "b", 1));
    let (one, other) =
        tokio::join!(first.try_acquire("x").into_future(), second.try_acquire("x").into_future());
    for result in [one, other] {
        assert!(matches!(result, Err(AcquireError::Held(_))), "{result:?}");
    }
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// hazard: 19
#[tokio::test(start_paused = true)]
async fn four_nodes_tolerate_one_failure_and_say_so() {
    let (cluster, events) = (Cluster::in_use(4).await, Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    assert_eq!(events.events(), ["even 4"]);
    assert_eq!((client.quorum().needed(), client.quorum().tolerated()), (3, 1));
    cluster.links[0].refuse();
    client.acquire("x").await.expect("three of four").release().await;
    cluster.links[1].refuse();
    assert!(matches!(client.try_acquire("x").await, Err(AcquireError::NoQuorum(_))));
}
