//! What each command does on a real server.

use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, AdminReply, Backend, Blocker, Command, Cursor, Evict, Key, KeyState, LockCommand,
    LockReply, LockValue, Ownership, Refusal, Scan,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;

use super::support::*;

#[tokio::test]
async fn one_key_is_taken_once() {
    let (server, node) = server_and_node();
    assert!(granted(&ask(&node, acquire(&["a"], "mine", 5_000)).await));
    assert!((4_000..=5_000).contains(&pttl(&server, "a")));
    assert_eq!(ask(&node, acquire(&["a"], "other", 5_000)).await, LockReply::Refused(Refusal::new()));
    assert_eq!(server.calls("eval").expect("calls"), 0);
}

/// hazard: 5
#[tokio::test]
async fn a_release_with_another_value_removes_nothing() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["a"], "mine", 5_000)).await;
    assert_eq!(ask(&node, release(&["a"], "other")).await, released(0, 1));
    assert_eq!(server.keys().expect("keys"), 1);
    assert_eq!(ask(&node, release(&["a"], "mine")).await, released(1, 0));
    assert_eq!(ask(&node, release(&["a"], "mine")).await, released(0, 0));
    assert_eq!(server.keys().expect("keys"), 0);
}

/// hazard: 10
#[tokio::test]
async fn an_extension_never_shortens() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["a"], "mine", 5_000)).await;
    assert_eq!(ask(&node, extend(&["a"], "mine", 30_000)).await, LockReply::Extended(Ownership::Mine));
    assert!(pttl(&server, "a") > 25_000);
    assert_eq!(ask(&node, extend(&["a"], "mine", 5_000)).await, LockReply::Extended(Ownership::Mine));
    assert!(pttl(&server, "a") > 25_000);
}

/// A node that did not know the script may be given the key back, and an extension, before the acquire is sent again.
///
/// hazard: 10, 53
#[tokio::test]
async fn an_acquire_that_meets_its_own_grant_never_shortens_it() {
    let (server, node) = server_and_node();
    assert!(granted(&ask(&node, acquire(&["{x}a", "{x}b"], "mine", 10_000)).await));
    ask(&node, extend(&["{x}a"], "mine", 60_000)).await;
    server.command(["DEL", "{x}b"]).expect("DEL");
    assert!(granted(&ask(&node, acquire(&["{x}a", "{x}b", "{x}c"], "mine", 20_000)).await));
    let left = ["{x}a", "{x}b", "{x}c"].map(|name| pttl(&server, name));
    assert!(left[0] > 50_000 && left[1..].iter().all(|left| (10_000..=20_000).contains(left)), "{left:?}");
}

/// hazard: 11
#[tokio::test]
async fn an_extension_creates_nothing() {
    let (server, node) = server_and_node();
    assert_eq!(ask(&node, extend(&["a"], "mine", 5_000)).await, LockReply::Extended(Ownership::Absent));
    assert_eq!(server.keys().expect("keys"), 0);
    ask(&node, acquire(&["a"], "other", 5_000)).await;
    assert_eq!(ask(&node, extend(&["a"], "mine", 60_000)).await, LockReply::Extended(Ownership::Other));
    assert_eq!(ask(&node, extend(&["a", "b"], "mine", 60_000)).await, LockReply::Extended(Ownership::Other));
    assert!(pttl(&server, "a") <= 5_000);
}

#[tokio::test]
async fn an_extension_of_several_keys_is_all_or_none() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["a"], "mine", 5_000)).await;
    assert_eq!(ask(&node, extend(&["a", "b"], "mine", 60_000)).await, LockReply::Extended(Ownership::Absent));
    assert!(pttl(&server, "a") <= 5_000);
}

#[tokio::test]
async fn a_key_without_an_expiry_stays_without_and_counts_as_held() {
    let (server, node) = server_and_node();
    server.command(["SET", "a", "mine"]).expect("SET");
    assert_eq!(state(&node, "a").await, KeyState::Held { value: value("mine"), remaining: None });
    assert_eq!(ask(&node, extend(&["a"], "mine", 5_000)).await, LockReply::Extended(Ownership::Mine));
    assert_eq!(pttl(&server, "a"), -1);
    assert_eq!(ask(&node, acquire(&["a"], "other", 5_000)).await, LockReply::Refused(Refusal::new()));
}

/// hazard: 39
#[tokio::test]
async fn several_keys_are_taken_together_or_not_at_all() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["b"], "other", 5_000)).await;
    let LockReply::Refused(Refusal { blocker: Some(blocker), .. }) =
        ask(&node, acquire(&["a", "b", "c"], "mine", 5_000)).await
    else {
        panic!("refused by a key")
    };
    assert_eq!(blocker.key, Key::new("b"));
    let KeyState::Held { value: held, remaining: Some(remaining) } = blocker.state else {
        panic!("held: {:?}", blocker.state)
    };
    assert_eq!(held, value("other"));
    assert!(remaining > Duration::from_secs(4) && remaining <= Duration::from_secs(5));
    assert_eq!(server.keys().expect("keys"), 1);
    assert!(granted(&ask(&node, acquire(&["a", "c"], "mine", 5_000)).await));
    assert!(pttl(&server, "c") > 4_000);
    assert_eq!(ask(&node, release(&["a", "b", "c"], "mine")).await, released(2, 1));
}

#[tokio::test]
async fn own_older_values_are_replaced_and_no_others() {
    let (_server, node) = server_and_node();
    ask(&node, acquire(&["a"], "first", 5_000)).await;
    let replacing = |text: &str, older: &str| {
        let acquire = Acquire::new(keys(&["a"]), value(text), ttl(5_000));
        LockCommand::Acquire(acquire.replacing(vec![value(older), value("unused")]))
    };
    let refused = ask(&node, replacing("second", "zero")).await;
    assert!(matches!(refused, LockReply::Refused(_)), "{refused:?}");
    assert!(granted(&ask(&node, replacing("second", "first")).await));
    assert!(granted(&ask(&node, replacing("second", "first")).await), "it is this command, executed before");
    assert_eq!(ask(&node, release(&["a"], "first")).await, released(0, 1));
    assert_eq!(ask(&node, release(&["a"], "second")).await, released(1, 0));
}

#[tokio::test]
async fn a_lost_key_is_planted_again_where_nothing_else_stands() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["a"], "mine", 60_000)).await;
    assert_eq!(ask(&node, replant(&["a", "b"], "mine", 5_000)).await, LockReply::RePlanted(true));
    assert!(pttl(&server, "a") > 50_000, "a key that is there is left alone");
    assert!((4_000..=5_000).contains(&pttl(&server, "b")));
    ask(&node, acquire(&["c"], "other", 5_000)).await;
    assert_eq!(ask(&node, replant(&["c", "d"], "mine", 5_000)).await, LockReply::RePlanted(false));
    assert_eq!(ask(&node, replant(&["d", "c"], "mine", 5_000)).await, LockReply::RePlanted(false));
    assert_eq!(state(&node, "d").await, KeyState::Free);
}

/// hazard: 57
#[tokio::test]
async fn a_foreign_type_is_a_refusal_and_no_error() {
    let (server, node) = server_and_node();
    server.command(["LPUSH", "list", "x"]).expect("LPUSH");
    server.command(["HSET", "hash", "x", "y"]).expect("HSET");
    server.command(["PEXPIRE", "hash", "60000"]).expect("PEXPIRE");
    let list = KeyState::Foreign { kind: "list".into(), remaining: None };
    assert_eq!(state(&node, "list").await, list);
    let KeyState::Foreign { kind, remaining: Some(remaining) } = state(&node, "hash").await else {
        panic!("foreign")
    };
    assert!(kind == "hash" && remaining > Duration::from_secs(50));
    assert_eq!(ask(&node, acquire(&["list"], "mine", 5_000)).await, LockReply::Refused(Refusal::new()));
    let blocker = Blocker { key: Key::new("list"), state: list };
    let refused = LockReply::Refused(Refusal::by(blocker));
    assert_eq!(ask(&node, acquire(&["a", "list"], "mine", 5_000)).await, refused);
    assert_eq!(ask(&node, extend(&["list"], "mine", 5_000)).await, LockReply::Extended(Ownership::Other));
    assert_eq!(ask(&node, replant(&["a", "list"], "mine", 5_000)).await, LockReply::RePlanted(false));
    assert_eq!(ask(&node, release(&["list", "a"], "mine")).await, released(0, 1));
    assert_eq!(server.keys().expect("keys"), 2);
}

#[tokio::test]
async fn an_eviction_deletes_whatever_stands_there() {
    let (server, node) = server_and_node();
    ask(&node, acquire(&["a"], "other", 5_000)).await;
    server.command(["LPUSH", "b", "x"]).expect("LPUSH");
    let evict = LockCommand::Evict(Evict::new(keys(&["a", "b", "c"])));
    assert_eq!(ask(&node, evict).await, LockReply::Evicted(2));
    assert_eq!(server.keys().expect("keys"), 0);
}

#[tokio::test]
async fn a_value_of_any_bytes_survives() {
    let (_server, node) = server_and_node();
    let bytes: Vec<u8> = (0..=255).collect();
    for binary in [bytes, vec![], b"0".to_vec(), b"\r\n$-1\r\n".to_vec()] {
        let value = LockValue::from_bytes(binary);
        for names in [&["a"][..], &["a", "b"]] {
            let acquire = LockCommand::Acquire(Acquire::new(keys(names), value.clone(), ttl(5_000)));
            assert!(granted(&ask(&node, acquire).await));
            let KeyState::Held { value: held, .. } = state(&node, "a").await else { panic!("held") };
            assert!(held == value);
            let release = redlock_core::Release::new(keys(names), value.clone());
            let count = names.len() as u64;
            assert_eq!(ask(&node, LockCommand::Release(release)).await, released(count, 0));
        }
    }
}

/// hazard: 70
#[tokio::test]
async fn a_scan_takes_its_prefix_literally() {
    let (server, node) = server_and_node();
    for name in ["l*ck:a", "l*ck:b", "lock:c", "l*ck", "l[x]\\y^-?:1", "lx\\y^-?:2"] {
        server.command(["SET", name, "x"]).expect("SET");
    }
    assert_eq!(scan(&node, "l*ck:").await, ["l*ck:a", "l*ck:b"]);
    assert_eq!(scan(&node, "l[x]\\y^-?").await, ["l[x]\\y^-?:1"]);
    assert_eq!(scan(&node, "").await.len(), 6);
}

#[tokio::test]
async fn a_scan_of_many_keys_goes_on_to_the_end() {
    let (server, node) = server_and_node();
    let fill = "for i = 1, 5000 do redis.call('SET', 'k:' .. i, i) end";
    server.command(["EVAL", fill, "0"]).expect("EVAL");
    assert_eq!(scan(&node, "k:").await.len(), 5_000);
}

async fn scan(node: &RedisNode, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = Cursor::START;
    loop {
        let command = Command::Admin(AdminCommand::Scan(Scan::new(prefix).at(cursor)));
        let reply = node.execute(&command, within(AMPLE)).await.expect("a reply");
        let AdminReply::Scanned(page) = reply.into_admin().expect("admin") else { panic!("scanned") };
        names.extend(page.keys.iter().map(|key| key.as_str().to_owned()));
        cursor = page.next;
        if cursor.is_end() {
            names.sort();
            names.dedup();
            return names;
        }
    }
}

#[tokio::test]
async fn every_command_is_answered_over_every_kind_of_connection() {
    let tcp = server();
    let unix = RedisServer::builder().unix_socket().password("secret").start().expect("a server");
    for url in [tcp.url(), format!("{}/3?protocol=resp3", tcp.url()), format!("{}&db=2", unix.url())] {
        let node = RedisNode::from_url(url.as_str()).expect("a node");
        for command in Command::samples() {
            let reply = node.execute(&command, within(AMPLE)).await;
            reply.unwrap_or_else(|error| panic!("{url}: {}: {error}", command.name()));
        }
    }
}
