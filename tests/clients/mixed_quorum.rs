//! One quorum of five: two nodes on the `redis` crate, two on `fred`, and one in this process.

use std::time::{Duration, Instant};

use redlock_core::{AcquireError, KeyState, Redlock, RetryPolicy};
use redlock_fred::FredNode;
use redlock_memory::MemoryNode;
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;
use redlock_tests::counter::Counter;
use redlock_tests::support::*;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const TTL: Duration = Duration::from_secs(60);

struct Mixed {
    on_redis: [RedisServer; 2],
    on_fred: [RedisServer; 2],
    memory: MemoryNode,
}

impl Mixed {
    /// All of them keep their keys when they restart.
    fn start() -> Self {
        let server = || RedisServer::builder().durable().start().expect("a server");
        let memory = MemoryNode::builder("memory").durable(true).build();
        Self { on_redis: [server(), server()], on_fred: [server(), server()], memory }
    }

    /// As another program would build it, with connections of its own.
    fn redlock(&self) -> Redlock {
        let redis = self.on_redis.iter().map(|server| RedisNode::from_url(server.url()).expect("a node"));
        let fred = self.on_fred.iter().map(|server| FredNode::from_url(server.url()).expect("a node"));
        let soon =
            RetryPolicy { retries: None, delay: Duration::from_millis(2), jitter: Duration::from_millis(2) };
        let builder = Redlock::builder().nodes(redis).nodes(fred).node(self.memory.clone());
        builder.ttl(TTL).retry(soon).build().expect("a quorum of five")
    }

    fn servers(&self) -> impl Iterator<Item = &RedisServer> {
        self.on_redis.iter().chain(&self.on_fred)
    }

    /// On how many nodes the key stands.
    async fn hold(&self, key: &str) -> u64 {
        let in_memory = u64::from(state(&self.memory, key).await != KeyState::Free);
        let exists = |server: &RedisServer| server.command(["EXISTS", key]).expect("EXISTS").as_u64();
        self.servers().filter_map(exists).sum::<u64>() + in_memory
    }

    fn keys(&self) -> u64 {
        let memory = u64::try_from(self.memory.len()).expect("a number");
        self.servers().map(|server| server.keys().expect("keys")).sum::<u64>() + memory
    }
}

/// Whether a lock that is taken now comes to stand on every node.
async fn reaches_all(redlock: &Redlock, mixed: &Mixed) -> bool {
    let guard = redlock.acquire("probe").await.expect("a lock");
    // It is won by three; the others may be on their way.
    let mut reached = mixed.hold("redlock:probe").await;
    for _ in 0..20 {
        if reached < 5 {
            sleep(Duration::from_millis(5)).await;
            reached = mixed.hold("redlock:probe").await;
        }
    }
    guard.release().await;
    reached == 5
}

const TASKS: u64 = 4;
const INCREMENTS: u64 = 40;

/// Two programs, as far as the nodes can see, and a counter that loses an increment where two hold the lock.
async fn counted(programs: [Option<Redlock>; 2]) -> u64 {
    let counter = RedisServer::start().expect("a server");
    let address = format!("127.0.0.1:{}", counter.port().expect("a port"));
    let mut work = JoinSet::new();
    for redlock in &programs {
        for _ in 0..TASKS {
            let (redlock, address) = (redlock.clone(), address.clone());
            work.spawn(async move {
                let mut counter = Counter::connect(&address).await.expect("a counter");
                for _ in 0..INCREMENTS {
                    let guard = match &redlock {
                        Some(redlock) => Some(redlock.acquire("counter").await.expect("a lock")),
                        None => None,
                    };
                    counter.increment().await.expect("an increment");
                    if let Some(guard) = guard {
                        guard.release().await;
                    }
                }
            });
        }
    }
    work.join_all().await;
    for redlock in programs.iter().flatten() {
        assert!(redlock.shutdown(AMPLE).await.is_complete());
    }
    Counter::connect(&address).await.expect("a counter").read().await.expect("a number")
}

/// hazard: 1, 2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost_under_its_lock_and_some_are_without() {
    let all = 2 * TASKS * INCREMENTS;
    let without = counted([None, None]).await;
    assert!(without < all, "the witness saw no lost increment without a lock: {without} of {all}");
    let mixed = Mixed::start();
    assert_eq!(counted([mixed.redlock(), mixed.redlock()].map(Some)).await, all, "increments were lost");
    assert_eq!(mixed.keys(), 0, "a key was left behind");
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_five_may_die_and_come_back() {
    let mut mixed = Mixed::start();
    let redlock = mixed.redlock();
    assert!(reaches_all(&redlock, &mixed).await);
    let held = redlock.acquire("held").await.expect("on five");

    mixed.on_redis[0].kill().expect("killed");
    mixed.on_fred[0].kill().expect("killed");
    assert!(held.extend().await.expect("by three").confirmed >= 3);
    assert!(redlock.acquire("meanwhile").await.expect("by three").release().await.is_released());
    mixed.memory.fail();
    let error = redlock.try_acquire("one more").await.expect_err("two of five are no quorum");
    assert!(matches!(error, AcquireError::NoQuorum(_)), "{error}");

    mixed.memory.recover();
    mixed.on_redis[0].restart().expect("restarted");
    mixed.on_fred[0].restart().expect("restarted");
    assert!(held.release().await.is_released());
    eventually("all five are in use again", async || reaches_all(&redlock, &mixed).await).await;
    let shutdown = redlock.shutdown(AMPLE).await;
    assert!(shutdown.is_complete(), "{shutdown:?}");
    eventually("nothing is left", async || mixed.keys() == 0).await;
}

/// hazard: 7, 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_node_is_not_waited_for_whatever_its_client() {
    let mixed = Mixed::start();
    let redlock = mixed.redlock();
    assert!(reaches_all(&redlock, &mixed).await);
    for hung in mixed.servers() {
        hung.freeze().expect("frozen");
        let began = Instant::now();
        let guard = redlock.acquire("meanwhile").await.expect("by four");
        // A twentieth of the ttl is what one node may take: three seconds.
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        guard.release().await;
        hung.thaw().expect("thawed");
    }
    assert!(redlock.shutdown(AMPLE).await.is_complete());
    eventually("nothing is left", async || mixed.keys() == 0).await;
}

/// hazard: 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_acquisition_leaves_nothing_on_any_node() {
    let mixed = Mixed::start();
    let redlock = mixed.redlock();
    let mut won = 0;
    for round in 0..60 {
        let name = format!("dropped:{round}");
        let acquisition = redlock.acquire(name.as_str());
        // From the first poll to about the last reply.
        if let Ok(guard) = timeout(Duration::from_micros(round * 40), acquisition.into_future()).await {
            won += 1;
            guard.expect("nobody else wants it").release().await;
        }
    }
    assert!(won < 60, "none was dropped half-way");
    assert!(redlock.shutdown(AMPLE).await.is_complete());
    eventually("nothing is left", async || mixed.keys() == 0).await;
}
