//! One quorum over several clients: two nodes on the `redis` crate, two on `fred`, and one in this process.
//!
//! ```sh
//! cargo run -p redlock-example-mixed-clients                # starts four servers of its own, and kills two of them
//! cargo run -p redlock-example-mixed-clients -- redis://127.0.0.1:6379 redis://127.0.0.1:6380 \
//!     redis://127.0.0.1:6381 redis://127.0.0.1:6382         # on servers that are there
//! ```
//!
//! A node in a process is a vote of that process alone, so this quorum serves tasks of one program. Programs that share
//! locks must share every node: with a fifth of its own each, two of them could both win three of five.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use redlock_testkit::server::{Program, RedisServer};
use redlock_toolkit::fred::FredNode;
use redlock_toolkit::memory::MemoryNode;
use redlock_toolkit::redis_rs::RedisNode;
use redlock_toolkit::{AcquireError, LockGuard, Redlock};

const USAGE: &str = "give the URLs of four servers, of which the first two are reached by the `redis` crate and the \
                     others by `fred`; or none, where a `redis-server` or `valkey-server` is on the PATH or named by \
                     REDLOCK_REDIS_SERVER (`export $(cargo xtask tools)` unpacks one)";

#[tokio::main]
async fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let told = match urls.as_slice() {
        [] => on_own_servers().await,
        [first, second, third, fourth] => on_servers([first, second, third, fourth]).await,
        _ => Err(USAGE.into()),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mixed_clients: {error}");
            ExitCode::FAILURE
        }
    }
}

fn mixed(urls: [&str; 4]) -> Result<Redlock, Box<dyn Error>> {
    let [first, second, third, fourth] = urls;
    let redlock = Redlock::builder()
        .node(RedisNode::from_url(first)?)
        .node(RedisNode::from_url(second)?)
        .node(FredNode::from_url(third)?)
        .node(FredNode::from_url(fourth)?)
        // Durable: it cannot forget without the only process that uses it.
        .node(MemoryNode::builder("this process").durable(true).build())
        .ttl(Duration::from_secs(10))
        .holder_name("mixed_clients")
        .build()?;
    for node in redlock.nodes() {
        println!("node {node}");
    }
    println!("a lock needs {} of {}", redlock.quorum().needed(), redlock.nodes().len());
    Ok(redlock)
}

async fn on_servers(urls: [&String; 4]) -> Result<(), Box<dyn Error>> {
    let redlock = mixed(urls.map(String::as_str))?;
    let guard = acquire(&redlock).await?;
    give_back(&redlock, guard).await
}

async fn on_own_servers() -> Result<(), Box<dyn Error>> {
    Program::find().map_err(|error| format!("{error}\n{USAGE}"))?;
    let start = || RedisServer::builder().durable().start();
    let (mut first, second, mut third, fourth) = (start()?, start()?, start()?, start()?);
    let urls = [first.url(), second.url(), third.url(), fourth.url()];
    let redlock = mixed(urls.each_ref().map(String::as_str))?;
    let guard = acquire(&redlock).await?;
    first.kill()?;
    third.kill()?;
    let extension = guard.extend().await?;
    println!("one server of each client is killed; extended all the same, by {} nodes", extension.confirmed);
    give_back(&redlock, guard).await
}

async fn acquire(redlock: &Redlock) -> Result<LockGuard, Box<dyn Error>> {
    let guard = redlock.acquire("nightly-report").await?;
    println!("acquired: valid for {:?}", guard.remaining());
    match redlock.try_acquire("nightly-report").await {
        Err(AcquireError::Held(held)) => println!("another task is refused: {held}"),
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("two holders at once: this must never happen".into()),
    }
    Ok(guard)
}

async fn give_back(redlock: &Redlock, guard: LockGuard) -> Result<(), Box<dyn Error>> {
    let released = guard.release().await;
    println!("released: {:?} on {} of {} nodes", released.verdict, released.confirmed(), released.total());
    redlock.shutdown(Duration::from_secs(1)).await;
    Ok(())
}
