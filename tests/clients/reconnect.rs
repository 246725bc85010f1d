//! Servers that go, hang, and come back.

use std::net::TcpStream;
use std::time::Duration;

use redlock_core::{Backend, BackendError, Epoch, FaultKind, LockCommand, Reply, Sent};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;
use tokio::time::Instant;

use super::subjects::*;

each_healing_client! {
    a_restarted_server_is_in_use_within_a_second,
    a_closed_connection_costs_no_command,
    a_frozen_server_is_answered_for_by_the_deadline,
    one_hiccup_under_load_replaces_no_connection,
    a_late_write_of_a_replaced_connection_never_outlives_its_release,
    a_reconnection_after_a_restart_ends_nobodys_connection,
}

const SHORT: Duration = Duration::from_millis(100);
/// What a busy machine may add to a deadline.
const GRACE: Duration = Duration::from_millis(400);

async fn briefly(node: &Node, command: LockCommand) -> Result<Reply, BackendError> {
    node.execute(&command.into(), within(SHORT)).await
}

async fn epoch(node: &Node) -> Epoch {
    execute(node, inspect(&["a"])).await.expect("a reply").epoch
}

pub(crate) fn clients(server: &RedisServer) -> usize {
    let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
    list.as_text().expect("text").lines().count()
}

async fn a_restarted_server_is_in_use_within_a_second<S: Subject>() {
    let (mut server, node) = server_and_node::<S>().await;
    let first = epoch(&node).await;
    server.kill().expect("killed");
    let gone = Instant::now();
    // Long enough for the longest pause between attempts.
    while gone.elapsed() < Duration::from_millis(800) {
        let error = briefly(&node, inspect(&["a"])).await.expect_err("nobody is there");
        assert!([FaultKind::Closed, FaultKind::Unreachable].contains(&error.kind()), "{error}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.restart().expect("restarted");
    let back = Instant::now();
    let reply = loop {
        match briefly(&node, inspect(&["a"])).await {
            Ok(reply) => break reply,
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    };
    let took = back.elapsed();
    println!("in use {took:?} after its return");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_ne!(reply.epoch, first);
}

/// The end of a connection is noticed before the next command needs it.
async fn a_closed_connection_costs_no_command<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let first = epoch(&node).await;
    server.command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).expect("CLIENT KILL");
    // Only the notice may be late, under load: a command that meets the end of the connection says so.
    eventually("a reply over another connection", async || match execute(&node, inspect(&["a"])).await {
        Ok(reply) => reply.epoch != first,
        Err(error) => {
            assert_eq!((error.kind(), error.sent()), (FaultKind::Closed, Sent::Maybe));
            false
        }
    })
    .await;
}

/// hazard: 7
async fn a_frozen_server_is_answered_for_by_the_deadline<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let first = epoch(&node).await;
    server.freeze().expect("frozen");
    for round in 0..6 {
        let started = Instant::now();
        let error = briefly(&node, inspect(&["a"])).await.expect_err("no answer");
        assert!(started.elapsed() < SHORT + GRACE, "{:?}", started.elapsed());
        assert_eq!(error.kind(), FaultKind::Timeout, "{error}");
        // After three timeouts the connection is replaced, and over none nothing is sent.
        let sent = if round < 3 { Sent::Maybe } else { Sent::No };
        assert_eq!(error.sent(), sent, "round {round}");
    }
    server.thaw().expect("thawed");
    eventually("an answer", async || briefly(&node, inspect(&["a"])).await.is_ok()).await;
    assert_ne!(epoch(&node).await, first);
}

/// Commands that time out together are one sign, not many.
async fn one_hiccup_under_load_replaces_no_connection<S: Subject>() {
    let (server, node) = server_and_node::<S>().await;
    let first = epoch(&node).await;
    server.freeze().expect("frozen");
    let commands: Vec<_> = (0..20).map(|_| inspect(&["a"]).into()).collect();
    let deadline = within(SHORT);
    let mut waiting = Vec::new();
    for command in &commands {
        let mut execution = node.execute(command, deadline);
        assert!(poll_once(&mut execution).await.is_none());
        waiting.push(execution);
    }
    for execution in waiting {
        assert_eq!(execution.await.expect_err("no answer").kind(), FaultKind::Timeout);
    }
    server.thaw().expect("thawed");
    assert_eq!(epoch(&node).await, first);
}

/// What was sent over a connection that was given up is either done before the release or never.
///
/// hazard: 7
async fn a_late_write_of_a_replaced_connection_never_outlives_its_release<S: Subject>() {
    for _ in 0..5 {
        let (server, node) = server_and_node::<S>().await;
        let first = epoch(&node).await;
        server.freeze().expect("frozen");
        for number in 0..3 {
            let late = acquire(&[&format!("k:{number}")], "mine", 600_000);
            let error = node.execute(&late.into(), within(Duration::from_millis(20))).await;
            assert_eq!(error.expect_err("no answer").sent(), Sent::Maybe);
        }
        server.thaw().expect("thawed");
        let gone = release(&["k:0", "k:1", "k:2"], "mine");
        eventually("released", async || briefly(&node, gone.clone()).await.is_ok()).await;
        assert_ne!(epoch(&node).await, first);
        eventually("the old connection is gone", async || clients(&server) == 2).await;
        assert_eq!(server.keys().expect("keys"), 0);
    }
}

/// The number of the old connection is another client's in another run of the server: that one must not be ended.
async fn a_reconnection_after_a_restart_ends_nobodys_connection<S: Subject>() {
    const OTHERS: usize = 64;
    let (mut server, node) = server_and_node::<S>().await;
    epoch(&node).await;
    let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
    let list = list.as_text().expect("text");
    let ids =
        list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next()?.parse::<usize>().ok());
    assert!(ids.min().expect("the node's connection") < OTHERS, "{list}");
    server.restart().expect("restarted");
    let port = server.port().expect("a port");
    let others: Vec<_> =
        (0..OTHERS).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("another")).collect();
    // A client may be back already, before it is used.
    eventually("all are there", async || clients(&server) > OTHERS).await;
    eventually("reconnected", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    assert_eq!(clients(&server), OTHERS + 2);
    drop(others);
}
