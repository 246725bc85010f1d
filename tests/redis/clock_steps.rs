//! A node whose wall clock is set while it holds a lock: what that does, and how far it goes. That the clocks of nodes run
//! at about the same speed is an assumption of the algorithm, so this is a limit that is stated, not one that is removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use redlock_core::{KeyState, Redlock};
use redlock_testkit::server::RedisServer;

use super::support::*;

const TTL: Duration = Duration::from_secs(30);

/// A server whose clock is shifted by what stands in a file.
pub(crate) struct Shifted {
    pub(crate) server: RedisServer,
    file: PathBuf,
}

impl Shifted {
    pub(crate) fn start(name: &str) -> Self {
        let file = scratch().join(format!("{name}-{}.shift", std::process::id()));
        fs::write(&file, [0; 8]).expect("a file");
        let builder = RedisServer::builder().env("LD_PRELOAD", shim()).env("CLOCKSHIM_FILE", &file);
        Self { server: builder.start().expect("a server"), file }
    }

    /// Sets the server's clock to `seconds` from the right time. In place: the server has mapped the file.
    pub(crate) fn set_clock(&self, seconds: i64) {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(&self.file).expect("the file");
        file.write_all_at(&(seconds * 1_000_000).to_ne_bytes(), 0).expect("written");
    }
}

impl Drop for Shifted {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Compiled by the C compiler with which Rust links, so there is one wherever this test was built.
fn shim() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("redis/clock_shim.c");
    let library = scratch().join(format!("clock_shim-{}.so", std::process::id()));
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled =
        Command::new(compiler).args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(source).status();
    assert!(compiled.expect("a C compiler").success());
    library
}

fn remaining(state: &KeyState) -> Option<Duration> {
    match state {
        KeyState::Held { remaining, .. } => *remaining,
        other => panic!("held: {other:?}"),
    }
}

/// hazard: 22
#[tokio::test]
async fn a_clock_set_forward_on_one_node_ends_the_lease_there_and_the_quorum_keeps_it() {
    let shifted = Shifted::start("forward");
    let right = [server(), server()];
    let nodes = [node(&shifted.server), node(&right[0]), node(&right[1])];
    let redlock = Redlock::builder().nodes(nodes).ttl(TTL).node_timeout(AMPLE).build().expect("a redlock");
    let guard = redlock.acquire("x").await.expect("free");
    let key = node(&shifted.server);
    eventually("granted there", async || state(&key, "redlock:x").await != KeyState::Free).await;

    shifted.set_clock(40);
    assert_eq!(state(&key, "redlock:x").await, KeyState::Free, "40 s kill a lease of 30 s");
    assert!(redlock.try_acquire("x").await.is_err(), "the other two hold it");
    let extension = guard.extend().await.expect("the quorum's");
    assert!(extension.confirmed >= 2);
    eventually("healed", async || state(&key, "redlock:x").await != KeyState::Free).await;
    assert!(guard.release().await.is_released());
}

/// hazard: 22
#[tokio::test]
async fn a_clock_set_back_makes_a_leftover_of_one_node_last_and_blocks_no_quorum() {
    let shifted = Shifted::start("back");
    let node = node(&shifted.server);
    assert!(granted(&ask(&node, acquire(&["redlock:x"], "mine", 30_000)).await));
    shifted.set_clock(-3_600);
    let left = remaining(&state(&node, "redlock:x").await).expect("an expiry");
    assert!(left > Duration::from_secs(3_600), "an hour more: {left:?}");

    // Whoever looks at the nodes can see it: the clock of this one is an hour behind.
    let (wrong, right) = (description(&node).await.time, description(&self::node(&server())).await.time);
    let behind = right.expect("a time").saturating_sub(wrong.expect("a time"));
    assert!(behind > Duration::from_secs(3_590), "{behind:?}");

    let others = [server(), server()];
    let nodes = [node, self::node(&others[0]), self::node(&others[1])];
    let redlock = Redlock::builder().nodes(nodes).ttl(TTL).node_timeout(AMPLE).build().expect("a redlock");
    assert!(redlock.try_acquire("x").await.is_ok(), "two of three are free");
}
