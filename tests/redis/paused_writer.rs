//! A process is stopped past its ttl, between its last look at the lock and its write: `examples/paused_writer.rs`.

use redlock_testkit::server::RedisServer;
use tokio::process::Command;

use super::support::*;

/// What the example tells, and what its store holds then.
async fn told(flags: &[&str]) -> (String, String) {
    let (nodes, store) = ([server(), server(), server()], server());
    let urls = nodes.iter().chain([&store]).map(RedisServer::url);
    let mut example = Command::new(env!("CARGO_BIN_EXE_paused_writer"));
    let output = example.args(flags).args(urls).kill_on_drop(true).output().await.expect("an example");
    let story = String::from_utf8(output.stdout).expect("text");
    println!("{story}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    let balance = store.command(["HGET", "balance", "value"]).expect("HGET");
    (story, balance.as_text().expect("a balance").to_owned())
}

/// hazard: 25
#[tokio::test]
async fn the_late_write_of_a_stopped_process_is_refused() {
    let (story, balance) = told(&[]).await;
    assert_eq!(balance, "105", "the second writer's update");
    assert!(story.contains("first writer: refused: fencing token") && story.contains("is stale"), "{story}");
    assert!(!story.contains("the lock is still valid"), "{story}");
}

/// The control: without tokens the same run loses an update, although the lock has told both writers the truth.
///
/// hazard: 25
#[tokio::test]
async fn without_fencing_the_same_run_loses_an_update() {
    let (story, balance) = told(&["--without-fencing"]).await;
    assert_eq!(balance, "110", "the first writer's late write");
    assert!(story.contains("first writer: wrote 110") && !story.contains("still valid"), "{story}");
}
