//! Mutual exclusion judged from outside: by a counter on a plain server, to which ours and theirs write.

use std::time::Duration;

use redlock_core::Redlock;
use redlock_testkit::server::RedisServer;
use redlock_tests::counter::{Counter, Fallible};
use rslock::LockManager;
use tokio::task::JoinSet;

use super::node_redlock;
use super::support::Nodes;

/// Of each maker.
const TASKS: u64 = 2;
const INCREMENTS: u64 = 250;
const ALL: u64 = 2 * TASKS * INCREMENTS;

struct Judge(RedisServer);

impl Judge {
    fn new() -> Self {
        Self(RedisServer::start().expect("a server"))
    }

    fn port(&self) -> u16 {
        self.0.port().expect("a port")
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    async fn counted(&self) -> u64 {
        Counter::connect(&self.address()).await.expect("connected").read().await.expect("a number")
    }
}

/// The control comes first: a witness that cannot see a lost increment proves nothing. hazard: 1, 2
#[tokio::test]
async fn no_increment_is_lost_between_node_redlock_and_ours_and_some_are_without_a_lock() {
    let without = beside_node_redlock(None).await;
    assert!(without < ALL, "the witness saw no lost increment without a lock: {without} of {ALL}");
    assert_eq!(beside_node_redlock(Some(&Nodes::of_default())).await, ALL, "increments were lost");
}

/// hazard: 1, 2
#[tokio::test]
async fn no_increment_is_lost_between_rslock_and_ours_and_some_are_without_a_lock() {
    let without = beside_rslock(None).await;
    assert!(without < ALL, "the witness saw no lost increment without a lock: {without} of {ALL}");
    assert_eq!(beside_rslock(Some(&Nodes::of_default())).await, ALL, "increments were lost");
}

async fn beside_node_redlock(nodes: Option<&Nodes>) -> u64 {
    let judge = Judge::new();
    let (mut theirs, _input) = node_redlock::witness(judge.port(), TASKS, INCREMENTS, nodes).await;
    let mut work = JoinSet::new();
    begin_ours(&mut work, &judge, nodes);
    finish(work).await;
    assert!(theirs.wait().await.expect("an end").success(), "node-redlock failed");
    judge.counted().await
}

async fn beside_rslock(nodes: Option<&Nodes>) -> u64 {
    let judge = Judge::new();
    let mut work = JoinSet::new();
    begin_ours(&mut work, &judge, nodes);
    let manager = nodes.map(|nodes| {
        let mut manager = LockManager::new(nodes.urls());
        manager.set_retry(u32::MAX, Duration::from_millis(4));
        manager
    });
    for _ in 0..TASKS {
        work.spawn(theirs(judge.address(), manager.clone()));
    }
    finish(work).await;
    judge.counted().await
}

fn begin_ours(work: &mut JoinSet<Fallible<()>>, judge: &Judge, nodes: Option<&Nodes>) {
    let redlock = nodes.map(Nodes::redlock);
    for _ in 0..TASKS {
        work.spawn(ours(judge.address(), redlock.clone()));
    }
}

async fn finish(work: JoinSet<Fallible<()>>) {
    for done in work.join_all().await {
        done.expect("incremented");
    }
}

async fn ours(address: String, redlock: Option<Redlock>) -> Fallible<()> {
    let mut counter = Counter::connect(&address).await?;
    for _ in 0..INCREMENTS {
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

async fn theirs(address: String, manager: Option<LockManager>) -> Fallible<()> {
    let mut counter = Counter::connect(&address).await?;
    for _ in 0..INCREMENTS {
        let lock = match &manager {
            Some(manager) => Some(manager.lock("counter", Duration::from_secs(20)).await?),
            None => None,
        };
        counter.increment().await?;
        if let Some(lock) = lock {
            lock.release().await;
        }
    }
    Ok(())
}
