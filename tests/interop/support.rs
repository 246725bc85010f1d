//! What the tests of this lane share.

use std::time::Duration;

use redlock_core::{KeyFormat, Redlock, RetryPolicy};
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::{Program, RedisServer};

/// Three servers of one program, each a vote.
pub(crate) struct Nodes {
    pub(crate) edition: String,
    pub(crate) servers: Vec<RedisServer>,
}

impl Nodes {
    /// Of each program that there is.
    pub(crate) fn of_each() -> Vec<Self> {
        let all: Vec<Self> = Program::all().expect("a program").iter().map(Self::of).collect();
        println!("on {}", all.iter().map(|nodes| nodes.edition.as_str()).collect::<Vec<_>>().join(", "));
        all
    }

    /// Of the default program.
    pub(crate) fn of_default() -> Self {
        Self::of(&Program::find().expect("a program"))
    }

    fn of(program: &Program) -> Self {
        let servers: Vec<_> = (0..3).map(|_| start(program)).collect();
        let first = servers.first().expect("three servers");
        Self { edition: first.edition().expect("an edition"), servers }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.servers.iter().map(RedisServer::url).collect()
    }

    pub(crate) fn ports(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.port().expect("a port").to_string()).collect()
    }

    pub(crate) fn backends(&self) -> Vec<RedisNode> {
        self.urls().iter().map(|url| RedisNode::from_url(url.as_str()).expect("a node")).collect()
    }

    /// Ours, with the keys that the others use.
    pub(crate) fn redlock(&self) -> Redlock {
        let soon =
            RetryPolicy { retries: None, delay: Duration::from_millis(2), jitter: Duration::from_millis(2) };
        Redlock::builder()
            .nodes(self.backends())
            .key_format(KeyFormat::Raw)
            .retry(soon)
            .ttl(Duration::from_secs(20))
            .build()
            .expect("a configuration")
    }

    /// Waits until every lease has ended.
    pub(crate) async fn emptied(&self) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while self.servers.iter().any(|server| server.keys().expect("keys") > 0) {
            assert!(tokio::time::Instant::now() < deadline, "{}: a key does not go away", self.edition);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn start(program: &Program) -> RedisServer {
    RedisServer::builder().program(program.clone()).start().expect("a server")
}
