//! A release that a node does not confirm is repeated: nothing stays behind on a node that was away for a while.

use std::time::Duration;

use redlock_core::{LockGuard, Redlock, TokioClock};
use redlock_testkit::{FaultyLink, Plan};
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, Recorder, Resending, first_polls, ms};

/// No key of these tests ends by itself before they do.
const LONG: Duration = Duration::from_secs(100);

async fn held(cluster: &Cluster, resource: &str) -> LockGuard {
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    let guard = client.acquire(resource).await.expect("acquired");
    cluster.quiet().await;
    assert_eq!(cluster.holders(resource), ["a", "a", "a"]);
    guard
}

/// hazard: 6, 8
#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_at_the_release_is_clean_within_a_second_of_its_return() {
    for dark in [false, true] {
        let cluster = Cluster::of(3);
        let guard = held(&cluster, "x").await;
        if dark {
            cluster.links[1].black_hole();
        } else {
            cluster.links[1].refuse();
        }
        assert!(guard.release().await.is_released());
        sleep(Duration::from_secs(20)).await;
        assert_eq!(cluster.holders("x"), ["", "a", ""]);
        cluster.links[1].restore();
        sleep(Duration::from_secs(1)).await;
        assert!(cluster.is_free());
    }
}

/// hazard: 6, 61
#[tokio::test(start_paused = true)]
async fn a_roll_back_that_no_node_heard_is_repeated() {
    let cluster = Cluster::of(3);
    cluster.once("acquire", &Plan::new().lose_reply());
    cluster.once("release", &Plan::new().lose_command());
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    client.try_acquire("x").await.expect_err("no answer");
    assert_eq!(cluster.holders("x"), ["a", "a", "a"]);
    sleep(Duration::from_secs(1)).await;
    assert!(cluster.is_free());
}

/// The connection was replaced, the release was answered over the new one, and the old one delivers all the same.
///
/// hazard: 7
#[tokio::test(start_paused = true)]
async fn what_a_replaced_connection_delivers_late_is_released_again() {
    for late in [ms(500), Duration::from_secs(3), Duration::from_secs(15), Duration::from_secs(60)] {
        let cluster = Cluster::of(3);
        let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
        drop(client.acquire("warm").await.expect("acquired"));
        cluster.quiet().await;
        cluster.links.iter().for_each(FaultyLink::hold);
        let attempt = client.try_acquire("x");
        let old = tokio::join!(async { attempt.await.expect_err("no answer") }, async {
            sleep(ms(40)).await;
            cluster.links.iter().map(FaultyLink::reconnect).collect::<Vec<_>>()
        });
        cluster.quiet().await;
        // Three of the warm-up, three at once, three when the acquires' time was over.
        assert_eq!(cluster.count("release"), 9);
        sleep(late).await;
        for connection in &old.1 {
            connection.resume();
        }
        cluster.quiet().await;
        assert_eq!(cluster.holders("x"), ["a", "a", "a"], "landed late");
        sleep(4 * late + Duration::from_secs(1)).await;
        assert!(cluster.is_free(), "after {late:?}");
    }
}

/// hazard: 7
#[tokio::test(start_paused = true)]
async fn on_one_connection_nothing_is_sent_twice() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    drop(client.acquire("warm").await.expect("acquired"));
    cluster.quiet().await;
    cluster.once("acquire", &Plan::new().delay(ms(60)));
    client.try_acquire("x").await.expect_err("no answer");
    sleep(Duration::from_secs(90)).await;
    assert!(cluster.is_free());
    // The second is sent when the late grant answers.
    assert!(cluster.count("release") <= 9, "{}", cluster.links[0].timeline());
}

/// hazard: 8, 53
#[tokio::test(start_paused = true)]
async fn an_acquire_that_is_sent_again_behind_the_release_is_released() {
    for shut_down in [false, true] {
        let cluster = Cluster::of(3);
        let builder =
            Redlock::builder().clock(TokioClock::new()).max_ttl(LONG).ttl(LONG).node_timeout(ms(50));
        let builder = builder.nodes(cluster.links[..2].to_vec()).node(Resending(cluster.links[2].clone()));
        let client = builder.build().expect("a client");
        assert!(client.acquire("x").await.expect("a quorum").release().await.is_released());
        if shut_down {
            assert!(client.shutdown(LONG).await.is_complete());
        } else {
            cluster.quiet().await;
        }
        assert!(cluster.links[2].log().iter().any(|delivery| delivery.command.name() == "acquire"));
        assert!(cluster.is_free(), "{}", cluster.links[2].timeline());
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_certainly_sent_nothing_is_sent_no_release() {
    let cluster = Cluster::in_use(3).await;
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    cluster.links[..2].iter().for_each(FaultyLink::refuse);
    client.try_acquire("x").await.expect_err("no quorum");
    cluster.quiet().await;
    assert_eq!(cluster.lock_commands(0), 1, "{}", cluster.links[0].timeline());
    assert!(cluster.is_free());
    // And a guard's release is not repeated there.
    cluster.links[0].restore();
    let guard = client.acquire("y").await.expect("a quorum");
    assert!(guard.release().await.is_released());
    sleep(LONG).await;
    assert_eq!(cluster.lock_commands(1), 3, "{}", cluster.links[1].timeline());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tries_once_more_and_tells_what_is_left() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    let guard = client.acquire("x").await.expect("acquired");
    cluster.links[2].refuse();
    assert!(guard.release().await.is_released());
    let started = Instant::now();
    let ended = client.shutdown(LONG).await;
    assert_eq!(ended.unfinished, 1, "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_takes_the_chance_of_a_node_that_is_back() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    let guard = client.acquire("x").await.expect("acquired");
    cluster.links[2].refuse();
    assert!(guard.release().await.is_released());
    cluster.links[2].restore();
    assert!(client.shutdown(LONG).await.is_complete());
    assert!(cluster.is_free());
}

/// A dead node costs one command every 200 ms, whatever waits for it, and no more than a bounded list.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_dead_node_is_bounded() {
    const LOCKS: usize = 3_000;
    let cluster = Cluster::of(3);
    let events = Recorder::default();
    let client = cluster.builder("a").ttl(LONG).observer(events.clone()).build().expect("a client");
    let mut guards = Vec::new();
    for lock in 0..LOCKS {
        guards.push(client.acquire(lock.to_string()).await.expect("acquired"));
    }
    cluster.quiet().await;
    cluster.links[1].refuse();
    for guard in guards {
        assert!(guard.release().await.is_released());
    }
    cluster.quiet().await;
    let before = cluster.links[1].log().len();
    sleep(Duration::from_secs(10)).await;
    let repeats = cluster.links[1].log().len() - before;
    assert!((40..=60).contains(&repeats), "{repeats}");
    cluster.links[1].restore();
    sleep(Duration::from_secs(1)).await;
    let left = cluster.links[1].inner().len();
    assert_eq!(left, LOCKS - 1_024, "the newest are released");
    assert_eq!(events.count("release unconfirmed memory-2"), left);
    sleep(LONG).await;
    assert!(cluster.is_free());
}

/// What cannot be confirmed within the lease is given up.
#[tokio::test(start_paused = true)]
async fn after_the_lease_nothing_is_repeated() {
    let cluster = Cluster::of(3);
    let guard = held(&cluster, "x").await;
    cluster.links[1].refuse();
    assert!(guard.release().await.is_released());
    sleep(LONG + Duration::from_secs(1)).await;
    let sent = cluster.lock_commands(1);
    sleep(LONG).await;
    assert_eq!(cluster.lock_commands(1), sent);
}

/// A caller that waits no longer has not taken the release back.
///
/// hazard: 6, 61
#[tokio::test(start_paused = true)]
async fn a_release_whose_caller_dropped_it_is_repeated_too() {
    let cluster = Cluster::of(3);
    let guard = held(&cluster, "x").await;
    cluster.links[1..].iter().for_each(FaultyLink::black_hole);
    assert!(first_polls(1, guard.release()).await.is_none());
    drop(guard);
    sleep(Duration::from_secs(20)).await;
    cluster.links[1..].iter().for_each(FaultyLink::restore);
    sleep(Duration::from_secs(1)).await;
    assert!(cluster.is_free(), "{:?}", cluster.holders("x"));
}

/// A release that is due in minutes does not hold up one that is due at once.
///
/// hazard: 6
#[tokio::test(start_paused = true)]
async fn a_long_pause_for_one_release_delays_no_other() {
    let cluster = Cluster::of(3);
    let client = cluster.builder("a").ttl(LONG).node_timeout(ms(50)).build().expect("a client");
    let other = client.acquire("y").await.expect("acquired");
    cluster.quiet().await;
    // Unanswered over a connection that is replaced: repeated after 1, 4, 16 and 64 seconds.
    cluster.links[0].hold();
    cluster.links[1].refuse();
    let attempt = client.try_acquire("x");
    tokio::join!(async { attempt.await.expect_err("no quorum") }, async {
        sleep(ms(40)).await;
        cluster.links[0].reconnect();
    });
    cluster.links[1].restore();
    sleep(Duration::from_secs(20)).await;
    cluster.links[0].refuse();
    assert!(other.release().await.is_released());
    sleep(ms(500)).await;
    cluster.links[0].restore();
    sleep(Duration::from_secs(1)).await;
    assert!(cluster.is_free(), "{}", cluster.links[0].timeline());
}
