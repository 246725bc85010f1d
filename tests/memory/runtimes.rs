//! One `Redlock` over several runtimes, and between threads. In real time: it is about real runtimes.

use std::sync::LazyLock;
use std::time::Duration;

use redlock_core::{
    AcquireError, Acquisition, AdoptError, ConfigError, ExtendError, LockGuard, LockLost, LockSignal,
    LockTicket, LostDuring, Redlock, RedlockBuilder, ReleaseOutcome, StatusError, Used, UsingError,
};
use redlock_memory::MemoryNode;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::support::{Recorder, eventually, ms};

static EVENTS: LazyLock<Recorder> = LazyLock::new(Recorder::default);
static SHARED: LazyLock<Redlock> = LazyLock::new(|| builder().observer(EVENTS.clone()).build().unwrap());

/// Extended twice a second, and valid for a second and a half longer: enough for a machine that has much else to do.
fn builder() -> RedlockBuilder {
    Redlock::builder().nodes(MemoryNode::cluster(3)).ttl(ms(2000)).extend_threshold(ms(1500))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The lease of a guard that outlives its runtime is kept by the runtime of the next acquisition, and the gap is told.
/// hazard: 63, 65
#[test]
fn a_static_redlock_serves_one_runtime_after_another() {
    let first = runtime();
    let guard = first.block_on(SHARED.acquire("x").auto_extend().into_future()).unwrap();
    drop(first);
    assert_eq!(EVENTS.events(), ["acquired 1", "stopped RuntimeGone"]);
    runtime().block_on(async {
        let other = SHARED.acquire("y").auto_extend().await.unwrap();
        sleep(ms(1500)).await;
        assert!(guard.is_valid() && guard.extensions() >= 2, "{:?}", EVENTS.events());
        assert!(other.is_valid());
        assert!(guard.release().await.is_released());
    });
    assert_eq!(EVENTS.count("stopped RuntimeGone"), 1, "the second lock was dropped in its runtime");
}

/// Two runtimes at the same time, each with its own scheduler; the end of one leaves the other's locks alone.
#[test]
fn two_runtimes_at_once_keep_their_locks_apart() {
    let events = Recorder::default();
    let client = builder().observer(events.clone()).build().unwrap();
    let threads = || Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (first, second) = (threads(), threads());
    let stays = first.block_on(client.acquire("x").auto_extend().into_future()).unwrap();
    let goes = second.block_on(client.acquire("y").auto_extend().into_future()).unwrap();
    second.shutdown_timeout(Duration::from_secs(5));
    assert_eq!(events.count("stopped RuntimeGone"), 1);
    eventually("the end of the lock without a runtime", || !goes.is_valid());
    eventually("two extensions", || stays.extensions() >= 2);
    assert!(stays.is_valid());
    drop((stays, goes));
    assert_eq!(events.count("orphaned"), 1, "{:?}", events.events());
}

/// hazard: 65
#[test]
fn a_signal_is_heard_in_any_runtime() {
    let client = Redlock::builder().nodes(MemoryNode::cluster(3)).ttl(ms(100)).build().unwrap();
    let guard = runtime().block_on(client.acquire("x").into_future()).unwrap();
    let reason = runtime().block_on(guard.lost());
    assert_eq!(reason, redlock_core::LossReason::Expired);
}

fn shareable<T: Send + Sync + 'static>() {}
fn sendable<T: Send>(value: T) -> T {
    value
}

#[test]
fn what_users_hold_can_go_to_any_thread() {
    shareable::<(Redlock, RedlockBuilder, LockGuard, LockSignal, LockTicket)>();
    shareable::<(AcquireError, ExtendError, AdoptError, StatusError, ConfigError, LockLost)>();
    shareable::<(ReleaseOutcome, Used<String>, LostDuring<String>, UsingError<String>)>();
    sendable::<Option<Acquisition>>(None);
}

#[tokio::test]
async fn what_users_await_can_be_spawned() {
    let client = Redlock::builder().nodes(MemoryNode::cluster(3)).build().unwrap();
    let guard = sendable(client.acquire(["x", "y"]).into_future()).await.unwrap();
    sendable(guard.extend()).await.unwrap();
    sendable(guard.extend_to(ms(5000))).await.unwrap();
    sendable(client.status("x")).await.unwrap();
    drop(sendable(guard.lost()));
    let ticket = sendable(guard.detach()).await.unwrap();
    let guard = sendable(client.adopt(&ticket)).await.unwrap();
    sendable(guard.release()).await;
    sendable(client.using("x", async |lock| lock.extend().await)).await.unwrap().output.unwrap();
    sendable(client.force_release("x")).await.unwrap();
    sendable(client.cleanup()).await;
    sendable(client.shutdown(ms(100))).await;
}
