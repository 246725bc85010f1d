//! The uncontended cycle (acquire on N nodes, release) beside the bare client, in one run and interleaved.
//!
//! ```sh
//! cargo run --release -p redlock-benches --bin cycle                  # latency and throughput, as ratios
//! cargo run --release -p redlock-benches --bin cycle -- --quick
//! cargo run --release -p redlock-benches --bin cycle -- --instructions # counted by callgrind: needs valgrind
//! ```
//!
//! The bare client does what a careful program would write by hand: `SET NX PX` to every node, a compare-and-delete script to
//! every node, both awaited up to a majority, and nothing dropped that was sent.

mod bare;
mod contestant;
mod instructions;
mod rounds;

use std::error::Error;
use std::sync::Arc;

use redlock_testkit::server::RedisServer;

use contestant::{Contestant, Name};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "usage: cycle [--quick | --instructions | --only NAME CYCLES URL…]";

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => compare(rounds::Effort::FULL).await,
        ["--quick"] => compare(rounds::Effort::QUICK).await,
        ["--instructions"] => instructions::compare(),
        ["--only", name, cycles, urls @ ..] => only(name, cycles.parse()?, urls).await,
        _ => Err(USAGE.into()),
    }
}

async fn compare(effort: rounds::Effort) -> Fallible<()> {
    println!(
        "ratios of redlock to the bare client, median of {} interleaved rounds (quartiles)",
        effort.rounds
    );
    println!(
        "{:>2} {:>5}  {:<26} {:<26} {:>14} {:>14}",
        "N", "tasks", "latency p50", "cycles/s", "bare p50", "bare cycles/s"
    );
    for nodes in [1, 3, 5] {
        let servers = servers(nodes)?;
        let urls: Vec<String> = servers.iter().map(RedisServer::url).collect();
        let bare = Arc::new(Contestant::connect(Name::Bare, &urls).await?);
        let ours = Arc::new(Contestant::connect(Name::Redlock, &urls).await?);
        for tasks in [1, 64] {
            println!("{nodes:>2} {tasks:>5}  {}", rounds::run(&ours, &bare, tasks, effort).await?);
        }
        bare.finish().await;
        ours.finish().await;
        for server in &servers {
            let left = server.keys()?;
            if left > 0 {
                let one = server.command(["RANDOMKEY"])?;
                return Err(format!("{left} keys were left on {}, such as {one:?}", server.url()).into());
            }
        }
    }
    Ok(())
}

/// One contestant alone, for a profiler.
async fn only(name: &str, cycles: u32, urls: &[&str]) -> Fallible<()> {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    let contestant = Contestant::connect(Name::parse(name).ok_or(USAGE)?, &urls).await?;
    for cycle in 0..cycles {
        contestant.cycle(&format!("only:{cycle}")).await?;
    }
    contestant.finish().await;
    Ok(())
}

fn servers(nodes: usize) -> Fallible<Vec<RedisServer>> {
    (0..nodes).map(|_| RedisServer::start().map_err(Into::into)).collect()
}
