//! What a node says about itself.

use std::time::{Duration, SystemTime};

use redlock_core::{Description, Durability, FaultKind, Role};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;

use super::support::*;

#[tokio::test]
async fn a_plain_server_tells_all_about_itself() {
    let (server, node) = server_and_node();
    let said = description(&node).await;
    let info = server.command(["INFO", "server"]).expect("INFO");
    assert!(info.as_text().expect("text").contains(&format!("run_id:{}", said.run_id.expect("run_id"))));
    assert!(said.uptime.expect("uptime") < Duration::from_secs(600));
    assert_eq!(said.role, Some(Role::Master));
    assert_eq!(said.durability, Some(Durability::Nothing));
    assert_eq!(said.eviction.as_deref(), Some("noeviction"));
    assert!(said.version.expect("version").contains('.'));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    assert!(now.abs_diff(said.time.expect("time")) < Duration::from_secs(60));
}

#[tokio::test]
async fn durability_is_what_survives_a_crash() {
    let durable = RedisServer::builder().durable().start().expect("a server");
    let node = node(&durable);
    assert_eq!(description(&node).await.durability, Some(Durability::Always));
    durable.command(["CONFIG", "SET", "appendfsync", "everysec"]).expect("CONFIG SET");
    assert_eq!(description(&node).await.durability, Some(Durability::Partial));
    let snapshots = server();
    snapshots.command(["CONFIG", "SET", "save", "3600 1"]).expect("CONFIG SET");
    assert_eq!(description(&super::support::node(&snapshots)).await.durability, Some(Durability::Partial));
}

/// hazard: 15
#[tokio::test]
async fn a_replica_and_a_promoted_one_are_told_apart() {
    let master = server();
    let (copy, node) = server_and_node();
    let port = master.port().expect("a port").to_string();
    copy.command(["REPLICAOF", "127.0.0.1", &port]).expect("REPLICAOF");
    assert_eq!(description(&node).await.role, Some(Role::Replica));
    eventually("the replica is linked", async || {
        let info = copy.command(["INFO", "replication"]).expect("INFO");
        info.as_text().expect("text").contains("master_link_status:up")
    })
    .await;
    copy.command(["REPLICAOF", "NO", "ONE"]).expect("REPLICAOF");
    assert_eq!(description(&node).await.role, Some(Role::Promoted));
}

#[tokio::test]
async fn what_the_user_may_not_ask_is_unknown() {
    let server = server();
    let rules = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config", "-client", "-time"];
    server.command(rules).expect("ACL SETUSER");
    let node = RedisNode::from_url(server.url().replace("redis://", "redis://app:pw@")).expect("a node");
    assert_eq!(description(&node).await, Description::default());
    assert!(granted(&ask(&node, acquire(&["a"], "mine", 5_000)).await));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_nothing() {
    let server = RedisServer::builder().password("secret").start().expect("a server");
    let node = RedisNode::from_url(server.url().replace(":secret@", "")).expect("a node");
    let command = redlock_core::Command::Admin(redlock_core::AdminCommand::Describe);
    let error = redlock_core::Backend::execute(&node, &command, within(AMPLE)).await.expect_err("an error");
    assert_eq!(error.kind(), FaultKind::Authentication);
}
