//! Guards that are dropped, leaked or released where no runtime is at hand. In real time: it is about real runtimes.

use std::thread;
use std::time::Duration;

use redlock_core::{AcquireError, AdoptError, LockGuard, LossReason, Redlock, ReleaseVerdict};
use redlock_memory::MemoryNode;
use tokio::runtime::{Builder, Runtime};

use crate::support::{Cluster, Recorder, TTL, block_on, eventually, ms};

struct Real {
    nodes: Vec<MemoryNode>,
    client: Redlock,
    events: Recorder,
}

fn real() -> Real {
    let (nodes, events) = (MemoryNode::cluster(3), Recorder::default());
    let client = Redlock::builder().nodes(nodes.clone()).observer(events.clone()).build().unwrap();
    Real { nodes, client, events }
}

impl Real {
    fn acquire(&self, runtime: &Runtime) -> LockGuard {
        runtime.block_on(self.client.acquire("x").into_future()).unwrap()
    }

    fn is_free(&self) -> bool {
        self.nodes.iter().all(MemoryNode::is_empty)
    }
}

fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// hazard: 63
#[test]
fn dropped_in_a_plain_thread_it_is_released_by_its_own_runtime() {
    let (real, runtime) = (real(), threads());
    let guard = real.acquire(&runtime);
    thread::spawn(move || drop(guard)).join().expect("no panic");
    eventually("released", || real.is_free());
}

/// hazard: 63
#[test]
fn dropped_in_block_on_it_is_released() {
    for runtime in [threads(), one_thread()] {
        let real = real();
        let guard = real.acquire(&runtime);
        runtime.block_on(async move { drop(guard) });
        runtime.block_on(async { tokio::time::sleep(ms(20)).await });
        eventually("released", || real.is_free());
    }
}

/// Nobody runs the runtime at the moment of the drop; the release is done when somebody does.
/// hazard: 63
#[test]
fn dropped_beside_an_idle_runtime_it_is_released_when_that_runs_again() {
    let (real, runtime) = (real(), one_thread());
    drop(real.acquire(&runtime));
    assert!(!real.is_free());
    runtime.block_on(async { tokio::time::sleep(ms(20)).await });
    assert!(real.is_free());
}

/// hazard: 63
#[test]
fn dropped_after_its_runtime_has_gone_it_is_told_as_an_orphan() {
    for runtime in [threads(), one_thread()] {
        let real = real();
        let guard = real.acquire(&runtime);
        drop(runtime);
        drop(guard);
        assert_eq!(real.events.events(), ["acquired 1", "orphaned"]);
        assert!(!real.is_free(), "the ttl is the backstop");
    }
}

/// hazard: 63
#[test]
fn dropped_in_another_runtime_after_its_own_has_gone_it_is_released_there() {
    let (real, runtime) = (real(), threads());
    let guard = real.acquire(&runtime);
    drop(runtime);
    one_thread().block_on(async {
        drop(guard);
        tokio::time::sleep(ms(20)).await;
    });
    assert!(real.is_free());
}

/// The task that owns the guard is dropped with its runtime; the one in which the lock was acquired lives on.
/// hazard: 63
#[test]
fn dropped_by_another_runtimes_shutdown_it_is_released_by_its_own() {
    for other in [threads(), one_thread()] {
        let (real, runtime) = (real(), threads());
        let guard = real.acquire(&runtime);
        other.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        other.block_on(tokio::task::yield_now());
        drop(other);
        eventually("released", || real.is_free());
        assert_eq!(real.events.count("orphaned"), 0);
    }
}

/// hazard: 63
#[test]
fn dropped_with_the_task_that_owns_it_it_harms_nothing() {
    for runtime in [threads(), one_thread()] {
        let real = real();
        let guard = real.acquire(&runtime);
        runtime.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        runtime.block_on(tokio::task::yield_now());
        drop(runtime);
        assert!(real.is_free() || real.events.count("orphaned") == 1, "{:?}", real.events.events());
    }
}

/// hazard: 63
#[test]
fn a_foreign_executor_can_release_wait_extend_and_look() {
    let (real, runtime) = (real(), threads());
    let guard = real.acquire(&runtime);
    let signal = guard.signal();
    block_on(guard.extend()).expect_err("not without a runtime's timer");
    assert!(guard.is_valid());
    block_on(real.client.status("x")).expect_err("not without a runtime's timer");
    block_on(real.client.force_release("x")).expect_err("not without a runtime's timer");
    assert_eq!(block_on(real.client.cleanup()).faults.len(), 3);
    assert_eq!(block_on(guard.release()).verdict, ReleaseVerdict::Released);
    assert_eq!(block_on(signal.lost()), LossReason::Released);
    eventually("the third node too", || real.is_free());
}

/// hazard: 63
#[test]
fn a_foreign_executor_is_told_that_nothing_can_be_acquired() {
    let (real, runtime) = (real(), threads());
    assert!(matches!(block_on(real.client.acquire("x").into_future()), Err(AcquireError::NoRuntime)));
    let guard = real.acquire(&runtime);
    let ticket = block_on(guard.detach()).expect("needs no node");
    assert!(matches!(block_on(real.client.adopt(&ticket)), Err(AdoptError::NoRuntime)));
    let held = runtime.block_on(real.client.adopt(&ticket)).unwrap();
    let report = block_on(real.client.shutdown(ms(100)));
    assert_eq!(report.unreleased, [["x"]]);
    drop(held);
}

/// hazard: 63
#[test]
fn a_release_after_the_runtime_has_gone_has_no_known_outcome() {
    let (real, runtime) = (real(), threads());
    let guard = real.acquire(&runtime);
    drop(runtime);
    let outcome = block_on(guard.release());
    assert_eq!((outcome.verdict, outcome.confirmed(), outcome.total()), (ReleaseVerdict::Unknown, 0, 3));
}

/// hazard: 63
#[test]
fn an_acquisition_dropped_with_its_runtime_harms_nothing() {
    for runtime in [threads(), one_thread()] {
        let real = real();
        real.nodes.iter().for_each(MemoryNode::hang);
        runtime.spawn(real.client.acquire("x").into_future());
        runtime.block_on(async { tokio::time::sleep(ms(20)).await });
        runtime.shutdown_timeout(Duration::from_secs(5));
    }
}

/// hazard: 64
#[tokio::test(start_paused = true)]
async fn a_leaked_guard_is_extended_until_max_hold_and_no_longer() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().max_hold(Some(10 * TTL)).await.unwrap();
    std::mem::forget(guard);
    tokio::time::sleep(10 * TTL - ms(1)).await;
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    tokio::time::sleep(TTL + ms(1)).await;
    assert!(cluster.is_free());
    assert_eq!((events.count("stopped MaxHold"), events.count("lost Expired")), (1, 1));
    client.acquire("x").await.expect("free again").release().await;
}

/// The default for an extension that was opted into: an hour. `using` has none, its end is the routine's.
/// hazard: 64
#[tokio::test(start_paused = true)]
async fn a_leaked_guard_lives_for_an_hour_by_default_and_a_routine_for_as_long_as_it_takes() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let hour = Duration::from_secs(3600);
    std::mem::forget(client.acquire("x").ttl(60 * TTL).auto_extend().await.unwrap());
    let used = client.acquire("y").ttl(60 * TTL).using(async |_| tokio::time::sleep(2 * hour).await);
    let look = async {
        tokio::time::sleep(hour - ms(1)).await;
        assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
        tokio::time::sleep(60 * TTL).await;
        assert_eq!(cluster.holders("x"), ["", "", ""]);
    };
    let (used, ()) = tokio::join!(used, look);
    used.expect("held for two hours");
}
