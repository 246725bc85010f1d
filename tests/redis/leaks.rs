//! Nothing is left behind, neither by cycles that went well nor by acquisitions that were cut off.

use std::future::{IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use redlock_core::{Entropy, Redlock, RetryPolicy, SeededEntropy};
use redlock_testkit::server::RedisServer;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::support::*;

const CYCLES: u32 = 10_000;
const CANCELLED: u32 = 2_000;
const TASKS: u32 = 16;
/// So long that no key of this test can have expired.
const TTL: Duration = Duration::from_secs(60);

fn servers() -> [RedisServer; 3] {
    [server(), server(), server()]
}

fn redlock(servers: &[RedisServer]) -> Redlock {
    let soon =
        RetryPolicy { retries: Some(3), delay: Duration::from_millis(1), jitter: Duration::from_millis(1) };
    Redlock::builder().nodes(servers.iter().map(node)).ttl(TTL).retry(soon).build().expect("a redlock")
}

/// Within a second of the shutdown, and without any help.
async fn assert_nothing_left(redlock: &Redlock, servers: &[RedisServer]) {
    let ended = redlock.shutdown(AMPLE).await;
    assert!(ended.is_complete(), "{ended:?}");
    let second = Instant::now() + Duration::from_secs(1);
    for server in servers {
        while server.keys().expect("keys") > 0 {
            assert!(Instant::now() < second, "{} keys are left", server.keys().expect("keys"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for command in ["flushall", "flushdb", "scan", "keys"] {
            assert_eq!(server.calls(command).expect("commandstats"), 0, "{command} was called");
        }
    }
}

/// hazard: 6, 8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uncontended_cycles_leave_no_key() {
    let servers = servers();
    let redlock = redlock(&servers);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let redlock = redlock.clone();
        tasks.spawn(async move {
            for cycle in 0..CYCLES / TASKS {
                let guard = redlock.acquire(format!("{task}:{cycle}")).await.expect("uncontended");
                assert!(guard.release().await.is_released());
            }
        });
    }
    tasks.join_all().await;
    assert_nothing_left(&redlock, &servers).await;
}

/// hazard: 61, 62
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acquisitions_cancelled_anywhere_leave_no_key() {
    let servers = servers();
    let redlock = redlock(&servers);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let redlock = redlock.clone();
        tasks.spawn(async move {
            let random = SeededEntropy::new(u64::from(task));
            let mut cancelled = 0;
            while cancelled < CANCELLED / TASKS {
                cancelled += u32::from(cancel_somewhere(&redlock, &random).await);
            }
        });
    }
    tasks.join_all().await;
    assert_nothing_left(&redlock, &servers).await;
}

/// Polls an acquisition of one of a few contended resources a random number of times, and drops it.
async fn cancel_somewhere(redlock: &Redlock, random: &SeededEntropy) -> bool {
    let mut bytes = [0; 2];
    random.fill(&mut bytes).expect("seeded");
    let [resource, mut polls] = bytes.map(|byte| byte % 8);
    let mut acquiring = pin!(redlock.acquire(format!("contended:{resource}")).into_future());
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(true);
        }
        polls -= 1;
        // A guard that was won after all is dropped here, and released in the background.
        acquiring.as_mut().poll(context).map(|_| false)
    })
    .await
}
