//! Servers that restart and forget, and processes that start after it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{
    AcquireError, Event, LockGuard, NoQuorum, NodeProblem, Observer, Redlock, RedlockBuilder, RestartGuard,
    WithheldReason,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;

use super::clock_steps::Shifted;
use super::support::*;

const TTL: Duration = Duration::from_secs(30);

/// A process of its own.
fn process(servers: &[RedisServer]) -> RedlockBuilder {
    over(servers.iter().map(RedisServer::url))
}

fn over(urls: impl IntoIterator<Item = String>) -> RedlockBuilder {
    let nodes = urls.into_iter().map(|url| RedisNode::from_url(url).expect("a node"));
    Redlock::builder().nodes(nodes).max_ttl(TTL).ttl(TTL).node_timeout(AMPLE)
}

fn build(builder: RedlockBuilder) -> Redlock {
    builder.build().expect("a redlock")
}

fn servers() -> [RedisServer; 3] {
    [server(), server(), server()]
}

/// Holds `x` on the first two of three servers.
async fn held_by_two(servers: &[RedisServer]) -> LockGuard {
    let holder = build(process(servers));
    assert!(holder.acquire("warm").await.expect("free").release().await.is_released());
    servers[2].command(["SET", "redlock:x", "another's"]).expect("planted");
    let held = holder.acquire("x").await.expect("two of three");
    servers[2].command(["DEL", "redlock:x"]).expect("gone");
    held
}

fn no_quorum(result: Result<LockGuard, AcquireError>) -> NoQuorum {
    match result {
        Err(AcquireError::NoQuorum(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn only_withheld(error: &NoQuorum, server: &RedisServer, reason: fn(WithheldReason) -> bool) {
    let port = server.port().expect("a port").to_string();
    let [one] = error.withheld.as_slice() else { panic!("{error}") };
    assert!(one.node.as_str().ends_with(&port) && reason(one.reason), "{error}");
}

fn restarted(reason: WithheldReason) -> bool {
    matches!(reason, WithheldReason::Restarted { .. })
}

/// The second is a process that starts after the restart, which nobody could have told it of.
/// hazard: 13
#[tokio::test]
async fn a_process_that_starts_after_a_restart_does_not_count_who_forgot() {
    for guard in [RestartGuard::Member, RestartGuard::Off] {
        let mut servers = servers();
        let held = held_by_two(&servers).await;
        servers[0].restart().expect("restarted, and empty");
        let second = build(process(&servers).restart_guard(guard)).try_acquire("x").await;
        assert!(held.is_valid());
        if guard == RestartGuard::Off {
            assert!(second.is_ok(), "two holders: what the guard is for");
        } else {
            only_withheld(&no_quorum(second), &servers[0], restarted);
        }
    }
}

/// hazard: 13
#[tokio::test]
async fn strict_counts_only_who_has_been_up_for_the_hold_off() {
    let names = ["strict-1", "strict-2", "strict-3"];
    let mut shifted = names.map(Shifted::start);
    // The servers believe that they have been up for an hour.
    for one in &shifted {
        one.set_clock(3_600);
    }
    let urls = || shifted.iter().map(|one| one.server.url()).collect::<Vec<_>>();
    let holder = build(over(urls()).restart_guard(RestartGuard::Strict));
    shifted[2].server.command(["SET", "redlock:x", "another's"]).expect("planted");
    let held = holder.acquire("x").await.expect("old enough");
    shifted[2].server.command(["DEL", "redlock:x"]).expect("gone");
    let urls = urls();
    shifted[0].server.restart().expect("restarted, and empty");
    let second = build(over(urls).restart_guard(RestartGuard::Strict)).try_acquire("x").await;
    only_withheld(&no_quorum(second), &shifted[0].server, restarted);
    assert!(held.is_valid());
}

#[tokio::test]
async fn a_new_deployment_grants_at_once() {
    let servers = servers();
    let client = build(process(&servers));
    assert!(client.try_acquire("x").await.is_ok());
    assert!(client.verify_nodes().await.is_sound());
}

/// hazard: 13
#[tokio::test]
async fn a_first_boot_with_a_server_missing_says_what_it_waits_for() {
    let mut servers = servers();
    servers[1].kill().expect("killed");
    let client = build(process(&servers));
    let error = no_quorum(client.try_acquire("x").await);
    let missing = format!("127.0.0.1:{}", servers[1].port().expect("a port"));
    assert_eq!(error.withheld.len(), 2, "{error}");
    assert!(error.withheld.iter().all(|one| one.waits_for.iter().any(|name| name.as_str() == missing)));
    assert!(error.to_string().contains(&format!("it waits for {missing}")), "{error}");
    assert!(error.withheld.iter().all(|one| one.remaining.is_some_and(|rest| rest <= TTL + TTL / 2)));
    servers[1].restart().expect("started");
    eventually("all are new", async || client.try_acquire("x").await.is_ok()).await;
}

/// hazard: 15
#[tokio::test]
async fn a_promoted_replica_is_withheld() {
    let (servers, master) = (servers(), server());
    let held = held_by_two(&servers).await;
    copy(&master, &servers[0]).await;
    servers[0].command(["REPLICAOF", "NO", "ONE"]).expect("promoted");
    let error = no_quorum(build(process(&servers)).try_acquire("x").await);
    only_withheld(&error, &servers[0], |reason| reason == WithheldReason::Promoted);
    assert!(held.is_valid());
}

/// Makes the second a replica of the first, which has all of its data then.
async fn copy(master: &RedisServer, replica: &RedisServer) {
    let port = master.port().expect("a port").to_string();
    replica.command(["REPLICAOF", "127.0.0.1", &port]).expect("a replica");
    eventually("copied", async || {
        let info = replica.command(["INFO", "replication"]).expect("INFO");
        info.as_text().is_some_and(|text| text.contains("master_link_status:up"))
    })
    .await;
}

/// Its process is the one that the marker names; but it was a replica in between, of one that did not have the lock yet.
/// hazard: 15
#[tokio::test]
async fn a_master_that_was_a_replica_in_between_is_withheld() {
    let (servers, other) = (servers(), server());
    assert!(build(process(&servers)).verify_nodes().await.is_sound());
    copy(&servers[0], &other).await;
    other.command(["REPLICAOF", "NO", "ONE"]).expect("promoted");
    let held = held_by_two(&servers).await;
    copy(&other, &servers[0]).await;
    servers[0].command(["REPLICAOF", "NO", "ONE"]).expect("promoted again");
    let error = no_quorum(build(process(&servers)).try_acquire("x").await);
    only_withheld(&error, &servers[0], |reason| reason == WithheldReason::Promoted);
    assert!(held.is_valid());
}

/// The snapshot brings the marker back, and not the lock.
/// hazard: 16
#[tokio::test]
async fn a_server_that_went_back_to_its_snapshot_is_withheld() {
    let mut servers = servers();
    assert!(build(process(&servers)).verify_nodes().await.is_sound());
    servers[0].command(["SAVE"]).expect("a snapshot");
    let held = held_by_two(&servers).await;
    servers[0].restart().expect("restarted from its snapshot");
    let marker = servers[0].command(["EXISTS", "{redlock}:member", "redlock:x"]).expect("EXISTS");
    assert_eq!(marker.as_u64(), Some(1), "the marker, and not the lock");
    let error = no_quorum(build(process(&servers)).try_acquire("x").await);
    only_withheld(&error, &servers[0], restarted);
    assert!(held.is_valid());
}

/// What was written to the disk before it was acknowledged has survived.
#[tokio::test]
async fn a_server_that_writes_all_to_its_disk_counts_at_once_after_a_restart() {
    let durable = || RedisServer::builder().durable().start().expect("a server");
    let mut servers = [durable(), durable(), durable()];
    let held = held_by_two(&servers).await;
    servers[0].restart().expect("restarted with its data");
    let late = build(process(&servers));
    assert!(matches!(late.try_acquire("x").await, Err(AcquireError::Held(_))), "it knows the lock");
    servers[1].kill().expect("killed");
    assert!(late.acquire("y").await.is_ok(), "the first and the third");
    assert!(held.is_valid());
}

/// It may be the replica that was promoted meanwhile: nothing on it would tell.
/// hazard: 15, 16
#[tokio::test]
async fn a_durable_server_that_has_a_replica_is_withheld_after_a_restart() {
    let durable = || RedisServer::builder().durable().start().expect("a server");
    let mut servers = [durable(), durable(), durable()];
    let replica = server();
    copy(&servers[0], &replica).await;
    let held = held_by_two(&servers).await;
    servers[0].restart().expect("restarted with its data");
    let late = build(process(&servers));
    servers[1].kill().expect("killed");
    let error = no_quorum(late.try_acquire("y").await);
    only_withheld(&error, &servers[0], |reason| matches!(reason, WithheldReason::Restarted { .. }));
    assert!(held.is_valid());
}

/// Everything is deleted, and neither the process nor the connection changes: found at the next look, a quarter of the
/// hold-off later at most.
/// hazard: 17
#[tokio::test]
async fn a_server_that_was_emptied_while_it_ran_is_found_and_withheld() {
    let (mut servers, told) = (servers(), Told::default());
    let second = Duration::from_secs(1);
    let limit = Duration::from_millis(900);
    let short = process(&servers).max_ttl(second).ttl(second).node_timeout(limit).observer(told.clone());
    let client = build(short);
    eventually("a lock", async || client.acquire("x").await.is_ok()).await;
    servers[0].command(["FLUSHALL"]).expect("FLUSHALL");
    eventually("found", async || told.has("Emptied")).await;
    servers[1].kill().expect("killed");
    let emptied = |error: &NoQuorum| error.withheld.iter().any(|one| one.reason == WithheldReason::Emptied);
    match client.try_acquire("x").await {
        Err(AcquireError::NoQuorum(error)) if emptied(&error) => {}
        other => panic!("{other:?}"),
    }
    eventually("the hold-off is over", async || client.try_acquire("x").await.is_ok()).await;
}

/// Else the guard would quietly be off.
#[tokio::test]
async fn servers_that_refuse_info_are_withheld_and_the_error_says_what_to_grant() {
    let servers = servers();
    for server in &servers {
        let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info"];
        server.command(rules).expect("ACL SETUSER");
    }
    let urls = || servers.iter().map(|server| server.url().replace("redis://", "redis://app:pw@"));
    let error = no_quorum(build(over(urls())).try_acquire("x").await);
    // Two are enough to know that the third decides nothing.
    assert!(error.withheld.len() >= 2);
    assert!(error.withheld.iter().all(|one| one.reason == WithheldReason::Unidentified), "{error}");
    assert!(error.to_string().contains("grant INFO, or choose RestartGuard::Off"), "{error}");
    assert!(build(over(urls()).restart_guard(RestartGuard::Off)).try_acquire("x").await.is_ok());
}

/// A user whose keys are only those of the locks.
#[tokio::test]
async fn servers_that_refuse_the_marker_are_named_with_what_to_grant() {
    let servers = servers();
    for server in &servers {
        let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~redlock:*", "+@all"];
        server.command(rules).expect("ACL SETUSER");
    }
    let urls = servers.iter().map(|server| server.url().replace("redis://", "redis://app:pw@"));
    let error = build(over(urls)).acquire("x").await.expect_err("no permission");
    assert!(!error.is_retryable(), "{error}");
    assert!(error.to_string().contains("{redlock}:member"), "{error}");
}

/// Not the first boot: the nodes are known, and one of them has another password by now.
/// hazard: 60
#[tokio::test]
async fn a_wrong_password_at_one_of_three_known_servers_is_no_loss() {
    let servers = servers();
    assert!(build(process(&servers)).verify_nodes().await.is_sound());
    servers[0].command(["CONFIG", "SET", "requirepass", "other"]).expect("CONFIG SET");
    assert!(build(process(&servers)).try_acquire("x").await.is_ok());
}

/// hazard: 22
#[tokio::test]
async fn a_server_whose_clock_is_set_back_stays_a_member() {
    let (shifted, others) = (Shifted::start("member-back"), [server(), server()]);
    let urls = || [shifted.server.url(), others[0].url(), others[1].url()];
    assert!(build(over(urls())).verify_nodes().await.is_sound());
    shifted.set_clock(-3_600);
    assert!(build(over(urls())).verify_nodes().await.is_sound());
}

/// The server believes that it has been up for longer than the hold-off; who has seen its predecessor knows better.
/// hazard: 13, 22
#[tokio::test]
async fn a_clock_that_is_set_forward_after_a_restart_makes_nobody_old_who_was_seen_to_restart() {
    let (mut shifted, mut others) = (Shifted::start("member-forward"), [server(), server()]);
    let client = build(over([shifted.server.url(), others[0].url(), others[1].url()]));
    client.acquire("x").await.expect("free").release().await;
    shifted.server.restart().expect("restarted, and empty");
    shifted.set_clock(40);
    others[0].kill().expect("killed");
    let mut last = String::new();
    eventually("asked over the new connection", async || {
        let error = no_quorum(client.try_acquire("y").await);
        last = error.to_string();
        error.withheld.iter().any(|one| restarted(one.reason))
    })
    .await;
    assert!(client.try_acquire("y").await.is_err(), "{last}");
}

/// A server that evicts keys evicts locks.
/// hazard: 18
#[tokio::test]
async fn a_server_that_evicts_keys_is_told() {
    let evicting =
        RedisServer::builder().args(["--maxmemory-policy", "allkeys-lru"]).start().expect("a server");
    let (others, told) = ([server(), server()], Told::default());
    let urls = [evicting.url(), others[0].url(), others[1].url()];
    let client = build(over(urls).observer(told.clone()));
    assert!(client.acquire("x").await.is_ok());
    eventually("told", async || told.has("allkeys-lru")).await;
    let problems = client.verify_nodes().await.problems;
    assert!(matches!(&problems[..], [NodeProblem::Evicts { .. }]), "{problems:?}");
}

/// Two of three, and three of five.
#[tokio::test]
async fn a_set_of_nodes_in_conflict_is_refused() {
    let five = [server(), server(), server(), server(), server()];
    let three = build(process(&five[..3]));
    assert!(build(process(&five[3..])).verify_nodes().await.withheld.is_empty());
    assert!(three.acquire("x").await.is_ok());
    let told = async || {
        let sets = five[0].command(["HLEN", "{redlock}:configs"]).expect("HLEN");
        sets.as_u64() == Some(1)
    };
    eventually("announced", told).await;
    let error = build(process(&five)).acquire("x").await.expect_err("two quorums without a common node");
    assert!(matches!(error, AcquireError::NodeSetConflict(_)), "{error}");
    assert!(three.acquire("x").await.is_ok());
}

/// What the observer was told, as text.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn has(&self, text: &str) -> bool {
        self.0.lock().expect("told").iter().any(|told| told.contains(text))
    }
}

impl Observer for Told {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().expect("told").push(format!("{event:?}"));
    }
}
