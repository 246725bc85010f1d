//! The same random steps on a node in memory and on a real server: what one answers, the other must.
//!
//! Time passes in turns. Leases last a whole number of turns and a half, and all steps of a turn are done within its first
//! quarter, or the run is begun again with longer turns: so no lease ends while steps are done, and what is answered does
//! not depend on the speed of the machine. The node in memory counts by a clock that stands still within a turn.

mod steps;
mod world;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redlock_core::{Clock, Entropy, Moment, OsEntropy};
use redlock_testkit::server::RedisServer;
use redlock_tests::one_of_each;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::support::*;
use world::{Differs, Pair, World};

const WORLDS: u64 = 40;
const TURNS: u32 = 24;
const SEED: &str = "REDLOCK_SEED";

/// How often each kind of answer was given.
pub(super) type Census = BTreeMap<&'static str, u64>;

/// The clock of the node in memory.
#[derive(Debug, Default)]
struct Turns(AtomicU64);

impl Turns {
    fn set(&self, now: Duration) {
        self.0.store(u64::try_from(now.as_nanos()).expect("a short run"), Ordering::Relaxed);
    }
}

impl Clock for Turns {
    fn now(&self) -> Moment {
        Moment::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// hazard: 84
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_in_memory_answers_as_every_real_server_does() {
    let seed = seed();
    println!("{SEED}={seed}");
    let mut runs = JoinSet::new();
    for server in one_of_each() {
        runs.spawn(compare(server, seed));
    }
    for census in runs.join_all().await {
        assert_complete(&census);
    }
}

/// Random, or that of an earlier run.
fn seed() -> u64 {
    let given = std::env::var(SEED).ok();
    given.map_or_else(random, |seed| seed.parse().expect("a number"))
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    OsEntropy.fill(&mut bytes).expect("random bytes");
    u64::from_be_bytes(bytes)
}

async fn compare(server: RedisServer, seed: u64) -> Census {
    let edition = server.edition().expect("an edition");
    let server = Arc::new(server);
    for turn in [400, 800, 1_600].map(Duration::from_millis) {
        match run(&server, seed, turn).await {
            Outcome::Equal(census) => return census,
            Outcome::Differs(differs) => panic!("{edition}, {SEED}={seed}: {differs}"),
            Outcome::TooSlow => println!("{edition}: a turn of {turn:?} is too short for this machine"),
        }
    }
    panic!("{edition}: this machine is too slow")
}

enum Outcome {
    Equal(Census),
    Differs(Differs),
    TooSlow,
}

async fn run(server: &Arc<RedisServer>, seed: u64, turn: Duration) -> Outcome {
    server.command(["FLUSHALL"]).expect("a server of our own");
    let clock = Arc::new(Turns::default());
    let pair = Arc::new(Pair::new(server, clock.clone(), turn));
    // Connected before the time counts.
    ask(&pair.redis, inspect(&["warm"])).await;
    let mut worlds: Vec<World> =
        (0..WORLDS).map(|number| World::new(number, seed, Arc::clone(&pair))).collect();
    let start = Instant::now();
    for number in 0..TURNS {
        let due = start + turn * number;
        tokio::time::sleep_until(due).await;
        clock.set(turn * number);
        let played = play(worlds).await;
        if due.elapsed() > turn / 4 {
            return Outcome::TooSlow;
        }
        match played {
            Ok(played) => worlds = played,
            Err(differs) => return Outcome::Differs(differs),
        }
    }
    Outcome::Equal(worlds.into_iter().fold(Census::new(), |census, world| world.counted(census)))
}

async fn play(worlds: Vec<World>) -> Result<Vec<World>, Differs> {
    let mut turns = JoinSet::new();
    for mut world in worlds {
        turns.spawn(async { world.turn().await.map(|()| world) });
    }
    turns.join_all().await.into_iter().collect()
}

/// A comparison in which an answer does not occur says nothing about it.
fn assert_complete(census: &Census) {
    let total: u64 = census.values().sum();
    let mut table = format!("{total} answers");
    for kind in steps::KINDS {
        let count = census.get(kind).copied().unwrap_or_default();
        let permille = count * 1_000 / total;
        let _ = write!(table, "\n{count:5} {:3}.{} % {kind}", permille / 10, permille % 10);
    }
    println!("{table}");
    for kind in steps::KINDS {
        let count = census.get(kind).copied().unwrap_or_default();
        assert!(count * 200 >= total, "{kind:?} is rarer than one in two hundred\n{table}");
    }
    assert_eq!(census.len(), steps::KINDS.len(), "{table}");
}
