//! A service behind sentinels, as one vote.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use redlock_core::{Backend, Capabilities};
use redlock_fred::FredNode;
use redlock_testkit::server::{Program, RedisServer};
use redlock_tests::support::*;

/// A sentinel that watches one server, under the name `main`.
struct Sentinel {
    process: Child,
    settings: std::path::PathBuf,
    port: u16,
}

impl Sentinel {
    fn of(server: &RedisServer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let settings = std::env::temp_dir().join(format!("redlock-sentinel-{}-{port}", std::process::id()));
        let mut file = std::fs::File::create(&settings).expect("a file");
        let watched = server.port().expect("a port");
        writeln!(file, "bind 127.0.0.1\nport {port}\nsentinel monitor main 127.0.0.1 {watched} 1")
            .expect("written");
        let mut command = Command::new(Program::find().expect("a program").path());
        if let Some(libraries) = std::env::var_os("REDLOCK_REDIS_LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        let command = command.arg(&settings).arg("--sentinel").stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: command.spawn().expect("a sentinel"), settings, port }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.settings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_master_is_the_node() {
    let mut server = RedisServer::start().expect("a server");
    let sentinel = Sentinel::of(&server);
    let url = format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=main", sentinel.port);
    let node = FredNode::from_url(url).expect("a node");
    assert_eq!(node.node().as_str(), format!("main@127.0.0.1:{}", sentinel.port));
    assert!(node.capabilities().contains(Capabilities::DESCRIBE));
    // The sentinel starts, too.
    eventually("in use", async || execute(&node, acquire(&["a"], "mine", 60_000)).await.is_ok()).await;
    assert_eq!(server.keys().expect("keys"), 1);
    server.restart().expect("restarted");
    eventually("in use again", async || execute(&node, acquire(&["b"], "mine", 60_000)).await.is_ok()).await;
    assert_eq!(server.keys().expect("keys"), 1);
}
