//! What a client sees of locks, its own and others'.

use redlock_core::{Key, LockState, StatusError, Ttl};
use tokio::time::sleep;

use crate::support::{Cluster, Link, TTL, ms};

#[tokio::test(start_paused = true)]
async fn a_status_is_what_a_quorum_says() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    sleep(ms(300)).await;
    match client.status("x").await.unwrap().state {
        LockState::Held { holder: Some(holder), remaining: Some(remaining), nodes: 2.. } => {
            assert_eq!((holder.name.as_deref(), remaining), (Some("a"), ms(700)));
        }
        other => panic!("{other:?}"),
    }
    cluster.links[1..].iter().for_each(|link| link.inner().flush());
    assert_eq!(client.status("x").await.unwrap().state, LockState::Free { occupied: 1 });
    drop(guard);
}

/// The lease ends when so many nodes have let go that the rest is no quorum.
#[tokio::test(start_paused = true)]
async fn the_remaining_time_is_that_of_the_quorum() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = client.acquire("x").await.unwrap();
    cluster.links[0].once("extend", redlock_testkit::Plan::new().lose_command());
    guard.extend_to(10 * TTL).await.unwrap();
    assert_eq!(cluster.remaining("x"), [TTL, 10 * TTL, 10 * TTL]);
    cluster.links[1].refuse();
    let state = client.status("x").await.unwrap().state;
    assert!(matches!(state, LockState::Held { remaining: Some(TTL), nodes: 2, .. }), "{state:?}");
}

/// hazard: 57
#[tokio::test(start_paused = true)]
async fn what_is_no_lock_is_told_as_foreign() {
    let cluster = Cluster::of(3);
    for link in &cluster.links {
        link.inner().insert_foreign(&Key::new("redlock:x"), "list", Some(Ttl::SECOND));
    }
    let state = cluster.client("a").status("x").await.unwrap().state;
    assert_eq!(state, LockState::Foreign { kind: "list".into(), remaining: Some(TTL), nodes: 2 });
}

#[tokio::test(start_paused = true)]
async fn too_few_answers_are_no_status() {
    let cluster = Cluster::of(3);
    cluster.links[..2].iter().for_each(Link::refuse);
    let client = cluster.client("a");
    match client.status("x").await {
        Err(error @ StatusError::NoQuorum(_)) => assert!(error.is_retryable(), "{error}"),
        other => panic!("{other:?}"),
    }
    match client.force_release("x").await {
        Err(StatusError::NoQuorum(error)) => assert_eq!(error.faults.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_release_frees_whoever_holds_and_tells_how_many_nodes() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let guard = cluster.client("other").acquire("x").await.unwrap();
    let forced = client.force_release("x").await.unwrap();
    assert_eq!((forced.removed, forced.confirmed, forced.total, forced.faults.len()), (2, 2, 3, 0));
    cluster.quiet().await;
    assert!(cluster.is_free(), "the third node too, in the background");
    assert!(guard.is_valid(), "the holder is not told");
    guard.extend().await.expect_err("until it asks");
    assert_eq!(client.force_release("x").await.unwrap().removed, 0);
}

#[tokio::test(start_paused = true)]
async fn active_locks_are_those_that_are_held_and_valid() {
    let cluster = Cluster::of(3);
    let client = cluster.client("a");
    let first = client.acquire(["x", "y"]).auto_extend().await.unwrap();
    let short = client.acquire("short").ttl(ms(200)).await.unwrap();
    let gone = client.acquire("gone").await.unwrap();
    let other = client.clone();
    sleep(ms(100)).await;
    assert_eq!(other.active_locks().len(), 3);
    gone.release().await;
    sleep(ms(700)).await;
    let locks = other.active_locks();
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert_eq!((locks[0].resources.join("+"), locks[0].held_for), ("x+y".to_owned(), ms(800)));
    assert!(locks[0].auto_extended && locks[0].extensions == 1 && locks[0].remaining > ms(700));
    assert!(cluster.other_links().client("a").active_locks().is_empty(), "its own only");
    drop((first, short));
    assert!(client.active_locks().is_empty());
}
