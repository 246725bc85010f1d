//! Clocks that are set, machines that sleep, executors that are blocked.

use std::thread;
use std::time::Duration;

use redlock_core::{BootClock, LossReason, Redlock};
use redlock_memory::MemoryNode;
use tokio::runtime::Builder;
use tokio::time::{Instant, timeout};

use crate::support::{Cluster, JumpingClock, Recorder, TTL, VALIDITY, ms};

/// All that is known of time is what the injected clock says: there is no second clock that could be set.
/// hazard: 23
#[tokio::test(start_paused = true)]
async fn validity_is_what_the_injected_clock_says() {
    let (cluster, clock) = (Cluster::of(3), JumpingClock::new());
    let guard = cluster.builder("a").clock(clock.clone()).build().unwrap().acquire("x").await.unwrap();
    assert_eq!(guard.remaining(), VALIDITY);
    clock.jump(ms(300));
    assert_eq!((guard.remaining(), guard.held_for()), (VALIDITY - ms(300), ms(300)));
    clock.jump(VALIDITY - ms(300) - Duration::from_nanos(1));
    assert!(guard.is_valid());
    clock.jump(Duration::from_nanos(1));
    assert!(!guard.is_valid() && guard.is_expired());
}

const SECOND: Duration = Duration::from_secs(1);

/// The runtime's timers stand still in suspend, the lease does not.
/// hazard: 24
#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_observer_is_told_within_a_second() {
    let (cluster, clock, events) = (Cluster::of(3), JumpingClock::new(), Recorder::default());
    let client = cluster.builder("a").clock(clock.clone()).observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").ttl(60 * SECOND).await.unwrap();
    tokio::time::sleep(ms(2500)).await;
    clock.jump(3600 * SECOND);
    tokio::time::sleep(SECOND + ms(1)).await;
    assert_eq!(events.count("lost Expired"), 1, "though nobody asked");
    drop(guard);
}

/// In real time: the runtime whose scheduler watches the lease stands still, so that only the waiter itself is left.
/// hazard: 24
#[test]
fn after_a_suspend_the_waiter_is_told_within_a_second() {
    let clock = JumpingClock::over(BootClock::new());
    let builder = Redlock::builder().nodes(MemoryNode::cluster(3)).clock(clock.clone());
    let client = builder.ttl(60 * SECOND).build().unwrap();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let idle = runtime();
    let guard = idle.block_on(client.acquire("x").into_future()).unwrap();
    let waited = runtime().block_on(async {
        let (lost, suspended) =
            tokio::join!(async { (timeout(5 * SECOND, guard.lost()).await, Instant::now()) }, async {
                tokio::time::sleep(ms(50)).await;
                clock.jump(3600 * SECOND);
                Instant::now()
            },);
        assert_eq!(lost.0, Ok(LossReason::Expired));
        lost.1 - suspended
    });
    // What a loaded machine adds to a timer is none of the lock's doing.
    assert!(waited < 3 * SECOND, "{waited:?}");
}

/// hazard: 24
#[tokio::test(start_paused = true)]
async fn a_check_right_after_a_suspend_fails_without_any_timer() {
    let (cluster, clock) = (Cluster::of(3), JumpingClock::new());
    let client = cluster.builder("a").clock(clock.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    clock.jump(TTL);
    guard.check().expect_err("no time for any task to run");
    guard.extend().await.expect_err("and it does not come back");
}

/// Real time, because the executor is really blocked: for longer than the lease, in the midst of its use.
/// hazard: 65
#[tokio::test]
async fn after_a_blocked_executor_the_loss_comes_before_the_next_io() {
    let client = Redlock::builder().nodes(MemoryNode::cluster(3)).ttl(ms(100)).build().unwrap();
    let used = client
        .using("x", async |lock| {
            tokio::task::yield_now().await;
            thread::sleep(ms(120));
            let checked = lock.check().is_err();
            let told = tokio::select! {
                biased;
                reason = lock.lost() => Some(reason),
                () = async {} => None,
            };
            (checked, told)
        })
        .await;
    let output = used.expect_err("the lock ended before the routine").into_output();
    assert_eq!(output, Some((true, Some(LossReason::Expired))));
}
