//! What the routine returned and what became of its lock: neither hides the other.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use redlock_core::{LossReason, Redlock, ReleaseVerdict, UsingError};
use redlock_memory::MemoryNode;
use tokio::time::{sleep, timeout};

use crate::support::{Cluster, Link, TTL, held_by, ms};

/// hazard: 59
#[tokio::test(start_paused = true)]
async fn the_routines_error_survives_the_loss_of_the_lock() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let used = client
        .using("x", async |lock| {
            client.force_release("x").await.unwrap();
            assert_eq!(lock.lost().await, LossReason::Gone);
            Err::<(), _>("the body's own error")
        })
        .await;
    match used {
        Err(UsingError::Lost(lost)) => {
            assert_eq!(lost.output, Err("the body's own error"));
            assert_eq!(
                (lost.reason, lost.release.verdict),
                (LossReason::Gone, ReleaseVerdict::AlreadyExpired)
            );
        }
        other => panic!("{other:?}"),
    }
}

/// hazard: 59
#[tokio::test(start_paused = true)]
async fn the_routines_error_under_a_sound_lock_is_its_output() {
    let cluster = Cluster::of(3);
    let used = cluster.client("a").using("x", async |_| Err::<(), _>("no")).await.expect("a sound lock");
    assert_eq!(used.output, Err("no"));
    assert!(used.release.is_released());
}

/// hazard: 59
#[tokio::test(start_paused = true)]
async fn a_release_that_fails_hides_no_output() {
    let cluster = Cluster::of(3);
    let used = cluster
        .client("a")
        .using("x", async |_| {
            cluster.links.iter().for_each(Link::refuse);
            42
        })
        .await
        .expect("the lock was valid to the end");
    assert_eq!((used.output, used.release.verdict), (42, ReleaseVerdict::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_routine_does_not_run_without_the_lock() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let used = cluster.client("b").try_acquire("x").using(async |_| unreachable!("not held")).await;
    match used {
        Err(UsingError::NotAcquired(error)) => assert_eq!(held_by(Err(error)), "a"),
        other => panic!("{other:?}"),
    }
    drop(guard);
}

/// Twenty leases long, on the resource, on an acquisition, on a guard that was held before; in both forms of the closure.
#[tokio::test(start_paused = true)]
async fn a_routine_is_covered_for_as_long_as_it_runs() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let long = 20 * TTL;
    let first = client.using("x", async |lock| (sleep(long).await, lock.is_valid()).1).await.unwrap();
    let second =
        client.acquire("x").using(async |lock| (sleep(long).await, lock.is_valid()).1).await.unwrap();
    let by_signal = |signal: redlock_core::LockSignal| async move {
        sleep(long).await;
        !signal.is_lost()
    };
    let third = client.acquire("x").using_signal(by_signal).await.unwrap();
    let fourth = client.acquire("x").await.unwrap().using_signal(by_signal).await.unwrap();
    for used in [first, second, third, fourth] {
        assert!(used.output && used.release.is_released() && used.extensions >= 20, "{used:?}");
    }
    assert!(cluster.is_free());
}

/// hazard: 66
#[tokio::test(start_paused = true)]
async fn a_routine_is_told_of_the_loss_while_it_runs() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let used = client.acquire("x").using_signal(|signal| async move {
        let told = timeout(5 * TTL, signal.lost()).await;
        (told, signal.check().is_err())
    });
    let cut = async {
        sleep(ms(100)).await;
        cluster.links.iter().for_each(Link::black_hole);
    };
    let (used, ()) = tokio::join!(used, cut);
    assert_eq!(used.expect_err("lost").into_output(), Some((Ok(LossReason::Expired), true)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_routine_releases_and_goes_on() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let task = tokio::spawn(async move {
        client
            .acquire("x")
            .using_signal(|_| async { panic!("the routine's own") })
            .await
            .map(|used: redlock_core::Used<()>| used.extensions)
    });
    let panic = task.await.expect_err("a panic").into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the routine's own"));
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// Outside of any task the panic unwinds through `block_on`; the release still gets its turn.
#[test]
fn a_panic_through_block_on_releases_where_the_runtime_goes_on() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let nodes = MemoryNode::cluster(3);
    let client = Redlock::builder().nodes(nodes.clone()).build().unwrap();
    let routine = client.using("x", async |_| panic!("the routine's own"));
    let used: Result<_, _> = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(routine)));
    assert!(used.is_err());
    crate::support::eventually("released", || nodes.iter().all(MemoryNode::is_empty));
}

/// `using` with a closure that borrows, spawned: the future is `Send` where the types are known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_can_be_spawned_on_a_runtime_of_many_threads() {
    let client = Redlock::builder().nodes(MemoryNode::cluster(3)).build().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|number: u32| {
            let client = client.clone();
            tokio::spawn(async move {
                let guard = client.acquire("x").deadline(Duration::from_secs(20)).await.unwrap();
                let used =
                    guard.using(async |lock| (tokio::task::yield_now().await, lock.is_valid(), number)).await;
                used.unwrap().output
            })
        })
        .collect();
    for (task, number) in tasks.into_iter().zip(0..) {
        assert_eq!(task.await.unwrap(), ((), true, number));
    }
    let spawned = tokio::spawn(client.acquire("y").using_signal(|signal| async move { !signal.is_lost() }));
    assert!(spawned.await.unwrap().unwrap().output);
}
