//! Two holders in one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redlock_core::{AcquireError, Redlock, RetryPolicy};
use redlock_memory::MemoryNode;

use crate::support::{Cluster, held_by, ms};

/// One `Redlock`, one label, one holder's name: who asks again is refused as a stranger is.
/// hazard: 21
#[tokio::test(start_paused = true)]
async fn a_second_task_of_the_holder_is_refused() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").label("worker-1-").build().unwrap();
    let guard = client.acquire("x").await.unwrap();
    let again = client.clone();
    let task = tokio::spawn(async move { again.try_acquire("x").await });
    assert_eq!(held_by(task.await.unwrap()), "a");
    assert_eq!(held_by(client.try_acquire(["w", "x"]).await), "a");
    assert_eq!(cluster.holders("w"), ["", "", ""]);
    guard.release().await;
    assert!(client.try_acquire("x").await.is_ok(), "free again");
}

/// hazard: 21
#[tokio::test(start_paused = true)]
async fn of_many_tasks_that_start_together_one_holds() {
    let cluster = Cluster::of(5);
    let client = cluster.client("a");
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(client.try_acquire("x").into_future())).collect();
    let mut holders = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(guard) => holders.push(guard),
            Err(error) => assert!(matches!(error, AcquireError::Held(_)), "{error}"),
        }
    }
    assert_eq!(holders.len(), 1);
}

/// Real threads, three clients and a lock that changes hands a few hundred times: released, or its guard dropped.
/// hazard: 21, 47
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_no_two_hold_at_once() {
    let nodes = MemoryNode::cluster(5);
    let policy = RetryPolicy { retries: None, delay: ms(2), jitter: ms(2) };
    let inside = Arc::new(AtomicU32::new(0));
    let tasks: Vec<_> = (0..6)
        .map(|number| {
            let client = Redlock::builder().nodes(nodes.clone()).retry(policy).build().unwrap();
            let inside = Arc::clone(&inside);
            tokio::spawn(async move {
                for round in 0..50 {
                    let guard = client.acquire("x").deadline(Duration::from_secs(60)).await.unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    if (round + number) % 2 == 0 { drop(guard) } else { drop(guard.release().await) }
                }
                client.shutdown(Duration::from_secs(10)).await.is_complete()
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert!(nodes.iter().all(MemoryNode::is_empty));
}
