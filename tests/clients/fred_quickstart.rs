//! The quickstart on fred: what a program changes is the constructor of its nodes.

use std::time::Duration;

use redlock_testkit::server::RedisServer;
use redlock_toolkit::fred::FredNode;
use redlock_toolkit::{AcquireError, Redlock, ReleaseVerdict};

#[test]
fn the_client_is_named_where_it_is_imported_and_where_nodes_are_made() {
    let example = include_str!("../../examples/quickstart.rs");
    let named: Vec<&str> = example.lines().filter(|line| line.contains("RedisNode")).map(str::trim).collect();
    assert!(named.len() == 2 && named[0].starts_with("use ") && named[1].contains("RedisNode::from_url"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_steps_on_servers() -> Result<(), Box<dyn std::error::Error>> {
    let servers = [RedisServer::start()?, RedisServer::start()?, RedisServer::start()?];
    let urls = servers.each_ref().map(RedisServer::url);
    let nodes = urls.iter().map(FredNode::from_url).collect::<Result<Vec<_>, _>>()?;
    let redlock = Redlock::builder().nodes(nodes).ttl(Duration::from_secs(2)).holder_name("me").build()?;
    let guard = redlock.acquire("nightly-report").await?;
    let refused = redlock.try_acquire("nightly-report").await.expect_err("held");
    assert!(matches!(refused, AcquireError::Held(_)), "{refused}");
    assert_eq!(guard.extend().await?.total, 3);
    assert_eq!(guard.release().await.verdict, ReleaseVerdict::Released);
    redlock.shutdown(Duration::from_secs(1)).await;
    for server in &servers {
        assert_eq!(server.keys()?, 0);
    }
    Ok(())
}
