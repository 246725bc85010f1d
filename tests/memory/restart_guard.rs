//! Nodes that restart and forget, and clients that start after it.

use std::time::Duration;

use redlock_core::{
    AcquireError, Backend, BackendError, Capabilities, Command, ExtendError, Inbox, LossReason, NodeName,
    Notifications, Parameter, Redlock, Reply, RestartGuard, TokioClock, Withheld, WithheldReason,
    async_trait,
};
use redlock_core::{AdminReply, Answer, LockGuard, NoQuorum, NodeSetPolicy};
use redlock_memory::MemoryNode;
use redlock_testkit::{FaultyLink, Plan};
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, Link, Recorder, TTL, ms};

/// Of clients whose longest lease is [`TTL`]: three times the skew of clocks, since that is longer than the lease with its drift
/// and one skew, and the grain of an uptime.
const HOLD_OFF: Duration = Duration::from_secs(3 + 2);

/// A process of its own, with that guard and connections of its own.
fn client(cluster: &Cluster, guard: RestartGuard) -> Redlock {
    builder(cluster, "another", guard).build().unwrap()
}

fn builder(cluster: &Cluster, name: &str, guard: RestartGuard) -> redlock_core::RedlockBuilder {
    cluster.other_links().builder(name).max_ttl(TTL).restart_guard(guard)
}

/// One that has been in use for longer than the hold-off.
async fn long_in_use() -> Cluster {
    let cluster = Cluster::of(3);
    sleep(HOLD_OFF).await;
    assert!(client(&cluster, RestartGuard::Member).verify_nodes().await.is_sound());
    cluster
}

/// Holds `x` on the first two of three nodes.
async fn held_by_two(cluster: &Cluster, guard: RestartGuard) -> LockGuard {
    let others = cluster.other_links();
    let holder = others.builder("a").max_ttl(TTL).restart_guard(guard).build().unwrap();
    assert!(holder.acquire("warm").await.unwrap().release().await.is_released());
    others.links[2].refuse();
    let held = holder.acquire("x").await.unwrap();
    assert_eq!(cluster.holders("x"), ["a", "a", ""]);
    held
}

fn no_quorum(result: Result<LockGuard, AcquireError>) -> NoQuorum {
    match result {
        Err(AcquireError::NoQuorum(error)) => *error,
        other => panic!("{other:?}"),
    }
}

fn names(withheld: &[Withheld]) -> Vec<&str> {
    let mut names: Vec<_> = withheld.iter().map(|one| one.node.as_str()).collect();
    names.sort_unstable();
    names
}

/// A process that starts after the restart has seen none: it finds a majority free.
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn a_process_that_starts_after_a_restart_does_not_count_who_forgot() {
    for guard in [RestartGuard::Member, RestartGuard::Strict, RestartGuard::Off] {
        let cluster = long_in_use().await;
        let held = held_by_two(&cluster, guard).await;
        cluster.links[0].inner().restart();
        let second = client(&cluster, guard).try_acquire("x").await;
        assert!(held.is_valid());
        if guard == RestartGuard::Off {
            assert!(second.is_ok(), "two holders: what the guard is for");
            continue;
        }
        let error = no_quorum(second);
        assert_eq!((names(&error.withheld), error.refused, error.agreed), (vec!["memory-1"], 1, 1));
        assert_eq!(error.withheld[0].remaining, Some(HOLD_OFF));
        let text = error.to_string();
        assert!(
            text.contains("memory-1: withheld: started 0ns ago") && text.contains("counts in 5s"),
            "{text}"
        );
        let error = AcquireError::NoQuorum(Box::new(error));
        assert_eq!((error.is_retryable(), error.retry_after()), (true, Some(HOLD_OFF)));
        assert!(cluster.quiet_holders("x").await[2].is_empty(), "rolled back");
    }
}

/// After the hold-off nothing that the node forgot is still held.
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn a_node_that_forgot_counts_after_the_hold_off() {
    let (cluster, events) = (long_in_use().await, Recorder::default());
    let client = builder(&cluster, "b", RestartGuard::Member).observer(events.clone()).build().unwrap();
    cluster.links[0].inner().restart();
    cluster.links[1].inner().fail();
    for _ in 0..3 {
        assert_eq!(names(&no_quorum(client.try_acquire("x").await).withheld), ["memory-1"]);
    }
    assert_eq!(events.events().iter().filter(|event| event.starts_with("withheld")).count(), 1, "told once");
    sleep(HOLD_OFF - ms(1)).await;
    no_quorum(client.try_acquire("x").await);
    sleep(ms(1)).await;
    assert!(client.try_acquire("x").await.is_ok());
    assert_eq!(events.count("counts memory-1"), 1);
}

/// Nobody waits for a node that was never in use.
#[tokio::test(start_paused = true)]
async fn a_new_deployment_grants_at_once_and_then_costs_nothing_more() {
    let (cluster, start) = (Cluster::of(3), Instant::now());
    let client = cluster.client("a");
    client.acquire("x").await.unwrap().release().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    cluster.quiet().await;
    let before = cluster.sent();
    for _ in 0..5 {
        client.acquire("x").await.unwrap().release().await;
    }
    cluster.quiet().await;
    assert_eq!(cluster.sent() - before, 5 * 3 * 2, "an acquire and a release for each node");
}

/// Two processes that find the deployment new at the same time.
#[tokio::test(start_paused = true)]
async fn two_processes_may_find_a_deployment_new_at_once() {
    let cluster = Cluster::of(3);
    cluster.always(&Plan::new().delay(ms(2)).reply_delay(ms(3)));
    let (one, two) = (cluster.client("a"), client(&cluster, RestartGuard::Member));
    let (first, second) = tokio::join!(one.acquire("x"), two.acquire("y"));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
}

/// One that is missing may be in use, together with any of those that look new.
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn a_first_boot_with_a_node_missing_says_what_it_waits_for() {
    for hung in [false, true] {
        let (cluster, events) = (Cluster::of(3), Recorder::default());
        let client = cluster.builder("a").max_ttl(TTL).observer(events.clone()).build().unwrap();
        if hung {
            cluster.links[1].black_hole();
        } else {
            cluster.links[1].refuse();
        }
        let error = no_quorum(client.try_acquire("x").await);
        assert_eq!(names(&error.withheld), ["memory-1", "memory-3"]);
        assert!(error.withheld.iter().all(|one| one.waits_for == [NodeName::new("memory-2")]), "{error}");
        assert!(error.to_string().contains("if this is a new deployment, it waits for memory-2"), "{error}");
        assert!(events.events().iter().any(|event| event.starts_with("withheld memory-1")));
        cluster.links[1].restore();
        assert!(client.acquire("x").await.is_ok(), "all three are new");
    }
}

/// hazard: 13
#[tokio::test(start_paused = true)]
async fn a_first_boot_without_a_node_grants_after_the_hold_off() {
    let cluster = Cluster::of(3);
    cluster.links[1].refuse();
    let client = cluster.builder("a").max_ttl(TTL).build().unwrap();
    let start = Instant::now();
    assert!(client.acquire("x").retry_forever().await.is_ok());
    assert!((HOLD_OFF..HOLD_OFF + ms(50)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_extension_does_not_count_a_node_whose_grants_are_withheld() {
    let cluster = long_in_use().await;
    let holder = client(&cluster, RestartGuard::Member);
    let held = holder.acquire("x").await.unwrap();
    cluster.links[0].inner().restart();
    assert_eq!(held.extend().await.unwrap().confirmed, 2);
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["another", "another", "another"], "the key was given back");
    cluster.links[1].inner().fail();
    match held.extend().await {
        Err(ExtendError::NotConfirmed(error)) => assert_eq!(names(&error.withheld), ["memory-1"]),
        other => panic!("{other:?}"),
    }
    assert!(held.is_valid() && held.release().await.is_released(), "releases are served at once");
}

/// B counts the grant of a node that then forgets it. A is given that node by re-planting; were it to count there, it could do
/// without the node that keeps B from a quorum. Found by the exhaustive model.
///
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn a_holder_does_not_move_to_a_node_that_forgot_anothers_grant() {
    let cluster = long_in_use().await;
    let (a_links, b_links) = (cluster.other_links(), cluster.other_links());
    let build = |links: &Cluster, name| links.builder(name).max_ttl(TTL).node_timeout(ms(150));
    let a = build(&a_links, "a").node_timeout(ms(50)).build().unwrap();
    let b = build(&b_links, "b").build().unwrap();
    for client in [&a, &b] {
        assert!(client.acquire("warm").await.unwrap().release().await.is_released());
    }
    a_links.links[2].refuse();
    let held = a.acquire("x").await.unwrap();
    a_links.links[2].restore();
    assert_eq!(cluster.holders("x"), ["a", "a", ""]);

    sleep(ms(880)).await;
    b_links.links[1].once("acquire", Plan::new().delay(ms(125)));
    let b = tokio::spawn(b.try_acquire("x").into_future());
    sleep(ms(5)).await;
    assert_eq!(cluster.holders("x"), ["a", "a", "b"]);
    cluster.links[2].inner().restart();
    held.extend_to(ms(110)).await.unwrap();
    sleep(ms(2)).await;
    assert_eq!(cluster.holders("x"), ["a", "a", "a"], "nothing was there");
    a_links.links[1].once("extend", Plan::new().lose_command());
    held.extend().await.expect_err("of the two that answer, one has forgotten");

    let b = b.await.unwrap().expect("the node that A did not reach has let it go");
    assert_eq!(cluster.holders("x"), ["a", "b", "a"]);
    assert!(b.is_valid() && !held.is_valid(), "two holders");
}

/// hazard: 15
#[tokio::test(start_paused = true)]
async fn a_promoted_replica_is_withheld_however_old_and_durable() {
    let cluster = long_in_use().await;
    let held = held_by_two(&cluster, RestartGuard::Member).await;
    sleep(ms(1)).await;
    cluster.links[0].inner().fail_over();
    let error = no_quorum(client(&cluster, RestartGuard::Member).try_acquire("x").await);
    assert_eq!(
        (names(&error.withheld), error.withheld[0].reason),
        (vec!["memory-1"], WithheldReason::Promoted)
    );
    assert!(held.is_valid());
}

/// Its master's marker came over with the data, and the last lock did not. Without a replica, the same restart is of the node that
/// has written everything to its disk.
/// hazard: 15, 16
#[tokio::test(start_paused = true)]
async fn a_durable_replica_that_was_promoted_and_restarted_is_withheld() {
    for (replicas, expected) in [(1, "memory-1"), (0, "")] {
        let clock: std::sync::Arc<TokioClock> = std::sync::Arc::new(TokioClock::new());
        let node = |number| {
            let node = MemoryNode::builder(format!("memory-{number}")).clock(clock.clone());
            node.durable(true).replicas(replicas).build()
        };
        let cluster = Cluster { links: (1..=3).map(node).map(FaultyLink::new).collect() };
        assert!(client(&cluster, RestartGuard::Member).verify_nodes().await.is_sound());
        let held = held_by_two(&cluster, RestartGuard::Member).await;
        if replicas > 0 {
            cluster.links[0].inner().fail_over();
        }
        cluster.links[0].inner().restart();
        let late = client(&cluster, RestartGuard::Member).try_acquire("x").await;
        assert!(late.is_err() && held.is_valid());
        let withheld = match late {
            Err(AcquireError::NoQuorum(error)) => names(&error.withheld).join(" "),
            _ => String::new(),
        };
        assert_eq!(withheld, expected);
    }
}

/// hazard: 17
#[tokio::test(start_paused = true)]
async fn a_node_that_was_emptied_while_it_ran_is_found_at_the_next_look_and_withheld() {
    let (cluster, events) = (long_in_use().await, Recorder::default());
    let client = builder(&cluster, "b", RestartGuard::Member).observer(events.clone()).build().unwrap();
    client.acquire("x").await.unwrap().release().await;
    cluster.links[0].inner().flush();
    sleep(HOLD_OFF / 4 + ms(1)).await;
    assert_eq!(events.count("withheld memory-1 Emptied"), 1);
    cluster.links[1].inner().fail();
    let error = no_quorum(client.try_acquire("x").await);
    assert_eq!(error.withheld[0].reason, WithheldReason::Emptied);
    sleep(HOLD_OFF).await;
    assert!(client.try_acquire("x").await.is_ok());
    assert_eq!(events.count("counts memory-1"), 1);
}

/// All of them at once, by a script of the administrator's: they are not new.
/// hazard: 17
#[tokio::test(start_paused = true)]
async fn nodes_that_were_all_emptied_are_no_new_deployment_to_who_knew_them() {
    let cluster = long_in_use().await;
    let client = client(&cluster, RestartGuard::Member);
    client.acquire("x").await.unwrap().release().await;
    cluster.links.iter().for_each(|link| link.inner().flush());
    sleep(HOLD_OFF / 4 + ms(1)).await;
    assert_eq!(no_quorum(client.try_acquire("x").await).withheld.len(), 3);
}

/// Its data has survived, and the marker with it.
#[tokio::test(start_paused = true)]
async fn a_durable_node_counts_at_once_after_its_restart() {
    let clock: std::sync::Arc<TokioClock> = std::sync::Arc::new(TokioClock::new());
    let node =
        |number| MemoryNode::builder(format!("memory-{number}")).clock(clock.clone()).durable(true).build();
    let cluster = Cluster { links: (1..=3).map(node).map(FaultyLink::new).collect() };
    assert!(client(&cluster, RestartGuard::Member).verify_nodes().await.is_sound());
    let held = held_by_two(&cluster, RestartGuard::Member).await;
    cluster.links[0].inner().restart();
    let late = client(&cluster, RestartGuard::Member);
    assert!(matches!(late.try_acquire("x").await, Err(AcquireError::Held(_))), "it knows the lock");
    cluster.links[1].inner().fail();
    assert!(late.try_acquire("y").await.is_ok(), "the first and the third");
    assert!(held.is_valid());
}

/// A connection that is lost proves no restart.
#[tokio::test(start_paused = true)]
async fn a_new_connection_to_the_same_run_costs_a_round_trip_and_nothing_else() {
    let cluster = long_in_use().await;
    let client = client(&cluster, RestartGuard::Member);
    client.acquire("x").await.unwrap().release().await;
    for link in &cluster.links {
        link.inner().fail();
        link.inner().recover();
    }
    assert!(client.try_acquire("x").await.is_ok());
}

/// hazard: 13, 66
#[tokio::test(start_paused = true)]
async fn a_holder_that_sees_too_many_of_its_nodes_restart_has_lost() {
    let cluster = long_in_use().await;
    let holder = client(&cluster, RestartGuard::Member);
    let held = holder.acquire("x").await.unwrap();
    cluster.links[0].inner().restart();
    no_matter(holder.try_acquire("y").await);
    assert!(held.is_valid(), "two of three keep it");
    cluster.links[1].inner().restart();
    no_matter(holder.try_acquire("y").await);
    cluster.quiet().await;
    assert_eq!(held.check().expect_err("lost").reason, LossReason::Forgotten);
}

/// The first node has granted and forgotten before the second one grants, and so before there is a lease.
/// hazard: 13, 66
#[tokio::test(start_paused = true)]
async fn a_node_that_forgets_while_the_others_are_still_asked_has_forgotten_the_lease() {
    let cluster = long_in_use().await;
    let others = cluster.other_links();
    let holder = others.builder("a").max_ttl(TTL).build().unwrap();
    assert!(holder.acquire("warm").await.unwrap().release().await.is_released());
    others.links[2].refuse();
    others.links[1].once("acquire", Plan::new().reply_delay(ms(20)));
    let acquiring = tokio::spawn({
        let holder = holder.clone();
        async move { holder.acquire("x").await.unwrap() }
    });
    sleep(ms(10)).await;
    cluster.links[0].inner().restart();
    no_matter(holder.try_acquire("y").await);
    assert!(!acquiring.is_finished());
    let held = acquiring.await.unwrap();
    assert!(held.is_valid(), "it cannot be known yet that no quorum keeps it");
    cluster.links[1].inner().restart();
    no_matter(holder.try_acquire("y").await);
    cluster.quiet().await;
    assert_eq!(held.check().expect_err("lost").reason, LossReason::Forgotten);
}

fn no_matter(result: Result<LockGuard, AcquireError>) {
    drop(result);
}

/// Nodes that restarted and were given the lease back do not count against it, and when the hold-off is over they count for it.
#[tokio::test(start_paused = true)]
async fn a_holder_whose_nodes_restart_one_after_the_other_keeps_the_lock() {
    let cluster = long_in_use().await;
    let holder = client(&cluster, RestartGuard::Member);
    let held = holder.acquire("x").auto_extend().await.unwrap();
    for link in &cluster.links {
        link.inner().restart();
        sleep(HOLD_OFF + TTL).await;
    }
    assert!(held.is_valid());
}

/// What one client may hold, all must reckon with.
#[tokio::test(start_paused = true)]
async fn the_longest_lease_of_any_client_decides_how_long_a_node_is_withheld() {
    let cluster = long_in_use().await;
    let long = cluster.other_links().builder("long").max_ttl(60 * TTL).build().unwrap();
    long.acquire("x").await.unwrap().release().await;
    cluster.links[0].inner().restart();
    cluster.links[1].inner().fail();
    let error = no_quorum(client(&cluster, RestartGuard::Member).try_acquire("y").await);
    // The third node's marker tells it: the lease, its drift, the skew of clocks, and the grain.
    assert_eq!(error.withheld[0].remaining, Some(60 * TTL + ms(600 + 2) + ms(1_000 + 2_000)));
}

/// A node that is marked anew has another identity, so that the sets of nodes would be in conflict: that is not to be what keeps
/// these apart.
fn tolerant(cluster: &Cluster, name: &str) -> Redlock {
    cluster.builder(name).node_set_policy(NodeSetPolicy::Warn).build().unwrap()
}

/// A node that forgot has no identity any more; when it is counted again, nobody must take it for one that was replaced.
#[tokio::test(start_paused = true)]
async fn a_node_that_forgot_comes_back_without_a_conflict() {
    let cluster = long_in_use().await;
    let running = client(&cluster, RestartGuard::Member);
    running.acquire("x").await.unwrap().release().await;
    cluster.links[0].inner().restart();
    let restarted = Instant::now();
    while restarted.elapsed() < 4 * HOLD_OFF {
        let late = client(&cluster, RestartGuard::Member);
        for client in [&running, &late] {
            let guard = client.acquire("x").await.expect("two of three");
            assert!(guard.release().await.is_released());
        }
        sleep(HOLD_OFF / 8).await;
    }
    cluster.links[1].inner().fail();
    assert!(running.acquire("x").await.is_ok(), "it counts again");
}

/// B finds two nodes blank; the deployment comes into use; and the third restarts under A's lease before B meets it. All that B
/// has read was blank when it was read.
///
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn what_was_read_before_the_last_node_was_met_declares_no_deployment_new() {
    let cluster = Cluster::of(3);
    let (a_links, b_links) = (cluster.other_links(), cluster.other_links());
    let b = tolerant(&b_links, "b");
    b_links.links[2].once("describe", Plan::new().delay(ms(40)));
    let looking = b.clone();
    let looking = tokio::spawn(async move { looking.verify_nodes().await });
    sleep(ms(5)).await;
    let a = a_links.client("a");
    a.acquire("warm").await.unwrap().release().await;
    a_links.links[0].refuse();
    let held = a.acquire("x").await.unwrap();
    assert_eq!(cluster.holders("x")[1..], ["a", "a"]);
    cluster.links[2].inner().restart();
    drop(looking.await);
    for client in [b, tolerant(&cluster, "c")] {
        assert!(client.try_acquire("x").await.is_err() && held.is_valid(), "two holders");
    }
}

/// A's declaration has marked one node, and is late on the others. C counts the one, which then restarts, and is blank again
/// together with those that the marks have not reached.
///
/// hazard: 13
#[tokio::test(start_paused = true)]
async fn nodes_that_are_about_to_be_marked_are_declared_new_by_nobody_else() {
    let cluster = Cluster::of(3);
    let (a_links, c_links) = (cluster.other_links(), cluster.other_links());
    for link in &a_links.links[1..] {
        link.once("mark", Plan::new().delay(ms(45)));
    }
    let a = a_links.client("a");
    let a = tokio::spawn(async move { a.verify_nodes().await });
    sleep(ms(1)).await;
    c_links.links[2].refuse();
    c_links.links[1].once("acquire", Plan::new().delay(ms(60)));
    let c = c_links.builder("c").node_timeout(ms(100)).build().unwrap();
    let c = tokio::spawn(c.try_acquire("x").into_future());
    sleep(ms(1)).await;
    assert_eq!(cluster.holders("x"), ["c", "", ""]);
    cluster.links[0].inner().restart();
    let b = cluster.client("b").try_acquire("x").await;
    drop(a.await);
    let c = c.await.unwrap();
    assert!(c.is_ok(), "counted by two, before the restart of one and after the mark of the other");
    assert!(b.is_err(), "two holders");
}

/// A marker is written over the connection that was described, or the deployment is looked at again.
#[tokio::test(start_paused = true)]
async fn a_node_that_restarts_while_a_deployment_is_declared_new_makes_it_void() {
    let cluster = Cluster::of(3);
    cluster.links[2].once("mark", Plan::new().delay(ms(10)));
    let client = cluster.client("a");
    let (result, ()) = tokio::join!(client.try_acquire("x").into_future(), async {
        sleep(ms(5)).await;
        cluster.links[2].inner().restart();
    });
    assert_eq!(no_quorum(result).agreed, 0, "none was counted");
}

/// Answers like a node whose user may not read `INFO`.
struct Secretive(Link);

#[async_trait]
impl Backend for Secretive {
    fn node(&self) -> &NodeName {
        self.0.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let mut reply = self.0.execute(command, deadline).await?;
        if let Answer::Admin(AdminReply::Described(description)) = &mut reply.answer {
            **description = redlock_core::Description::default();
        }
        Ok(reply)
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.0.notifications(inbox)
    }
}

/// Else the guard would quietly be off.
#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_tell_their_run_are_never_a_new_deployment_and_wait_at_each_connection() {
    let cluster = Cluster::of(3);
    let client = Redlock::builder()
        .nodes(cluster.links.iter().cloned().map(Secretive))
        .clock(TokioClock::new())
        .ttl(TTL)
        .max_ttl(TTL)
        .build()
        .unwrap();
    let error = no_quorum(client.try_acquire("x").await);
    assert!(error.withheld.iter().all(|one| one.reason == WithheldReason::Unidentified));
    assert!(error.to_string().contains("grant INFO, or choose RestartGuard::Off"), "{error}");
    sleep(HOLD_OFF).await;
    assert!(client.try_acquire("x").await.is_ok());
    cluster.links[..2].iter().for_each(|link| {
        link.inner().fail();
        link.inner().recover();
    });
    assert_eq!(no_quorum(client.try_acquire("y").await).withheld.len(), 2);
}

/// Addresses cannot tell; the nodes do, before their votes count.
/// hazard: 20
#[tokio::test(start_paused = true)]
async fn one_server_under_two_names_is_found_before_its_first_vote_counts() {
    let cluster = Cluster::of(2);
    let twin = Claiming {
        name: NodeName::new("twin"),
        can: cluster.links[0].capabilities(),
        link: cluster.links[0].clone(),
    };
    let client =
        Redlock::builder().nodes(cluster.links.clone()).node(twin).clock(TokioClock::new()).build().unwrap();
    match client.acquire("x").await {
        Err(AcquireError::Config(error)) => assert_eq!(error.parameter(), Parameter::Nodes),
        other => panic!("{other:?}"),
    }
    cluster.quiet().await;
    assert!(cluster.is_free());
}

/// Nor is a lock kept that came about while it was still unknown: what is found between the two rounds of a token counts.
/// hazard: 20
#[tokio::test(start_paused = true)]
async fn one_server_under_two_names_that_is_found_in_the_second_round_ends_it() {
    let cluster = Cluster::of(2);
    assert!(client(&cluster, RestartGuard::Member).verify_nodes().await.is_sound());
    cluster.set_counters("x", &[4_500_000_000_000_010, 4_500_000_000_000_030]);
    let link = Link::new(cluster.links[0].inner().clone());
    link.once("describe", Plan::new().reply_delay(ms(20)));
    let twin = Claiming { name: NodeName::new("twin"), can: link.capabilities(), link };
    cluster.links[0].once("lift", Plan::new().reply_delay(ms(30)));
    let nodes = Redlock::builder().nodes(cluster.links.clone()).node(twin);
    let client = nodes.clock(TokioClock::new()).max_ttl(TTL).ttl(TTL).build().unwrap();
    match client.acquire("x").fenced().await {
        Err(AcquireError::Config(error)) => assert_eq!(error.parameter(), Parameter::Nodes),
        other => panic!("{other:?}"),
    }
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["", ""]);
    assert_eq!(cluster.count("lift"), 1);
}

/// A node under another name, with other abilities.
struct Claiming {
    name: NodeName,
    can: Capabilities,
    link: Link,
}

#[async_trait]
impl Backend for Claiming {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        self.can
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.link.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.link.notifications(inbox)
    }
}

/// An option is never ignored.
#[tokio::test(start_paused = true)]
async fn a_backend_that_can_neither_tell_nor_keep_is_refused_unless_the_guard_is_off() {
    let build = |can, guard| {
        let name = |number: usize| NodeName::new(format!("n{number}"));
        let cluster = Cluster::of(3);
        let nodes = cluster.links.into_iter().enumerate();
        let nodes = nodes.map(move |(number, link)| Claiming { name: name(number), can, link });
        Redlock::builder().nodes(nodes).clock(TokioClock::new()).restart_guard(guard).build()
    };
    for guard in [RestartGuard::Member, RestartGuard::Strict] {
        for can in [Capabilities::LOCK, Capabilities::LOCK | Capabilities::DESCRIBE] {
            let error = build(can, guard).expect_err("nobody could know");
            assert!(
                error.to_string().contains("n0") && error.to_string().contains("RestartGuard::Off"),
                "{error}"
            );
        }
        let durable = build(Capabilities::LOCK | Capabilities::DURABLE, guard).unwrap();
        assert!(durable.acquire("x").await.is_ok(), "always counted");
    }
    assert!(build(Capabilities::LOCK, RestartGuard::Off).unwrap().acquire("x").await.is_ok());
}
