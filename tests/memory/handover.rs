//! Locks that pass from one guard to another.

use redlock_core::{AdoptError, ExtendError, KeyFormat, LockTicket, LossReason, Parameter};
use tokio::time::sleep;

use crate::support::{Cluster, Link, Recorder, TTL, VALIDITY, held_by, ms};

#[tokio::test(start_paused = true)]
async fn a_detached_lock_is_adopted_by_another_instance() {
    let cluster = Cluster::of(3);
    let guard = cluster.client("a").acquire(["x", "y"]).auto_extend().await.unwrap();
    let signal = guard.signal();
    let ticket = guard.detach().await.unwrap();
    assert_eq!((signal.lost().await, cluster.count("release")), (LossReason::Detached, 0));
    sleep(ms(800)).await;
    assert_eq!(cluster.count("extend"), 0, "nobody extends it meanwhile");
    let adopted = cluster.other_links().client("b").adopt(&ticket).await.unwrap();
    assert_eq!(
        (adopted.resources(), adopted.ttl(), adopted.remaining()),
        (ticket.resources(), TTL, VALIDITY)
    );
    assert_eq!(held_by(cluster.client("c").try_acquire("y").await), "a", "its value stays as it was");
    assert!(adopted.release().await.is_released());
    cluster.quiet().await;
    assert!(cluster.is_free());
}

#[tokio::test(start_paused = true)]
async fn an_adopted_lock_can_be_extended_by_itself_and_handed_on() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    let adopted = client.adopt(&ticket).await.unwrap();
    adopted.auto_extend(None);
    sleep(5 * TTL).await;
    assert!(adopted.is_valid());
    let ticket = adopted.detach().await.unwrap();
    assert_eq!(client.active_locks().len(), 0);
    assert!(client.adopt(&ticket).await.unwrap().release().await.is_released());
}

/// hazard: 11
#[tokio::test(start_paused = true)]
async fn what_has_ended_cannot_be_adopted_nor_detached() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let evicted = client.acquire("x").await.unwrap().detach().await.unwrap();
    client.force_release("x").await.unwrap();
    let other = cluster.client("other").acquire("x").await.unwrap();
    let gone = |result| matches!(result, Err(AdoptError::NotConfirmed(ExtendError::Lost(lost))) if lost.reason == LossReason::Gone);
    assert!(gone(client.adopt(&evicted).await));
    other.release().await;
    assert!(gone(client.adopt(&evicted).await), "and is not created again");
    cluster.quiet().await;
    assert!(cluster.is_free());
    let expired = client.acquire("x").await.unwrap();
    sleep(TTL).await;
    assert_eq!(expired.detach().await.expect_err("over").reason, LossReason::Expired);
}

/// The ticket is the lock: two who adopt it hold the same one, and the release of either ends both.
/// hazard: 21
#[tokio::test(start_paused = true)]
async fn a_lock_adopted_twice_is_one_lock() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    let first = client.adopt(&ticket).await.unwrap();
    let second = cluster.other_links().client("b").adopt(&ticket).await.unwrap();
    assert!(first.release().await.is_released());
    second.extend().await.expect_err("released by the other");
    assert!(!second.is_valid());
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_could_not_be_confirmed_is_as_good_as_before() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    cluster.links[1..].iter().for_each(Link::black_hole);
    let error = client.adopt(&ticket).await.expect_err("one of three");
    assert!(error.is_retryable() && error.to_string().contains("1 of 3 nodes agreed"), "{error}");
    cluster.links[1..].iter().for_each(Link::restore);
    client.adopt(&ticket).await.expect("still held").release().await;
}

/// hazard: 69
#[tokio::test(start_paused = true)]
async fn a_ticket_that_does_not_fit_sends_nothing() {
    let cluster = Cluster::of(3);
    let ticket = cluster.client("a").acquire("sem:x:y".replace(':', "-")).ttl(60 * TTL).await.unwrap();
    let ticket = ticket.detach().await.unwrap();
    let short = cluster.builder("b").max_ttl(2 * TTL).build().unwrap();
    let sent = cluster.sent();
    match short.adopt(&ticket).await {
        Err(AdoptError::Config(error)) => assert_eq!(error.parameter(), Parameter::Ttl),
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.sent(), sent);
    let elsewhere = cluster.builder("b").key_format(KeyFormat::Raw).build().unwrap();
    assert!(matches!(elsewhere.adopt(&ticket).await, Err(AdoptError::NotConfirmed(_))), "another key");
}

/// hazard: 82
#[tokio::test(start_paused = true)]
async fn no_debug_output_and_no_error_tells_a_token() {
    let (cluster, events) = (Cluster::of(3), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").await.unwrap();
    let token = String::from_utf8(guard.identifier()[..32].to_vec()).unwrap();
    let refused = client.try_acquire("x").await.expect_err("held");
    let status = client.status("x").await.unwrap();
    let mut texts = vec![format!("{guard:?} {client:?} {refused} {refused:?} {status:?}")];
    texts.push(format!("{:?}", cluster.links[0].log()));
    let ticket = guard.detach().await.unwrap();
    texts.push(format!("{ticket:?}"));
    assert!(texts.iter().all(|text| !text.contains(&token)), "{texts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_ticket_survives_its_way_as_text() {
    let cluster = Cluster::of(3);
    let ticket = cluster.client("a").acquire("x").await.unwrap().detach().await.unwrap();
    let text = serde_json::to_string(&ticket).unwrap();
    let arrived: LockTicket = serde_json::from_str(&text).unwrap();
    assert_eq!(arrived, ticket);
    assert!(cluster.client("b").adopt(&arrived).await.unwrap().is_valid());
}

/// hazard: 28
#[tokio::test(start_paused = true)]
async fn a_ticket_of_a_fenced_lock_keeps_every_digit_and_one_of_an_older_version_has_none() {
    let cluster = Cluster::of(3);
    cluster.set_counters("x", &[1_763_893_226_000_000; 3]);
    let guard = cluster.client("a").acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), 1_763_893_226_000_001);
    let text = serde_json::to_string(&guard.detach().await.unwrap()).unwrap();
    let field = ",\"fencing_token\":1763893226000001";
    assert!(text.contains(field), "{text}");
    let arrived: LockTicket = serde_json::from_str(&text).unwrap();
    assert_eq!(arrived.fencing_token().unwrap().to_string(), "1763893226000001");
    let older: LockTicket = serde_json::from_str(&text.replace(field, "")).unwrap();
    assert_eq!(older.fencing_token(), None);
    let wrong = text.replace("1763893226000001", "9007199254740992");
    serde_json::from_str::<LockTicket>(&wrong).expect_err("no token");
    assert!(cluster.client("b").adopt(&older).await.unwrap().is_valid());
}
