//! One process of the witness: so many tasks that each read a counter, pause, and write it back, plus one.
//!
//! `witness COUNTER_ADDRESS TASKS INCREMENTS [LOCK_URL …]`: without a lock URL the tasks do not lock at all, and increments
//! get lost. The counter stands on a plain server that knows nothing of locks, so it judges from outside.

use std::time::Duration;

use redlock_core::{Redlock, RetryPolicy};
use redlock_redis_rs::RedisNode;
use redlock_tests::counter::{Counter, Fallible};

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, tasks, increments, urls @ ..] = args.as_slice() else {
        return Err("usage: witness COUNTER_ADDRESS TASKS INCREMENTS [LOCK_URL …]".into());
    };
    let redlock = (!urls.is_empty()).then(|| redlock(urls)).transpose()?;
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..tasks.parse()? {
        work.spawn(run(address.clone(), increments.parse()?, redlock.clone()));
    }
    while let Some(done) = work.join_next().await {
        done??;
    }
    match redlock {
        Some(redlock) if !redlock.shutdown(Duration::from_secs(5)).await.is_complete() => {
            Err("work was left".into())
        }
        _ => Ok(()),
    }
}

fn redlock(urls: &[String]) -> Fallible<Redlock> {
    let nodes = urls.iter().map(RedisNode::from_url).collect::<Result<Vec<_>, _>>()?;
    let soon =
        RetryPolicy { retries: None, delay: Duration::from_millis(2), jitter: Duration::from_millis(2) };
    Ok(Redlock::builder().nodes(nodes).retry(soon).ttl(Duration::from_secs(20)).build()?)
}

async fn run(address: String, increments: u32, redlock: Option<Redlock>) -> Fallible<()> {
    let mut counter = Counter::connect(&address).await?;
    for _ in 0..increments {
        let guard = match &redlock {
            Some(redlock) => Some(redlock.acquire("counter").await?),
            None => None,
        };
        counter.increment().await?;
        if let Some(guard) = guard {
            guard.release().await;
        }
    }
    Ok(())
}
