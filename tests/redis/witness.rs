//! Mutual exclusion judged from outside: by a counter on a plain server, to which two processes write.

use std::process::Stdio;

use redlock_testkit::server::RedisServer;
use tokio::process::Command;

use super::support::*;

const PROCESSES: u64 = 2;
const TASKS: u64 = 4;
const INCREMENTS: u64 = 250;

async fn counted(locks: &[RedisServer]) -> u64 {
    let counter = server();
    let address = format!("127.0.0.1:{}", counter.port().expect("a port"));
    let processes = (0..PROCESSES).map(|_| {
        Command::new(env!("CARGO_BIN_EXE_witness"))
            .args([&address, &TASKS.to_string(), &INCREMENTS.to_string()])
            .args(locks.iter().map(RedisServer::url))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("a witness")
    });
    for mut process in processes.collect::<Vec<_>>() {
        assert!(process.wait().await.expect("an end").success());
    }
    let counted = counter.command(["GET", "counter"]).expect("a counter");
    counted.as_text().and_then(|text| text.parse().ok()).expect("a number")
}

/// The control comes first: a witness that cannot see a lost increment proves nothing. hazard: 1, 2
#[tokio::test]
async fn no_increment_is_lost_under_the_lock_and_some_are_without_it() {
    let all = PROCESSES * TASKS * INCREMENTS;
    let without = counted(&[]).await;
    assert!(without < all, "the witness saw no lost increment without a lock: {without} of {all}");
    let locks = [server(), server(), server()];
    assert_eq!(counted(&locks).await, all, "increments were lost under the lock");
    for node in &locks {
        assert_eq!(node.keys().expect("keys"), 0, "a key was left behind");
    }
}
