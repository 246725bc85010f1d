//! The second round of a fencing token: nodes that stored different numbers are brought to one, in time or not at all.

use redlock_core::{AcquireError, FencedGuard, Key, LockValue, NoQuorum, Ttl};
use redlock_testkit::Plan;
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, NOON, Recorder, TTL, VALIDITY, Wall, first_polls, micros, ms};

/// Nodes whose counters are that far ahead of every clock.
async fn apart(ahead: &[u64]) -> Cluster {
    let cluster = Cluster::with_wall_clocks(&vec![NOON; ahead.len()]);
    assert!(cluster.client("the first").verify_nodes().await.is_sound());
    cluster.set_counters("x", &ahead.iter().map(|ahead| later(*ahead)).collect::<Vec<_>>());
    cluster
}

/// A day and so many microseconds after noon.
fn later(ahead: u64) -> u64 {
    micros(NOON) + 86_400_000_000 + ahead
}

async fn fenced(cluster: &Cluster) -> FencedGuard {
    cluster.client("a").acquire("x").fenced().await.unwrap()
}

/// hazard: 27
#[tokio::test(start_paused = true)]
async fn nodes_that_differ_are_lifted_to_the_highest_of_a_quorum() {
    let (cluster, events) = (apart(&[10, 30, 20]).await, Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), later(31));
    cluster.quiet().await;
    assert_eq!(cluster.counters("x"), [later(31); 3]);
    assert_eq!((cluster.count("lift"), events.count("acquired 1 fenced 2")), (2, 1));
}

/// The third node answers late and higher: the token stays what a quorum was brought to, and the next one is above both.
/// hazard: 27
#[tokio::test(start_paused = true)]
async fn a_straggler_that_stored_more_does_not_change_the_token() {
    let cluster = apart(&[10, 20, 90]).await;
    cluster.links[2].once("acquire", Plan::new().delay(ms(40)));
    let guard = fenced(&cluster).await;
    assert_eq!(guard.fencing_token().get(), later(21));
    cluster.quiet().await;
    assert_eq!(cluster.counters("x"), [later(21), later(21), later(91)]);
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    guard.release().await;
    cluster.links[0].inner().fail();
    assert_eq!(fenced(&cluster).await.fencing_token().get(), later(92));
}

/// A granted node dies in the second round; the straggler makes up for it, by a late grant that is high enough, or by its lift.
#[tokio::test(start_paused = true)]
async fn a_straggler_makes_up_for_a_node_that_dies_between_the_rounds() {
    for third in [90, 5] {
        let cluster = apart(&[10, 20, third]).await;
        cluster.links[0].once("lift", Plan::new().lose_command());
        cluster.links[2].once("acquire", Plan::new().delay(ms(40)));
        let guard = fenced(&cluster).await;
        assert_eq!(guard.fencing_token().get(), later(21));
        assert_eq!(guard.remaining(), VALIDITY - ms(40), "{third}: as soon as the straggler answers");
        let stored = cluster.counters("x").iter().filter(|number| **number >= later(21)).count();
        assert_eq!(stored, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn the_validity_counts_from_before_the_first_round() {
    let cluster = apart(&[10, 20, 30]).await;
    cluster.once("acquire", &Plan::new().reply_delay(ms(20)));
    cluster.once("lift", &Plan::new().delay(ms(30)));
    assert_eq!(fenced(&cluster).await.remaining(), VALIDITY - ms(50));
}

#[tokio::test(start_paused = true)]
async fn a_second_round_that_ends_after_the_validity_is_lost() {
    let cluster = apart(&[10, 20, 30]).await;
    cluster.once("acquire", &Plan::new().reply_delay(ms(500)));
    cluster.once("lift", &Plan::new().reply_delay(ms(490)));
    let client = cluster.client("a");
    let lost = client.try_acquire("x").fenced().node_timeout(ms(600)).await;
    assert!(matches!(lost, Err(AcquireError::ValidityExhausted { .. })), "{lost:?}");
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["", "", ""]);
}

/// hazard: 6
#[tokio::test(start_paused = true)]
async fn a_second_round_that_is_lost_is_rolled_back_and_tried_again() {
    let cluster = apart(&[10, 20, 30]).await;
    let started = Instant::now();
    cluster.once("lift", &Plan::new().lose_reply());
    let error = cluster.client("a").try_acquire("x").fenced().await.expect_err("no quorum has the token");
    let AcquireError::NoQuorum(no_quorum) = &error else { panic!("{error}") };
    assert_eq!((no_quorum.agreed, no_quorum.faults.len()), (1, 2), "{error}");
    cluster.quiet().await;
    assert!(started.elapsed() < TTL && cluster.holders("x").concat().is_empty());
    cluster.set_counters("x", &[later(10), later(20), later(30)]);
    cluster.once("lift", &Plan::new().lose_command());
    let guard = fenced(&cluster).await;
    assert!(guard.fencing_token().get() > later(31), "the second attempt");
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
}

/// Somebody evicts the lock between the rounds, and another takes it: the first must not believe that it holds.
/// hazard: 27
#[tokio::test(start_paused = true)]
async fn a_lock_that_is_gone_in_the_second_round_is_lost() {
    let cluster = apart(&[10, 20, 30]).await;
    cluster.once("lift", &Plan::new().delay(ms(20)));
    let client = cluster.client("a");
    let taken = async {
        sleep(ms(10)).await;
        for link in &cluster.links {
            link.inner().insert(
                &Key::new("redlock:x"),
                LockValue::from_bytes(*b"another's"),
                Some(Ttl::SECOND),
            );
        }
    };
    let (lost, ()) = tokio::join!(client.try_acquire("x").fenced().into_future(), taken);
    assert!(matches!(lost, Err(AcquireError::Held(_))), "{lost:?}");
    assert_eq!(cluster.counters("x"), [later(11), later(21), later(31)], "another's counter is not touched");
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["?", "?", "?"]);
}

/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_fenced_acquisition_dropped_after_any_poll_leaves_every_node_free() {
    for polls in 0.. {
        let cluster = apart(&[10, 20, 30, 40, 50]).await;
        for (link, number) in cluster.links.iter().zip(0..) {
            link.always(Plan::new().delay(ms(number)).reply_delay(ms(2 * number)));
        }
        sleep(ms(1)).await;
        let started = Instant::now();
        let client = cluster.client("a");
        let done = first_polls(polls, client.acquire("x").fenced().into_future()).await.is_some();
        cluster.quiet().await;
        assert!(started.elapsed() < TTL, "after {polls} polls: the ttl would have freed it");
        assert_eq!(cluster.holders("x").concat(), "", "after {polls} polls");
        if done {
            assert!(polls > 8 && cluster.count("lift") >= 3, "only {polls} polls");
            return;
        }
    }
}

/// Also where it is dropped by time, in either round.
/// hazard: 61
#[tokio::test(start_paused = true)]
async fn a_fenced_acquisition_cancelled_at_any_time_leaves_every_node_free() {
    for millis in 0..30 {
        let cluster = apart(&[10, 20, 30]).await;
        cluster.once("acquire", &Plan::new().reply_delay(ms(10)));
        cluster.once("lift", &Plan::new().delay(ms(10)));
        let client = cluster.client("a");
        let _ = client.acquire("x").fenced().cancel_on(sleep(ms(millis))).await;
        cluster.quiet().await;
        assert_eq!(cluster.holders("x").concat(), "", "after {millis} ms");
    }
}

fn no_quorum(result: Result<FencedGuard, AcquireError>) -> NoQuorum {
    match result {
        Err(AcquireError::NoQuorum(error)) => *error,
        other => panic!("{other:?}"),
    }
}

/// B counts the grant of a node that then forgets it. Were A's lift to count there, A's token would be on one node of those that
/// are left, and B could do without that one.
///
/// hazard: 14, 27
#[tokio::test(start_paused = true)]
async fn a_lift_does_not_count_a_node_that_forgot_anothers_grant() {
    let cluster = Cluster::with_wall_clocks(&[NOON; 3]);
    assert!(cluster.client("the first").verify_nodes().await.is_sound());
    // An attempt that was given up has left one counter ahead of the clocks, which are apart by less than their skew.
    let ahead = micros(NOON) + 900_000;
    cluster.set_counters("x", &[1, ahead, 1]);
    let (a_links, b_links) = (cluster.other_links(), cluster.other_links());
    let a = a_links.client("a");
    let b = b_links.builder("b").wall_clock(Wall::at(NOON + ms(100))).node_timeout(ms(150)).build().unwrap();
    for client in [&a, &b] {
        assert!(client.acquire("warm").await.unwrap().release().await.is_released());
    }
    b_links.links[0].once("acquire", Plan::new().delay(ms(125)));
    b_links.links[1].once("acquire", Plan::new().delay(ms(140)));
    let b = tokio::spawn(b.try_acquire("x").fenced().into_future());
    sleep(ms(5)).await;
    assert_eq!(cluster.holders("x"), ["", "", "b"]);
    cluster.links[2].inner().restart();

    a_links.links[0].once("lift", Plan::new().lose_command());
    let error = no_quorum(a.try_acquire("x").fenced().await);
    assert_eq!(a_links.counters("x")[1..], [ahead + 1; 2], "the lift reached the node that forgot");
    let withheld: Vec<_> = error.withheld.iter().map(|one| one.node.as_str()).collect();
    assert_eq!((error.agreed, error.faults.len(), withheld), (1, 1, vec!["memory-3"]), "{error}");

    let b = b.await.unwrap().expect("the one that forgot, and the first");
    assert!(b.is_valid() && b.fencing_token().get() < ahead, "{:?}", b.fencing_token());
    assert_eq!(
        cluster.holders("x"),
        ["b", "", ""],
        "A's token must not be the greater one of an earlier lock"
    );
}

/// The same of a straggler whose late grant stored enough.
/// hazard: 14, 27
#[tokio::test(start_paused = true)]
async fn a_late_grant_of_a_node_that_forgot_is_no_lift() {
    let cluster = apart(&[10, 20, 90]).await;
    let client = cluster.client("a");
    assert!(client.acquire("warm").await.unwrap().release().await.is_released());
    cluster.links[2].inner().restart();
    cluster.set_counters("x", &[later(10), later(20), later(90)]);
    cluster.links[0].once("lift", Plan::new().reply_delay(ms(45)));
    cluster.links[2].once("acquire", Plan::new().delay(ms(20)));
    let guard = client.acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), later(21));
    assert_eq!(guard.remaining(), VALIDITY - ms(45), "not before the lift of the first");
}

/// A connection that is lost proves no restart: who answers the lift over a new one is asked, and counts.
#[tokio::test(start_paused = true)]
async fn a_lift_over_a_new_connection_counts_when_the_node_has_told_that_it_is_the_same() {
    let cluster = apart(&[10, 20, 30]).await;
    let client = cluster.client("a");
    assert!(client.acquire("warm").await.unwrap().release().await.is_released());
    cluster.once("lift", &Plan::new().reconnect());
    cluster.links[2].once("acquire", Plan::new().lose_command());
    cluster.once("describe", &Plan::new().reply_delay(ms(10)));
    let guard = client.acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), later(21));
    assert_eq!(guard.remaining(), VALIDITY - ms(10), "it was asked");
}
