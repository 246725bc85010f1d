//! Two holders in one process.

use redlock_core::AcquireError;

use crate::support::{Cluster, held_by};

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
