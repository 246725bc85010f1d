//! Several resources at once: all or none.

use std::time::Duration;

use redlock_core::AcquireError;
use redlock_testkit::Plan;
use tokio::time::{sleep, timeout};

use crate::support::{Cluster, TTL, held_by, ms};

/// hazard: 39
#[tokio::test(start_paused = true)]
async fn one_resource_that_is_held_keeps_all_the_others_free() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("n").await.unwrap();
    let refused = cluster.client("b").try_acquire(["m", "n", "o"]).await;
    assert!(matches!(&refused, Err(AcquireError::Held(held)) if held.resource == "n"), "{refused:?}");
    assert_eq!(held_by(refused), "a");
    cluster.quiet().await;
    assert_eq!(
        (cluster.holders("m"), cluster.holders("o")),
        (vec![String::new(); 3], vec![String::new(); 3])
    );
    drop(guard);
}

/// hazard: 39
#[tokio::test(start_paused = true)]
async fn several_resources_are_extended_and_released_together() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire(["b", "a"]).await.unwrap();
    assert_eq!(guard.resources(), ["b", "a"]);
    guard.extend_to(2 * TTL).await.unwrap();
    assert!(["a", "b"].iter().all(|name| cluster.remaining(name) == [2 * TTL; 3]));
    assert!(guard.release().await.is_released());
    assert!(cluster.is_free());
}

/// One of the two is somebody else's by now: that is no lock of both any more.
/// hazard: 39
#[tokio::test(start_paused = true)]
async fn a_lock_that_lost_one_of_its_resources_is_lost() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire(["a", "b"]).await.unwrap();
    client.force_release("b").await.unwrap();
    let other = cluster.client("other").acquire("b").await.unwrap();
    guard.extend().await.expect_err("b is another's");
    assert!(!guard.is_valid());
    assert!(!guard.release().await.is_released());
    cluster.quiet().await;
    assert_eq!(cluster.holders("a"), ["", "", ""]);
    assert_eq!(cluster.holders("b"), ["other", "other", "other"]);
    drop(other);
}

/// Two clients that name the same resources in the opposite order, over slow and uneven links, again and again.
/// hazard: 39
#[tokio::test(start_paused = true)]
async fn opposite_orders_make_progress() {
    let cluster = Cluster::of(3);
    let workers = [["a", "b"], ["b", "a"]].map(|resources| {
        let links = cluster.other_links();
        for (node, link) in links.links.iter().enumerate() {
            let delay = if resources[0] == "a" { node } else { 2 - node };
            link.always(Plan::new().delay(ms(2 * delay as u64)));
        }
        let client = links.client(resources[0]);
        tokio::spawn(async move {
            for _ in 0..50 {
                let guard = client.acquire(resources).retry_forever().await.unwrap();
                sleep(ms(5)).await;
                guard.release().await;
            }
        })
    });
    for worker in workers {
        timeout(Duration::from_secs(30), worker).await.expect("progress").unwrap();
    }
}

/// Chains of resources, each sharing one with the next: taken together there is no cycle to deadlock in.
/// hazard: 39
#[tokio::test(start_paused = true)]
async fn a_ring_of_overlapping_pairs_makes_progress() {
    let cluster = Cluster::of(3);
    let workers = [["a", "b"], ["b", "c"], ["c", "a"]].map(|resources| {
        let client = cluster.other_links().client(resources[0]);
        tokio::spawn(async move {
            for _ in 0..20 {
                let guard = client.acquire(resources).retry_forever().await.unwrap();
                sleep(ms(5)).await;
                guard.release().await;
            }
        })
    });
    for worker in workers {
        timeout(Duration::from_secs(30), worker).await.expect("progress").unwrap();
    }
    assert!(cluster.is_free());
}
