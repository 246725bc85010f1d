//! Fencing tokens: they rise from holder to holder, whatever becomes of locks, clocks and nodes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{
    AcquireError, AdoptError, FaultKind, FencedGuard, FencingToken, Parameter, RetryPolicy, UsingError,
};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Cluster, NOON, Recorder, TTL, Wall, micros, ms};

const HOUR: Duration = Duration::from_secs(3600);

fn noon() -> Cluster {
    Cluster::with_wall_clocks(&[NOON; 3])
}

/// What a client does most of the time: one round, as without a token.
#[tokio::test(start_paused = true)]
async fn a_token_is_the_wall_clock_after_one_round() {
    let (cluster, events) = (noon(), Recorder::default());
    let client = cluster.builder("a").observer(events.clone()).build().unwrap();
    let guard = client.acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), micros(NOON));
    cluster.quiet().await;
    assert_eq!(cluster.counters("x"), [micros(NOON); 3]);
    assert_eq!((cluster.count("acquire"), cluster.count("lift")), (3, 0));
    assert!(guard.release().await.is_released());
    let token = client.acquire("x").fenced().await.unwrap().fencing_token();
    assert_eq!(token.get(), micros(NOON + ms(200)));
    assert_eq!(events.events()[..2], ["acquired 1 fenced 1", "released Released"]);
}

/// Clients whose clocks are hours apart, nodes whose clocks are seconds apart, and a node that is away now and then.
/// hazard: 27
#[tokio::test(start_paused = true)]
async fn tokens_rise_from_holder_to_holder_though_no_two_clocks_agree() {
    let cluster = Cluster::with_wall_clocks(&[NOON, NOON + ms(700), NOON - ms(1300), NOON, NOON + HOUR]);
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let mut clients = JoinSet::new();
    for (name, time) in [("a", NOON - 5 * HOUR), ("b", NOON), ("c", NOON + 3 * HOUR), ("d", Duration::ZERO)] {
        let client = cluster.other_links().builder(name).wall_clock(Wall::at(time)).build().unwrap();
        let policy = RetryPolicy { retries: None, delay: ms(7), jitter: ms(7) };
        let tokens = Arc::clone(&tokens);
        clients.spawn(async move {
            for _ in 0..20 {
                let guard = client.acquire("x").fenced().retry(policy).await.unwrap();
                tokens.lock().unwrap().push((name, guard.fencing_token()));
                sleep(ms(3)).await;
                guard.release().await;
            }
        });
    }
    let away = async {
        for number in 0..20 {
            let node = cluster.links[number % 5].inner();
            node.fail();
            sleep(ms(31)).await;
            node.recover();
        }
    };
    tokio::join!(away, clients.join_all());
    let tokens = tokens.lock().unwrap();
    assert_eq!(tokens.len(), 80);
    assert!(tokens.windows(2).all(|pair| pair[0].1 < pair[1].1), "{tokens:?}");
}

/// Clamped to a second ahead of the node: the next client is not a day behind.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_ahead_does_not_carry_the_others_with_it() {
    let cluster = noon();
    let ahead = cluster.builder("a").wall_clock(Wall::at(NOON + 24 * HOUR)).build().unwrap();
    let guard = ahead.acquire("x").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), micros(NOON + ms(1000)));
    drop(guard);
    let bound = cluster.builder("a").wall_clock(Wall::at(NOON + 24 * HOUR)).max_clock_skew(HOUR);
    let guard = bound.build().unwrap().acquire("y").fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), micros(NOON + HOUR));
}

/// hazard: 39
#[tokio::test(start_paused = true)]
async fn several_resources_have_one_token_above_those_of_each() {
    let cluster = noon();
    let client = cluster.client("a");
    cluster.set_counters("y", &[micros(NOON) + 7; 3]);
    let guard = client.acquire(["x", "y"]).fenced().await.unwrap();
    assert_eq!(guard.fencing_token().get(), micros(NOON) + 8);
    cluster.quiet().await;
    assert_eq!(
        (cluster.counters("x"), cluster.counters("y")),
        (vec![micros(NOON) + 8; 3], vec![micros(NOON) + 8; 3])
    );
}

/// One lost all, one only its counter.
/// hazard: 14
#[tokio::test(start_paused = true)]
async fn an_extension_gives_nodes_back_the_counter_that_they_lost() {
    let cluster = noon();
    let guard = cluster.client("a").acquire("x").fenced().auto_extend().await.unwrap();
    let token = guard.fencing_token().get();
    cluster.links[0].inner().restart();
    sleep(TTL).await;
    assert_eq!(cluster.counters("x"), [token; 3]);
    cluster.set_counters("x", &[token, 5, token]);
    sleep(TTL).await;
    assert_eq!(cluster.counters("x"), [token; 3]);
    assert_eq!(guard.fencing_token().get(), token);
    drop(guard);
    cluster.quiet().await;
    let behind = cluster.builder("b").wall_clock(Wall::at(Duration::ZERO)).build().unwrap();
    assert_eq!(behind.acquire("x").fenced().await.unwrap().fencing_token().get(), token + 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_goes_with_the_lock_to_whoever_adopts_it() {
    let cluster = noon();
    let client = cluster.client("a");
    let guard = client.acquire("x").fenced().await.unwrap();
    let token = guard.fencing_token();
    let ticket = guard.detach().await.unwrap();
    assert_eq!(ticket.fencing_token(), Some(token));
    cluster.links[0].inner().flush();
    let adopted = cluster.other_links().client("b").adopt_fenced(&ticket).await.unwrap();
    cluster.quiet().await;
    assert_eq!(adopted.fencing_token(), token);
    assert_eq!(cluster.counters("x"), [token.get(); 3], "stored again by the adoption");
    // Who adopts it without asking for the token keeps it on the nodes all the same.
    let adopted = client.adopt(&adopted.detach().await.unwrap()).await.unwrap();
    assert_eq!(adopted.detach().await.unwrap().fencing_token(), Some(token));
}

#[tokio::test(start_paused = true)]
async fn a_lock_without_a_token_is_not_adopted_as_one_with_a_token() {
    let cluster = noon();
    let client = cluster.client("a");
    let ticket = client.acquire("x").await.unwrap().detach().await.unwrap();
    let sent = cluster.sent();
    let error = client.adopt_fenced(&ticket).await.expect_err("no token");
    assert!(matches!(error, AdoptError::NotFenced) && !error.is_retryable(), "{error}");
    assert_eq!(cluster.sent(), sent);
    assert!(client.adopt(&ticket).await.unwrap().release().await.is_released());
}

#[tokio::test(start_paused = true)]
async fn a_routine_is_given_the_token() {
    let cluster = noon();
    let client = cluster.client("a");
    let used =
        client.acquire("x").fenced().using(async |lock: &FencedGuard| lock.fencing_token()).await.unwrap();
    let signalled = client.acquire("x").fenced().using_signal(|_, token| async move { token }).await.unwrap();
    assert!(used.output < signalled.output && signalled.release.is_released());
    let held = client.acquire("x").fenced().await.unwrap();
    let refused = client.try_acquire("x").fenced().using(async |lock| lock.fencing_token()).await;
    assert!(matches!(refused, Err(UsingError::NotAcquired(AcquireError::Held(_)))), "{refused:?}");
    let late = client.acquire("x").deadline(ms(100)).fenced().await;
    assert!(matches!(late, Err(AcquireError::Deadline { .. })), "{late:?}");
    assert!(held.is_valid());
}

/// hazard: 28
#[tokio::test(start_paused = true)]
async fn tokens_that_are_used_up_are_an_error_of_each_node_and_no_lock() {
    let cluster = noon();
    cluster.set_counters("x", &[FencingToken::MAX.get(); 2]);
    let error = cluster.client("a").acquire("x").fenced().await.expect_err("no token is left");
    let AcquireError::NoQuorum(no_quorum) = &error else { panic!("{error}") };
    assert_eq!(no_quorum.faults.len(), 2);
    assert!(
        no_quorum.faults.iter().all(|fault| fault.error.kind() == FaultKind::FencingExhausted),
        "{error}"
    );
    assert!(!error.is_retryable() && cluster.count("acquire") == 3, "{error}");
    cluster.quiet().await;
    assert_eq!(cluster.holders("x"), ["", "", ""]);
    assert!(cluster.client("a").acquire("x").await.is_ok(), "without a token it can be had");
}

/// hazard: 28
#[tokio::test(start_paused = true)]
async fn a_wall_clock_beyond_the_tokens_sends_nothing() {
    let cluster = noon();
    let far = cluster.builder("a").wall_clock(Wall::at(Duration::from_micros(1 << 53))).build().unwrap();
    match far.acquire("x").fenced().await {
        Err(AcquireError::Config(error)) => assert_eq!(error.parameter(), Parameter::WallClock),
        other => panic!("{other:?}"),
    }
    assert_eq!(cluster.sent(), 0);
    assert!(far.acquire("x").await.is_ok(), "without a token the wall clock does not matter");
}

/// A plain lock of the same resource does not disturb the counter, nor a counter the plain lock.
#[tokio::test(start_paused = true)]
async fn plain_and_fenced_locks_of_a_resource_exclude_each_other() {
    let cluster = noon();
    let client = cluster.client("a");
    let plain = client.acquire("x").await.unwrap();
    assert!(client.try_acquire("x").fenced().await.is_err(), "held");
    assert_eq!(cluster.counters("x"), [0; 3]);
    plain.release().await;
    let fenced = client.acquire("x").fenced().await.unwrap();
    assert!(client.try_acquire("x").await.is_err(), "held");
    fenced.release().await;
    assert_eq!(cluster.links[0].inner().len(), 1, "only the counter, which no clean-up removes");
    assert!(client.cleanup().await.removed.is_empty());
    client.force_release("x").await.unwrap();
    assert_eq!(cluster.counters("x"), [micros(NOON) + 1; 3], "the refused attempt had the first candidate");
}
