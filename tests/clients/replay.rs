//! Nothing is ever sent twice: a command whose reply is lost fails with an error that says that it may have been executed,
//! and the server has executed it once.

use std::time::Duration;

use redlock_core::{Backend, BackendError, LockCommand, Sent};
use redlock_testkit::proxy::{Direction, Proxy, Traffic};
use redlock_testkit::server::RedisServer;
use redlock_tests::support::*;
use tokio::time::sleep;

use super::subjects::*;

each_client_and_cluster! {
    a_command_whose_connection_ends_before_its_reply,
    a_command_whose_reply_is_swallowed,
}

/// Longer than any client waits before it sends again.
const LONG: Duration = Duration::from_millis(800);

/// A native command and scripts, and the commands of the server that it may be.
fn commands() -> [(LockCommand, &'static [&'static str]); 4] {
    let script = &["eval", "evalsha"];
    [
        (acquire(&["{t}:a"], "mine", 60_000), &["set"]),
        (acquire(&["{t}:a", "{t}:b"], "mine", 60_000), script),
        (extend(&["{t}:old"], "mine", 60_000), script),
        (release(&["{t}:old"], "mine"), script),
    ]
}

/// A server that knows every script: the question whether it does is no replay.
async fn behind_a_proxy<S: Subject>() -> (RedisServer, Proxy, Node) {
    let server = server::<S>();
    let proxy = Proxy::of(&server).expect("a proxy");
    let node = S::connect(&server, proxy.url(&server)).await;
    for (command, _) in commands() {
        ask(&node, command).await;
    }
    server.command(["FLUSHALL"]).expect("FLUSHALL");
    ask(&node, acquire(&["{t}:old"], "mine", 60_000)).await;
    (server, proxy, node)
}

fn runs(server: &RedisServer, names: &[&str]) -> u64 {
    names.iter().map(|name| server.calls(name).expect("calls")).sum()
}

fn assert_maybe_sent(error: &BackendError, name: &str) {
    assert_eq!(error.sent(), Sent::Maybe, "{name}: {error}");
}

/// Each command on a server of its own, at the same time, since it is mostly waiting.
async fn for_each_command(check: impl AsyncFn(LockCommand, &[&str])) {
    let [a, b, c, d] = commands().map(|(command, names)| check(command, names));
    tokio::join!(a, b, c, d);
}

/// hazard: 54, 62
async fn a_command_whose_connection_ends_before_its_reply<S: Subject>() {
    for_each_command(async |command, names| {
        let (server, proxy, node) = behind_a_proxy::<S>().await;
        let (before, name) = (runs(&server, names), command.name());
        proxy.lose_replies(1);
        let error = node.execute(&command.into(), within(LONG)).await.expect_err("no reply");
        sleep(LONG).await;
        assert_maybe_sent(&error, name);
        assert_eq!(runs(&server, names) - before, 1, "{name} over {names:?}");
    })
    .await;
}

/// hazard: 54, 62
async fn a_command_whose_reply_is_swallowed<S: Subject>() {
    for_each_command(async |command, names| {
        let (server, proxy, node) = behind_a_proxy::<S>().await;
        let (before, name) = (runs(&server, names), command.name());
        proxy.set(Direction::ToClient, Traffic::Dropped);
        let error = node.execute(&command.into(), within(LONG)).await.expect_err("no reply");
        assert_maybe_sent(&error, name);
        // What a client does when it hears again, over whatever connection.
        proxy.heal().await;
        proxy.cut();
        sleep(LONG).await;
        assert_eq!(runs(&server, names) - before, 1, "{name} over {names:?}");
    })
    .await;
}
