//! The link to the servers is cut, acquisitions are given up meanwhile, and what was sent before the cut arrives after it.

use std::time::Duration;

use redlock_core::{Redlock, RetryPolicy};
use redlock_redis_rs::RedisNode;
use redlock_testkit::proxy::{Door, Proxy, Traffic};
use redlock_testkit::server::RedisServer;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::support::*;

const ACQUISITIONS: u64 = 100;
const CUT: Duration = Duration::from_secs(5);
/// So long that no key of these tests ends by itself.
const TTL: Duration = Duration::from_secs(600);

/// Three servers, and a proxy before each.
struct Cluster {
    servers: [RedisServer; 3],
    proxies: Vec<Proxy>,
    redlock: Redlock,
}

impl Cluster {
    /// `user` is put before the servers' addresses.
    async fn of(servers: [RedisServer; 3], user: &str) -> Self {
        let proxies: Vec<_> = servers.iter().map(|server| Proxy::of(server).expect("a proxy")).collect();
        let urls = servers.iter().zip(&proxies).map(|(server, proxy)| proxy.url(server));
        let nodes = urls.map(|url| RedisNode::from_url(url.replace("redis://", user)).expect("a node"));
        let policy = RetryPolicy {
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(50),
            ..RetryPolicy::default()
        };
        let builder = Redlock::builder().nodes(nodes).max_ttl(TTL).ttl(TTL).retry(policy);
        let redlock = builder.node_timeout(Duration::from_millis(300)).build().expect("a redlock");
        for number in 0..10 {
            let guard = redlock.acquire(format!("warm:{number}")).await.expect("acquired");
            assert!(guard.release().await.is_released());
        }
        Self { servers, proxies, redlock }
    }

    fn keys(&self) -> u64 {
        self.servers.iter().map(|server| server.keys().expect("keys")).sum()
    }

    /// Gives up a hundred acquisitions over the time of the cut, by a timeout of their own or by their retries' end.
    async fn acquire_in_vain(&self) {
        let mut tasks = JoinSet::new();
        for number in 0..ACQUISITIONS {
            let redlock = self.redlock.clone();
            tasks.spawn(async move {
                sleep(CUT * u32::try_from(number).expect("few") / 120).await;
                let acquisition = redlock.acquire(format!("k:{number}")).retries(1);
                match number % 3 {
                    0 => drop(timeout(Duration::from_millis(number * 4), acquisition).await),
                    1 => drop(acquisition.deadline(Duration::from_millis(100 + number)).await),
                    _ => drop(acquisition.await),
                }
            });
        }
        tasks.join_all().await;
    }

    async fn cut(&self) {
        for proxy in &self.proxies {
            proxy.black_hole().await;
        }
    }

    /// New connections pass; what the old ones have under way is held back for longer.
    async fn restore_without_the_old_connections(&self) {
        for proxy in &self.proxies {
            proxy.strand();
            proxy.set_both(Traffic::Flows);
            proxy.set_door(Door::Open).await;
        }
    }

    async fn through_the_cut(&self) {
        let begun = Instant::now();
        self.cut().await;
        self.acquire_in_vain().await;
        tokio::time::sleep_until(begun + CUT).await;
    }
}

/// The old connections deliver at the same moment at which the new ones are made.
///
/// hazard: 7, 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_left_a_second_after_the_link_is_back() {
    let cluster = Cluster::of([server(), server(), server()], "redis://").await;
    cluster.through_the_cut().await;
    for proxy in &cluster.proxies {
        proxy.heal().await;
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.keys(), 0);
    assert!(cluster.redlock.shutdown(AMPLE).await.is_complete());
    assert_eq!(cluster.keys(), 0, "a key came back");
}

/// The old connections deliver when the new ones have long been made; the nodes have ended them on the servers' side.
///
/// hazard: 7, 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_replaced_connections_deliver_takes_no_lock() {
    let cluster = Cluster::of([server(), server(), server()], "redis://").await;
    cluster.through_the_cut().await;
    cluster.restore_without_the_old_connections().await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(cluster.keys(), 0);
    cluster.proxies.iter().for_each(Proxy::deliver);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(cluster.keys(), 0, "a late write took a lock");
}

/// Where the user may not end connections, the release is repeated after 1 s, 4 s, 16 s and 64 s.
///
/// hazard: 7, 61
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_end_connections_late_writes_are_released_again() {
    let servers = [server(), server(), server()];
    for server in &servers {
        let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-client|kill"];
        server.command(rules).expect("ACL SETUSER");
    }
    let cluster = Cluster::of(servers, "redis://app:pw@").await;
    cluster.through_the_cut().await;
    cluster.restore_without_the_old_connections().await;
    eventually("the node is in use again", async || cluster.redlock.acquire("again").await.is_ok()).await;
    sleep(Duration::from_millis(1_500)).await;
    cluster.proxies.iter().for_each(Proxy::deliver);
    let landed = async || cluster.keys() > 0;
    eventually("late writes land, or this test shows nothing", landed).await;
    eventually("they are released", async || cluster.keys() == 0).await;
}
