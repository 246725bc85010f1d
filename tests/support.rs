//! Commands to one node, and what it answers: for the lanes with real servers.

#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "where a server does not do what every server does, the test has failed"
)]

use std::task::Poll;
use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, AdminReply, Backend, BackendError, Command, Description, Extend, Inspect, Key,
    KeyState, Keys, LockCommand, LockReply, LockValue, RePlant, Release, Released, Reply, Ttl,
};
use redlock_testkit::server::{RedisServer, RespValue};
use tokio::time::Instant;

/// Long enough for any answer of a server that answers, on a busy machine.
pub const AMPLE: Duration = Duration::from_secs(10);

/// The deadline so long from now.
pub fn within(limit: Duration) -> Instant {
    Instant::now() + limit
}

/// Keys of these names.
pub fn keys(names: &[&str]) -> Keys {
    Keys::from_vec(names.iter().map(|name| Key::new(*name)).collect()).expect("a key")
}

/// A value of this text.
pub fn value(text: &str) -> LockValue {
    LockValue::from_bytes(text.as_bytes())
}

/// A ttl of so many milliseconds.
pub fn ttl(millis: u64) -> Ttl {
    Ttl::from_duration(Duration::from_millis(millis)).expect("a ttl")
}

/// Takes the keys for so many milliseconds.
pub fn acquire(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::Acquire(Acquire::new(keys(names), value(text), ttl(millis)))
}

/// Prolongs the keys to so many milliseconds.
pub fn extend(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::Extend(Extend::new(keys(names), value(text), ttl(millis)))
}

/// Puts the keys back for so many milliseconds.
pub fn replant(names: &[&str], text: &str, millis: u64) -> LockCommand {
    LockCommand::RePlant(RePlant::new(keys(names), value(text), ttl(millis)))
}

/// Releases the keys.
pub fn release(names: &[&str], text: &str) -> LockCommand {
    LockCommand::Release(Release::new(keys(names), value(text)))
}

/// Looks at the keys.
pub fn inspect(names: &[&str]) -> LockCommand {
    LockCommand::Inspect(Inspect::new(keys(names)))
}

/// Executes the command with ample time.
pub async fn execute(node: &dyn Backend, command: LockCommand) -> Result<Reply, BackendError> {
    node.execute(&Command::Lock(command), within(AMPLE)).await
}

/// The answer of a server that must answer.
pub async fn ask(node: &dyn Backend, command: LockCommand) -> LockReply {
    execute(node, command).await.expect("a reply").into_lock().expect("of the lock family")
}

/// The error of a server that must refuse.
pub async fn fault(node: &dyn Backend, command: LockCommand) -> BackendError {
    execute(node, command).await.expect_err("an error")
}

/// What stands in a key.
pub async fn state(node: &dyn Backend, name: &str) -> KeyState {
    match ask(node, inspect(&[name])).await {
        LockReply::Inspected(mut states) => states.remove(0),
        other => panic!("inspected: {other:?}"),
    }
}

/// What a node says about itself.
pub async fn description(node: &dyn Backend) -> Description {
    let command = Command::Admin(AdminCommand::Describe);
    match node.execute(&command, within(AMPLE)).await.expect("a reply").into_admin().expect("admin") {
        AdminReply::Described(description) => *description,
        other => panic!("described: {other:?}"),
    }
}

/// Whether the keys were taken.
pub fn granted(reply: &LockReply) -> bool {
    matches!(reply, LockReply::Granted(_))
}

/// The answer to a release of so many keys, beside so many that are another's.
pub fn released(removed: u64, taken: u64) -> LockReply {
    LockReply::Released(Released::new(removed, taken))
}

/// `PTTL`, by other eyes than the node's.
pub fn pttl(server: &RedisServer, name: &str) -> i64 {
    match server.command(["PTTL", name]).expect("PTTL") {
        RespValue::Int(millis) => millis,
        other => panic!("PTTL: {other:?}"),
    }
}

/// Polls a future once, and tells whether it is ready.
pub async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Asks again until the answer is yes.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = within(AMPLE);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
