//! Three keys that only one sequence of steps touches. Worlds share the nodes and run side by side.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redlock_core::{Backend, Clock, Key, LockCommand, Ttl};
use redlock_memory::MemoryNode;
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;

use super::super::support::*;
use super::Census;
use super::steps::{Content, Dice, Roller, Said, Step, agree, kind};

const STEPS: usize = 3;

/// A node in memory and a server, which are told the same.
pub(super) struct Pair {
    memory: MemoryNode,
    pub(super) redis: RedisNode,
    server: Arc<RedisServer>,
    turn: Duration,
}

/// The two answered differently.
pub(super) struct Differs {
    history: Vec<String>,
    memory: Said,
    server: Said,
}

pub(super) struct World {
    pair: Arc<Pair>,
    roller: Roller,
    census: Census,
    history: Vec<String>,
}

impl World {
    pub(super) fn new(number: u64, seed: u64, pair: Arc<Pair>) -> Self {
        let dice = Dice(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        let roller = Roller { dice, prefix: format!("{number}:"), turn: pair.turn };
        Self { pair, roller, census: Census::new(), history: Vec::new() }
    }

    pub(super) async fn turn(&mut self) -> Result<(), Differs> {
        self.history.push("-- a turn".to_owned());
        for _ in 0..STEPS {
            let step = self.roller.step();
            self.history.push(format!("{step:?}"));
            match step {
                Step::Command(command) => self.run(command).await?,
                Step::Plant(key, content, ttl) => self.pair.plant(&key, &content, ttl),
            }
        }
        Ok(())
    }

    async fn run(&mut self, command: LockCommand) -> Result<(), Differs> {
        let memory = said(&self.pair.memory, command.clone()).await;
        let server = said(&self.pair.redis, command).await;
        // A server answers within the first quarter of a turn, and counts whole milliseconds.
        let tolerance = self.pair.turn / 4 + Duration::from_millis(2);
        if !agree(&memory, &server, tolerance) {
            return Err(Differs { history: std::mem::take(&mut self.history), memory, server });
        }
        *self.census.entry(kind(&server)).or_default() += 1;
        Ok(())
    }

    pub(super) fn counted(&self, mut census: Census) -> Census {
        for (kind, count) in &self.census {
            *census.entry(kind).or_default() += count;
        }
        census
    }
}

impl Pair {
    pub(super) fn new(server: &Arc<RedisServer>, clock: Arc<dyn Clock>, turn: Duration) -> Self {
        let memory = MemoryNode::builder("memory").clock(clock).build();
        Self { memory, redis: node(server), server: Arc::clone(server), turn }
    }

    fn plant(&self, key: &Key, content: &Content, ttl: Option<Ttl>) {
        let text = match content {
            Content::Text(value) => {
                self.memory.insert(key, value.clone(), ttl);
                value.as_bytes()
            }
            Content::Hash => {
                self.memory.insert_foreign(key, "hash", ttl);
                b"hash"
            }
        };
        let ttl = ttl.map_or(0, Ttl::as_millis).to_string();
        let words = [b"EVAL", PLANT.as_bytes(), b"1", key.as_str().as_bytes(), text, ttl.as_bytes()];
        self.server.command(words).expect("planted");
    }
}

async fn said(node: &dyn Backend, command: LockCommand) -> Said {
    let reply = execute(node, command).await.map_err(|error| error.kind())?;
    Ok(reply.into_lock().expect("of the lock family"))
}

/// One round trip, since the steps of a turn have little time.
const PLANT: &str = "
redis.call('DEL', KEYS[1])
if ARGV[1] == 'hash' then redis.call('HSET', KEYS[1], 'field', 'value')
else redis.call('SET', KEYS[1], ARGV[1]) end
if ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1";

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, memory, server } = self;
        write!(f, "after\n{}\nmemory: {memory:?}\nserver: {server:?}", history.join("\n"))
    }
}
