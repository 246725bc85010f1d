//! What the tests of this lane share.

use std::task::Poll;
use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, AdminReply, Backend, BackendError, Command, Description, Extend, Inspect, Key,
    KeyState, Keys, LockCommand, LockReply, LockValue, RePlant, Release, Released, Reply, Ttl,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::{RedisServer, RespValue};
use tokio::time::Instant;

/// Long enough for any answer of a server that answers, on a busy machine.
pub(crate) const AMPLE: Duration = Duration::from_secs(10);

pub(crate) fn server() -> RedisServer {
    RedisServer::start().expect("a server")
}

pub(crate) fn node(server: &RedisServer) -> RedisNode {
    RedisNode::from_url(server.url()).expect("a node")
}

pub(crate) fn server_and_node() -> (RedisServer, RedisNode) {
    let server = server();
    let node = node(&server);
    (server, node)
}

pub(crate) fn within(limit: Duration) -> Instant {
    Instant::now() + limit
}

pub(crate) fn keys(names: &[&str]) -> Keys {
    Keys::from_vec(names.iter().map(|name| Key::new(*name)).collect()).expect("a key")
}

pub(crate) fn value(text: &str) -> LockValue {
    LockValue::from_bytes(text.as_bytes())
}

pub(crate) fn ttl(millis: u64) -> Ttl {
    Ttl::from_duration(Duration::from_millis(millis)).expect("a ttl")
}

pub(crate) fn acquire(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::Acquire(Acquire::new(keys(names), value(text), ttl(millis)))
}

pub(crate) fn extend(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::Extend(Extend::new(keys(names), value(text), ttl(millis)))
}

pub(crate) fn replant(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::RePlant(RePlant::new(keys(names), value(text), ttl(millis)))
}

pub(crate) fn release(names: &[&str], text: &str) -> LockCommand {
    LockCommand::Release(Release::new(keys(names), value(text)))
}

pub(crate) fn inspect(names: &[&str]) -> LockCommand {
    LockCommand::Inspect(Inspect::new(keys(names)))
}

pub(crate) async fn execute(node: &RedisNode, command: LockCommand) -> Result<Reply, BackendError> {
    node.execute(&Command::Lock(command), within(AMPLE)).await
}

/// The answer of a server that must answer.
pub(crate) async fn ask(node: &RedisNode, command: LockCommand) -> LockReply {
    execute(node, command).await.expect("a reply").into_lock().expect("of the lock family")
}

/// The error of a server that must refuse.
pub(crate) async fn fault(node: &RedisNode, command: LockCommand) -> BackendError {
    execute(node, command).await.expect_err("an error")
}

pub(crate) async fn state(node: &RedisNode, name: &str) -> KeyState {
    match ask(node, inspect(&[name])).await {
        LockReply::Inspected(mut states) => states.remove(0),
        other => panic!("inspected: {other:?}"),
    }
}

pub(crate) async fn description(node: &RedisNode) -> Description {
    let command = Command::Admin(AdminCommand::Describe);
    match node.execute(&command, within(AMPLE)).await.expect("a reply").into_admin().expect("admin") {
        AdminReply::Described(description) => *description,
        other => panic!("described: {other:?}"),
    }
}

pub(crate) fn granted(reply: &LockReply) -> bool {
    matches!(reply, LockReply::Granted(_))
}

pub(crate) fn released(removed: u64, taken: u64) -> LockReply {
    LockReply::Released(Released::new(removed, taken))
}

/// `PTTL`, by other eyes than the node's.
pub(crate) fn pttl(server: &RedisServer, name: &str) -> i64 {
    match server.command(["PTTL", name]).expect("PTTL") {
        RespValue::Int(millis) => millis,
        other => panic!("PTTL: {other:?}"),
    }
}

/// Polls a future once, and tells whether it is ready.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = within(AMPLE);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
