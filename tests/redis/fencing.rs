//! Fencing counters on real servers: every digit, and what a full server still does.

use std::time::Duration;

use redlock_core::{
    Acquire, Extend, FaultKind, FenceCommit, FenceProposal, FencingToken, Grant, Key, Lift, LockCommand,
    LockReply, Ownership, RePlant, Redlock, Sent,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::{RedisServer, RespValue};
use redlock_tests::one_of_each;

use super::support::*;

/// A number of sixteen digits: `tostring` of Lua prints fourteen.
const EXACT: u64 = 1_763_793_226_000_001;

fn token(number: u64) -> FencingToken {
    FencingToken::new(number).expect("in range")
}

fn commit(number: u64) -> FenceCommit {
    FenceCommit::new(token(number))
}

fn take(names: &[&str], text: &str, candidate: u64) -> LockCommand {
    let proposal = FenceProposal::new(token(candidate));
    LockCommand::Acquire(Acquire::new(keys(names), value(text), ttl(5_000)).fenced(proposal))
}

fn keep(names: &[&str], text: &str, millis: u64, number: u64) -> LockCommand {
    LockCommand::Extend(Extend::new(keys(names), value(text), ttl(millis)).fenced(commit(number)))
}

fn put_back(names: &[&str], text: &str, number: u64) -> LockCommand {
    LockCommand::RePlant(RePlant::new(keys(names), value(text), ttl(5_000)).fenced(commit(number)))
}

fn lift(names: &[&str], text: &str, number: u64) -> LockCommand {
    LockCommand::Lift(Lift::new(keys(names), value(text), commit(number)))
}

fn granted_with(number: u64) -> LockReply {
    LockReply::Granted(Grant::fenced(token(number)))
}

/// The text of a counter, by other eyes than the node's.
fn text(server: &RedisServer, name: &str) -> Option<String> {
    match server.command(["GET", Key::new(name).fence().as_str()]).expect("GET") {
        RespValue::Nil => None,
        RespValue::Bytes(text) => Some(String::from_utf8(text).expect("digits")),
        other => panic!("GET: {other:?}"),
    }
}

/// hazard: 28
#[tokio::test]
async fn sixteen_digits_go_through_every_script_on_every_server() {
    for server in one_of_each() {
        let node = node(&server);
        let digits = |number: u64| Some(number.to_string());
        assert_eq!(ask(&node, take(&["a"], "mine", EXACT)).await, granted_with(EXACT));
        assert_eq!(text(&server, "a"), digits(EXACT));
        assert_eq!(ask(&node, take(&["a"], "mine", 1)).await, granted_with(EXACT), "the same grant");
        assert_eq!(
            ask(&node, keep(&["a"], "mine", 9_000, EXACT + 1)).await,
            LockReply::Extended(Ownership::Mine)
        );
        assert_eq!(text(&server, "a"), digits(EXACT + 1));
        assert_eq!(ask(&node, lift(&["a"], "mine", EXACT + 2)).await, LockReply::Lifted(Ownership::Mine));
        assert_eq!(text(&server, "a"), digits(EXACT + 2));
        assert_eq!(ask(&node, put_back(&["a"], "mine", EXACT + 3)).await, LockReply::RePlanted(true));
        assert_eq!(text(&server, "a"), digits(EXACT + 3));
        assert_eq!(ask(&node, release(&["a"], "mine")).await, released(1, 0));
        assert_eq!(ask(&node, take(&["a"], "other", 1)).await, granted_with(EXACT + 4));
        assert_eq!(text(&server, "a"), digits(EXACT + 4));
    }
}

/// A token that cannot be stored must not cost the lease; and what is unchanged need not be stored.
///
/// hazard: 55
#[tokio::test]
async fn an_extension_works_on_a_full_server_whatever_becomes_of_its_counter() {
    for server in one_of_each() {
        let node = node(&server);
        for name in ["a", "b", "c"] {
            ask(&node, take(&[name], "mine", 10)).await;
        }
        let counter = |name| Key::new(name).fence();
        server.command(["DEL", counter("b").as_str(), counter("c").as_str()]).expect("DEL");
        ask(&node, extend(&["c"], "mine", 60_000)).await;
        server.command(["CONFIG", "SET", "maxmemory", "1"]).expect("CONFIG SET");

        for name in ["a", "b", "c"] {
            let extended = ask(&node, keep(&[name], "mine", 30_000, 10)).await;
            assert_eq!(extended, LockReply::Extended(Ownership::Mine), "{name}");
            assert!(pttl(&server, name) > 20_000, "{name}");
        }
        assert_eq!(text(&server, "a").as_deref(), Some("10"));
        // A script that has written already is let go on: the first write is what a full server refuses.
        assert_eq!(text(&server, "b").as_deref(), Some("10"), "stored behind the expiry of its key");
        assert_eq!(text(&server, "c"), None, "nothing else was to be written, so the counter is refused");

        assert_eq!(ask(&node, lift(&["a"], "mine", 10)).await, LockReply::Lifted(Ownership::Mine));
        for command in [lift(&["a"], "mine", 11), take(&["x"], "mine", 10), put_back(&["y"], "mine", 10)] {
            let name = command.name();
            let error = fault(&node, command).await;
            assert_eq!(
                (error.kind(), error.sent()),
                (FaultKind::OutOfMemory, Sent::Replied),
                "{name}: {error}"
            );
        }
        assert_eq!((text(&server, "a").as_deref(), text(&server, "x")), (Some("10"), None));
        assert_eq!(ask(&node, release(&["a", "b", "c"], "mine")).await, released(3, 0));
    }
}

/// hazard: 28
#[tokio::test]
async fn a_counter_without_a_number_is_named_and_no_lock_is_taken() {
    for server in one_of_each() {
        let node = node(&server);
        let counter = Key::new("a").fence();
        server.command(["HSET", counter.as_str(), "field", "1"]).expect("HSET");
        let error = fault(&node, take(&["a"], "mine", 10)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::ForeignFormat, Sent::Replied), "{error}");
        server.command(["SET", counter.as_str(), "1.7e15"]).expect("SET");
        let error = fault(&node, take(&["a"], "mine", 10)).await;
        assert_eq!(error.kind(), FaultKind::ForeignFormat);
        assert!(error.message().contains(counter.as_str()), "{error}");
        server.command(["SET", counter.as_str(), "9007199254740991"]).expect("SET");
        let error = fault(&node, take(&["a"], "mine", 10)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::FencingExhausted, Sent::Replied), "{error}");
        assert_eq!(server.keys().expect("keys"), 1, "no lock");
    }
}

/// A server was away while others granted: its counter is behind, and the second round brings it up.
///
/// hazard: 27
#[tokio::test]
async fn servers_whose_counters_differ_are_brought_to_one_token() {
    let servers = [server(), server(), server()];
    let nodes = || servers.iter().map(|server| RedisNode::from_url(server.url()).expect("a node"));
    let ahead = u64::try_from(redlock_core::WallClock::unix_time(&redlock_core::SystemWallClock).as_micros());
    let ahead = ahead.expect("in range") + 3_600_000_000;
    let client = Redlock::builder().nodes(nodes()).build().expect("a client");
    let counter = Key::new("redlock:x").fence();
    for (server, number) in servers.iter().zip([1, 2, 3]) {
        let text = (ahead + number).to_string();
        server.command(["SET", counter.as_str(), &text]).expect("SET");
    }
    let mut last = ahead;
    for _ in 0..20 {
        let guard = client.acquire("x").fenced().await.expect("a lock");
        assert!(guard.fencing_token().get() > last);
        last = guard.fencing_token().get();
        assert!(guard.release().await.is_released());
    }
    drop(client.shutdown(Duration::from_secs(5)).await);
    let at_least = servers.iter().filter(|server| {
        text(server, "redlock:x").and_then(|text| text.parse().ok()).is_some_and(|number: u64| number >= last)
    });
    assert!(at_least.count() >= 2, "the last token is on a quorum");
}
