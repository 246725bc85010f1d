//! The uncontended cycle (acquire on N nodes, release) beside the bare client, in one run and interleaved.
//!
//! ```sh
//! cargo run --release -p redlock-benches --bin cycle                  # latency and throughput, as ratios
//! cargo run --release -p redlock-benches --bin cycle -- --quick
//! cargo run --release -p redlock-benches --bin cycle -- --fenced     # locks with a fencing token beside plain ones
//! cargo run --release -p redlock-benches --bin cycle -- --one-task   # leaves out the 64 tasks
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

use redlock_testkit::server::{RedisServer, RespValue};

use contestant::{Contestant, Name};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str =
    "usage: cycle [[--fenced] [--one-task] [--quick] | --instructions | --only NAME CYCLES URL…]";

#[tokio::main]
async fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--instructions"] => instructions::compare(),
        ["--only", name, cycles, urls @ ..] => only(name, cycles.parse()?, urls).await,
        flags => compare(Plan::of(flags)?).await,
    }
}

/// What is measured, and how long.
struct Plan {
    between: Match,
    tasks: &'static [u32],
    effort: rounds::Effort,
}

impl Plan {
    fn of(flags: &[&str]) -> Fallible<Self> {
        let mut plan = Self { between: Match::BARE, tasks: &[1, 64], effort: rounds::Effort::FULL };
        for flag in flags {
            match *flag {
                "--fenced" => plan.between = Match::FENCED,
                "--one-task" => plan.tasks = &[1],
                "--quick" => plan.effort = rounds::Effort::QUICK,
                _ => return Err(USAGE.into()),
            }
        }
        Ok(plan)
    }
}

/// Who is compared with whom.
#[derive(Clone, Copy)]
struct Match {
    ours: Name,
    base: Name,
}

impl Match {
    const BARE: Self = Self { ours: Name::Redlock, base: Name::Bare };
    const FENCED: Self = Self { ours: Name::Fenced, base: Name::Redlock };
}

async fn compare(Plan { between, tasks, effort }: Plan) -> Fallible<()> {
    let (ours, base) = (between.ours.as_str(), between.base.as_str());
    println!("ratios of {ours} to {base}, median of {} interleaved rounds (quartiles)", effort.rounds);
    println!(
        "{:>2} {:>5}  {:<26} {:<26} {:>14} {:>14}",
        "N",
        "tasks",
        "latency p50",
        "cycles/s",
        format!("{base} p50"),
        format!("{base} cycles/s")
    );
    for nodes in [1, 3, 5] {
        let servers = servers(nodes)?;
        let urls: Vec<String> = servers.iter().map(RedisServer::url).collect();
        let base = Arc::new(Contestant::connect(between.base, &urls).await?);
        let ours = Arc::new(Contestant::connect(between.ours, &urls).await?);
        for tasks in tasks.iter().copied() {
            let before = ours.second_rounds();
            print!("{nodes:>2} {tasks:>5}  {}", rounds::run(&ours, &base, tasks, effort).await?);
            match between.ours {
                Name::Fenced => println!("  second rounds: {}", ours.second_rounds() - before),
                Name::Bare | Name::Redlock => println!(),
            }
        }
        base.finish().await;
        ours.finish().await;
        for server in &servers {
            let left = locks(server)?;
            if let Some(one) = left.first() {
                return Err(
                    format!("{} keys were left on {}, such as {one:?}", left.len(), server.url()).into()
                );
            }
        }
    }
    Ok(())
}

/// The keys of locks: fencing counters stay, and what the members of the deployment know of each other.
fn locks(server: &RedisServer) -> Fallible<Vec<String>> {
    let RespValue::Array(keys) = server.command(["KEYS", "*"])? else { return Err("no keys".into()) };
    let names = keys.into_iter().filter_map(|key| match key {
        RespValue::Bytes(name) => Some(String::from_utf8_lossy(&name).into_owned()),
        _ => None,
    });
    Ok(names.filter(|name| !name.ends_with(":fence") && !name.starts_with("{redlock}:")).collect())
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
