//! Every way in which an acquisition fails is told apart.

use std::fmt::Write;
use std::time::Duration;

use redlock_core::{AcquireError, Key};
use redlock_testkit::Plan;
use tokio::time::sleep;

use crate::support::{Cluster, TTL, ms};

/// A failure as a caller can tell it without reading its text.
fn kind(error: &AcquireError) -> String {
    match error {
        AcquireError::Held(held) => match &held.foreign {
            Some(kind) => format!("foreign {kind} at {}", held.resource),
            None => {
                format!("held by {}", held.holder.as_ref().and_then(|by| by.name.clone()).unwrap_or_default())
            }
        },
        AcquireError::NoQuorum(error) => {
            let faults = error.faults.iter().map(|fault| format!("{} {:?}", fault.node, fault.error.kind()));
            format!("no quorum: {}", faults.collect::<Vec<_>>().join(", "))
        }
        AcquireError::ValidityExhausted { .. } => "validity exhausted".to_owned(),
        AcquireError::Deadline { last, .. } => {
            format!(
                "deadline, {}",
                last.as_ref().map_or_else(|| "no attempt ended".to_owned(), |last| kind(last))
            )
        }
        AcquireError::Cancelled => "cancelled".to_owned(),
        AcquireError::ShutDown => "shut down".to_owned(),
        AcquireError::Config(error) => format!("configuration: {}", error.parameter()),
        other => format!("{other:?}"),
    }
}

async fn held() -> AcquireError {
    let cluster = Cluster::of(3);
    let guard = cluster.client("importer").acquire("x").await.unwrap();
    sleep(ms(400)).await;
    let error = cluster.client("b").try_acquire("x").await.expect_err("held");
    drop(guard);
    error
}

async fn foreign(ttl: Option<Duration>) -> AcquireError {
    let cluster = Cluster::of(3);
    for link in &cluster.links {
        let ttl = ttl.and_then(redlock_core::Ttl::from_duration);
        link.inner().insert_foreign(&Key::new("redlock:x"), "hash", ttl);
    }
    cluster.client("a").acquire("x").await.expect_err("not ours to take")
}

async fn two_nodes_down() -> AcquireError {
    let cluster = Cluster::of(3);
    cluster.links[0].refuse();
    cluster.links[2].black_hole();
    cluster.client("a").try_acquire("x").await.expect_err("no quorum")
}

async fn validity_exhausted() -> AcquireError {
    let cluster = Cluster::of(3);
    cluster.always(&Plan::new().reply_delay(ms(995)));
    cluster.client("a").try_acquire("x").node_timeout(ms(999)).await.expect_err("too late")
}

async fn deadline(holder: bool) -> AcquireError {
    let cluster = Cluster::of(3);
    let guard =
        if holder { Some(cluster.client("h").acquire("x").ttl(20 * TTL).await.unwrap()) } else { None };
    if !holder {
        cluster.always(&Plan::new().delay(ms(300)));
    }
    let client = cluster.client("a");
    let error = client.acquire("x").deadline(ms(250)).node_timeout(ms(300)).await.expect_err("late");
    drop(guard);
    error
}

async fn cancelled() -> AcquireError {
    Cluster::of(3).client("a").acquire("x").cancel_on(async {}).await.expect_err("cancelled")
}

async fn shut_down() -> AcquireError {
    let client = Cluster::of(3).client("a");
    client.shutdown(ms(0)).await;
    client.acquire("x").await.expect_err("shut down")
}

async fn configuration() -> AcquireError {
    Cluster::of(3).client("a").acquire("x").ttl(Duration::ZERO).await.expect_err("no ttl")
}

/// hazard: 57, 58
#[tokio::test(start_paused = true)]
async fn every_failure_is_told_apart() {
    let rows = [
        ("held", held().await, "held by importer", true, Some(ms(600))),
        ("foreign, ends", foreign(Some(3 * TTL)).await, "foreign hash at x", true, Some(ms(2940))),
        ("foreign, for ever", foreign(None).await, "foreign hash at x", false, None),
        (
            "two nodes down",
            two_nodes_down().await,
            "no quorum: memory-1 Unreachable, memory-3 Timeout",
            true,
            None,
        ),
        ("validity exhausted", validity_exhausted().await, "validity exhausted", true, None),
        ("deadline, held", deadline(true).await, "deadline, held by h", true, Some(ms(19_750))),
        ("deadline, silent", deadline(false).await, "deadline, no attempt ended", true, None),
        ("cancelled", cancelled().await, "cancelled", false, None),
        ("shut down", shut_down().await, "shut down", false, None),
        ("configuration", configuration().await, "configuration: ttl", false, None),
    ];
    let (mut table, mut wrong) = (String::new(), Vec::new());
    for (case, error, told, retryable, after) in &rows {
        writeln!(
            table,
            "{case:<18} | {:<49} | {:<5} | {:?}",
            kind(error),
            error.is_retryable(),
            error.retry_after()
        )
        .unwrap();
        writeln!(table, "{:<18} | {error}", "").unwrap();
        // What the nodes tell is in whole milliseconds, and a timer may be one late.
        let close = match (error.retry_after(), *after) {
            (Some(is), Some(expected)) => is.abs_diff(expected) <= ms(100),
            (is, expected) => is == expected,
        };
        if kind(error) != *told || error.is_retryable() != *retryable || !close {
            wrong.push(*case);
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:?} in\n{table}");
}
