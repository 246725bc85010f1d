//! One process of the witness: so many tasks that each read a counter, pause, and write it back, plus one.
//!
//! `witness COUNTER_ADDRESS TASKS INCREMENTS [LOCK_URL …]`: without a lock URL the tasks do not lock at all, and increments
//! get lost. The counter stands on a plain server that knows nothing of locks, so it judges from outside.

use std::error::Error;
use std::time::Duration;

use redlock_core::{Redlock, RetryPolicy};
use redlock_redis_rs::RedisNode;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

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
        let seen = counter.read().await?;
        tokio::time::sleep(Duration::from_millis(1)).await;
        counter.write(seen + 1).await?;
        if let Some(guard) = guard {
            guard.release().await;
        }
    }
    Ok(())
}

/// A counter that is only ever read and written.
struct Counter(BufReader<TcpStream>);

impl Counter {
    async fn connect(address: &str) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn read(&mut self) -> Fallible<u64> {
        self.0.write_all(b"GET counter\r\n").await?;
        let length: i64 = self.line().await?.strip_prefix('$').ok_or("no bulk string")?.parse()?;
        let Ok(length) = usize::try_from(length) else { return Ok(0) };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).await?;
        Ok(std::str::from_utf8(&text)?.trim().parse()?)
    }

    async fn write(&mut self, value: u64) -> Fallible<()> {
        self.0.write_all(format!("SET counter {value}\r\n").as_bytes()).await?;
        let answer = self.line().await?;
        if answer == "+OK" { Ok(()) } else { Err(answer.into()) }
    }

    async fn line(&mut self) -> Fallible<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        Ok(line.trim_end().to_owned())
    }
}
