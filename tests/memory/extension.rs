//! What an extension may make its holder believe.

use redlock_core::{Clock, ExtendError, LossReason, Moment};
use redlock_testkit::Plan;
use tokio::time::{Instant, sleep};

use crate::support::{Cluster, Link, Recorder, TTL, VALIDITY, ms, poll_once};

/// hazard: 9
#[tokio::test(start_paused = true)]
async fn an_extension_of_fewer_than_a_quorum_changes_nothing_and_says_so() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let guard = cluster.builder("a").observer(events.clone()).build().unwrap().acquire("x").await.unwrap();
    let until = guard.expiration();
    sleep(ms(100)).await;
    cluster.links[0].once("extend", Plan::new().lose_command());
    cluster.links[1].once("extend", Plan::new().lose_command());
    match guard.extend().await {
        Err(ExtendError::NotConfirmed(error)) => {
            assert_eq!((error.agreed, error.needed, error.total), (1, 2, 3));
            let faulty: Vec<_> = error.faults.iter().map(|fault| fault.node.as_str()).collect();
            assert_eq!(faulty, ["memory-1", "memory-2"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((guard.expiration(), guard.extensions(), guard.is_valid()), (until, 0, true));
    assert_eq!(events.count("extension failed"), 1);
}

/// Two extensions, each acknowledged by one node, and not the same.
/// hazard: 9
#[tokio::test(start_paused = true)]
async fn acknowledgements_of_two_rounds_are_not_added() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let until = guard.expiration();
    for willing in [0, 1] {
        cluster.once("extend", &Plan::new().lose_command());
        cluster.links[willing].clear();
        guard.extend().await.expect_err("one of three");
    }
    assert_eq!(guard.expiration(), until);
}

/// The longer extension is sent first and lands last, over a connection that was replaced.
/// hazard: 10
#[tokio::test(start_paused = true)]
async fn extensions_that_overtake_each_other_never_shorten() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    guard.extend_to(30 * TTL).await.unwrap();
    let (until, before) = (guard.expiration(), cluster.remaining("x"));
    cluster.once("extend", &Plan::new().delay(ms(20)));
    cluster.once("extend", &Plan::new().reconnect());
    let mut longer = Box::pin(guard.extend_to(40 * TTL));
    assert!(poll_once(longer.as_mut()).await.is_none());
    drop(longer);
    guard.extend_to(TTL).await.expect("confirms the lease as it is");
    assert_eq!((guard.expiration(), cluster.remaining("x")), (until, before));
    cluster.quiet().await;
    assert!(cluster.remaining("x").iter().all(|left| *left > 39 * TTL), "{:?}", cluster.remaining("x"));
}

/// hazard: 11
#[tokio::test(start_paused = true)]
async fn an_extension_after_the_end_creates_nothing() {
    let cluster = Cluster::of(3);
    let late = cluster.client("late").acquire("x").await.unwrap();
    sleep(TTL + ms(1)).await;
    cluster.client("next").acquire("x").await.unwrap().release().await;
    assert!(
        matches!(late.extend().await, Err(ExtendError::Lost(lost)) if lost.reason == LossReason::Expired)
    );
    cluster.quiet().await;
    assert!(cluster.is_free());
    assert_eq!(cluster.count("extend"), 0, "what is known to be over is not asked for");
}

/// A clock that stands still: its holder believes in the lease for ever, the nodes do not.
#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Moment {
        Moment::ORIGIN
    }
}

/// hazard: 11, 66
#[tokio::test(start_paused = true)]
async fn a_holder_whose_clock_stands_still_learns_the_loss_from_the_nodes() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("late").clock(Stopped).observer(events.clone()).build().unwrap();
    let late = client.acquire("x").await.unwrap();
    sleep(TTL + ms(1)).await;
    let next = cluster.client("next").acquire("x").await.unwrap();
    cluster.links[2].inner().flush();
    assert!(late.is_valid());
    assert!(matches!(late.extend().await, Err(ExtendError::Lost(lost)) if lost.reason == LossReason::Gone));
    assert_eq!((late.is_valid(), late.lost().await), (false, LossReason::Gone));
    assert_eq!(events.count("lost Gone"), 1);
    assert_eq!(cluster.holders("x"), ["next", "next", ""]);
    drop(next);
}

/// hazard: 66
#[tokio::test(start_paused = true)]
async fn an_automatic_extension_that_is_refused_tells_the_holder_at_once() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    client.force_release("x").await.unwrap();
    let start = Instant::now();
    assert_eq!(guard.lost().await, LossReason::Gone);
    assert!(start.elapsed() < VALIDITY, "at the extension, not at the end: {:?}", start.elapsed());
    assert!(!guard.is_valid() && guard.signal().is_lost());
    assert_eq!(events.count("lost Gone"), 1);
}

/// hazard: 66
#[tokio::test(start_paused = true)]
async fn a_lease_that_no_node_extends_is_lost_at_its_end_and_not_later() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").auto_extend().await.unwrap();
    let start = Instant::now();
    cluster.links.iter().for_each(Link::black_hole);
    assert_eq!(guard.lost().await, LossReason::Expired);
    assert_eq!(start.elapsed(), VALIDITY);
    assert!(events.count("extension failed") > 2, "it went on trying: {:?}", events.events());
    assert_eq!(events.count("lost Expired"), 1);
}

/// A confirmation that arrives after the end revives nothing.
/// hazard: 11
#[tokio::test(start_paused = true)]
async fn a_confirmation_that_comes_too_late_revives_nothing() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").node_timeout(ms(500)).await.unwrap();
    sleep(VALIDITY - ms(100)).await;
    cluster.once("extend", &Plan::new().reply_delay(ms(200)));
    let result = guard.extend().await;
    assert!(
        matches!(result, Err(ExtendError::Lost(lost)) if lost.reason == LossReason::Expired),
        "{result:?}"
    );
    assert!(cluster.remaining("x").iter().all(|left| *left > ms(700)), "though the nodes keep it");
    assert!(!guard.is_valid());
    guard.extend().await.expect_err("lost is for ever");
    guard.release().await;
    assert!(cluster.is_free());
}

/// hazard: 69
#[tokio::test(start_paused = true)]
async fn an_extension_to_an_impossible_ttl_sends_nothing() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let sent = cluster.sent();
    for ttl in [ms(0), ms(2), ms(300_001)] {
        assert!(matches!(guard.extend_to(ttl).await, Err(ExtendError::Config(_))), "{ttl:?}");
    }
    assert_eq!(cluster.sent(), sent);
}

/// Code that listens to a token of its own kind learns of the end, by the clock alone.
/// hazard: 66
#[tokio::test(start_paused = true)]
async fn a_cancellation_token_is_cancelled_when_the_lock_ends() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire("x").await.unwrap();
    let token = guard.signal().cancellation_token();
    cluster.links.iter().for_each(Link::black_hole);
    sleep(VALIDITY - ms(1)).await;
    assert!(!token.is_cancelled());
    sleep(ms(3)).await;
    assert!(token.is_cancelled());
}
