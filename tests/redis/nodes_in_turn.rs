//! Each node in turn is killed, frozen and lost in a black hole, under a steady load that must not notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use redlock_core::Redlock;
use redlock_redis_rs::RedisNode;
use redlock_testkit::proxy::Proxy;
use redlock_testkit::server::{RedisServer, RespValue};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{Instant, sleep};

use super::support::*;

const TASKS: usize = 64;
const FAULT: Duration = Duration::from_millis(600);
const RETURN: Duration = Duration::from_secs(1);

/// A server that keeps its data, and a proxy before it.
struct Node {
    server: RedisServer,
    proxy: Proxy,
}

impl Node {
    fn start() -> Self {
        let server = RedisServer::builder().durable().start().expect("a server");
        let proxy = Proxy::of(&server).expect("a proxy");
        Self { server, proxy }
    }

    fn holds(&self, key: &str) -> bool {
        self.server.command(["EXISTS", key]).expect("EXISTS") == RespValue::Int(1)
    }
}

/// Tasks that take and give back locks of their own until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    cycles: Arc<AtomicU64>,
    tasks: JoinSet<()>,
}

impl Load {
    fn on(redlock: &Redlock) -> Self {
        let (stop, cycles) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(cycle(redlock.clone(), task, Arc::clone(&stop), Arc::clone(&cycles)));
        }
        Self { stop, cycles, tasks }
    }

    /// Whatever panicked in a task panics here.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        self.cycles.load(Ordering::Relaxed)
    }
}

async fn cycle(redlock: Redlock, task: usize, stop: Arc<AtomicBool>, cycles: Arc<AtomicU64>) {
    while !stop.load(Ordering::Relaxed) {
        let cycle = cycles.fetch_add(1, Ordering::Relaxed);
        let guard = redlock.acquire(format!("{task}:{cycle}")).await.expect("nobody else wants it");
        sleep(Duration::from_millis(20)).await;
        guard.release().await;
        sleep(Duration::from_millis(20)).await;
    }
}

/// A lock that is taken now stands on that node, too.
async fn is_in_use(redlock: &Redlock, node: &Node) {
    let back = Instant::now();
    for attempt in 0.. {
        let name = format!("probe:{attempt}:{:?}", back.elapsed());
        let guard = redlock.acquire(name.as_str()).await.expect("acquired");
        sleep(Duration::from_millis(10)).await;
        let held = block_in_place(|| node.holds(&format!("redlock:{name}")));
        guard.release().await;
        if held {
            break;
        }
        assert!(back.elapsed() < RETURN, "not in use {RETURN:?} after its return");
    }
    println!("in use after {:?}", back.elapsed());
}

/// hazard: 7, 50
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acquisition_fails_and_no_key_stays_while_each_node_fails_in_turn() {
    let mut nodes = [Node::start(), Node::start(), Node::start()];
    let urls = nodes.iter().map(|node| node.proxy.url(&node.server));
    let backends = urls.map(|url| RedisNode::from_url(url).expect("a node"));
    let redlock = Redlock::builder().nodes(backends).ttl(Duration::from_secs(20)).build().expect("a redlock");
    let load = Load::on(&redlock);
    for node in &mut nodes {
        block_in_place(|| node.server.kill().expect("killed"));
        sleep(FAULT).await;
        block_in_place(|| node.server.restart().expect("restarted"));
        is_in_use(&redlock, node).await;

        node.server.freeze().expect("frozen");
        sleep(FAULT).await;
        node.server.thaw().expect("thawed");
        is_in_use(&redlock, node).await;

        node.proxy.black_hole().await;
        sleep(FAULT).await;
        node.proxy.heal().await;
        is_in_use(&redlock, node).await;
    }
    let cycles = load.end().await;
    println!("{cycles} cycles");
    eventually("no key is left", async || nodes.iter().all(|node| node.server.keys().expect("keys") == 0))
        .await;
    let ended = redlock.shutdown(AMPLE).await;
    assert!(ended.is_complete(), "{ended:?}");
}
