//! Servers that go, hang, and come back.

use std::net::TcpStream;
use std::time::Duration;

use redlock_core::{Backend, BackendError, Epoch, FaultKind, LockCommand, Reply, Sent};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::RedisServer;
use tokio::time::Instant;

use super::support::*;

const SHORT: Duration = Duration::from_millis(100);
/// What a busy machine may add to a deadline.
const GRACE: Duration = Duration::from_millis(400);

async fn briefly(node: &RedisNode, command: LockCommand) -> Result<Reply, BackendError> {
    node.execute(&command.into(), within(SHORT)).await
}

async fn epoch(node: &RedisNode) -> Epoch {
    execute(node, inspect(&["a"])).await.expect("a reply").epoch
}

fn clients(server: &RedisServer) -> usize {
    let list = server.command(["CLIENT", "LIST"]).expect("CLIENT LIST");
    list.as_text().expect("text").lines().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_in_use_within_a_second() {
    let (mut server, node) = server_and_node();
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_connection_costs_no_command() {
    let (server, node) = server_and_node();
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

#[tokio::test]
async fn nobody_at_the_address() {
    let mut server = server();
    let node = node(&server);
    server.kill().expect("killed");
    let started = Instant::now();
    for _ in 0..3 {
        let error = fault(&node, acquire(&["a"], "mine", 5_000)).await;
        assert_eq!((error.kind(), error.sent()), (FaultKind::Unreachable, Sent::No), "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(5), "a refused connection is known at once");
}

#[tokio::test]
async fn a_host_without_an_address() {
    let node = RedisNode::from_url("redis://no-such-host.invalid").expect("a node");
    let error = node.execute(&inspect(&["a"]).into(), within(Duration::from_secs(5))).await;
    let error = error.expect_err("no such host");
    assert_eq!(error.sent(), Sent::No, "{error}");
    assert!([FaultKind::Unreachable, FaultKind::Timeout].contains(&error.kind()), "{error}");
}

/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_is_answered_for_by_the_deadline() {
    let (server, node) = server_and_node();
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_hiccup_under_load_replaces_no_connection() {
    let (server, node) = server_and_node();
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_write_of_a_replaced_connection_never_outlives_its_release() {
    for _ in 0..5 {
        let (server, node) = server_and_node();
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
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconnection_after_a_restart_ends_nobodys_connection() {
    const OTHERS: usize = 64;
    let (mut server, node) = server_and_node();
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
    eventually("all are there", async || clients(&server) == OTHERS + 1).await;
    eventually("reconnected", async || execute(&node, inspect(&["a"])).await.is_ok()).await;
    assert_eq!(clients(&server), OTHERS + 2);
    drop(others);
}

#[test]
fn a_node_outlives_its_runtime() {
    let server = server();
    let node = node(&server);
    let epochs: Vec<Epoch> = (0..3)
        .map(|_| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(epoch(&node))
        })
        .collect();
    assert!(epochs[0] < epochs[1] && epochs[1] < epochs[2], "{epochs:?}");
}

/// A runtime that ends while it connects takes the attempt with it; the next one tries anew.
#[test]
fn a_node_outlives_a_runtime_that_was_connecting() {
    let server = server();
    let node = node(&server);
    server.freeze().expect("frozen");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let error = runtime.block_on(briefly(&node, inspect(&["a"]))).expect_err("no answer");
    assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::No));
    drop(runtime);
    server.thaw().expect("thawed");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(eventually("an answer", async || execute(&node, inspect(&["a"])).await.is_ok()));
}

/// One attempt to connect at a time, however many commands wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_share_one_connection() {
    let (server, node) = server_and_node();
    let commands: Vec<_> = (0..200).map(|_| inspect(&["a"]).into()).collect();
    let mut waiting = Vec::new();
    for command in &commands {
        let mut execution = node.execute(command, within(AMPLE));
        // On a busy machine the connection may be there before the last of them.
        let early = poll_once(&mut execution).await;
        waiting.push((early, execution));
    }
    for (early, execution) in waiting {
        let reply = match early {
            Some(reply) => reply,
            None => execution.await,
        };
        assert_eq!(reply.expect("a reply").epoch, Epoch::FIRST);
    }
    assert_eq!(clients(&server), 2, "the node's and the test's own");
}

/// Deadlines that pass just when the connection comes up: what is said to be unsent is never done.
///
/// hazard: 7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_given_up_in_the_queue_is_not_sent() {
    const ROUNDS: u32 = 400;
    let server = server();
    let mut unsent = 0;
    for round in 0..ROUNDS {
        let node = node(&server);
        let name = format!("k:{round}");
        let late = acquire(&[&name], "mine", 600_000).into();
        let outcome = node.execute(&late, within(Duration::from_micros(u64::from(100 + 2 * round)))).await;
        if outcome.is_err_and(|error| error.sent() == Sent::No) {
            unsent += 1;
            assert!(!granted_to_me(&node, &name).await, "round {round}");
        }
    }
    println!("{unsent} of {ROUNDS} were not sent");
}

/// Whether the key is held after all, as the connection of the command itself sees it.
async fn granted_to_me(node: &RedisNode, name: &str) -> bool {
    state(node, name).await != redlock_core::KeyState::Free
}
