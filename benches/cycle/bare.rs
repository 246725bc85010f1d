//! What a careful program would write by hand on the same client.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo};
use tokio_util::task::TaskTracker;

use crate::Fallible;

pub(crate) struct Bare {
    connections: Vec<MultiplexedConnection>,
    /// The SHA-1 of the compare-and-delete script, which every server has loaded.
    release: String,
    background: TaskTracker,
}

const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

impl Bare {
    pub(crate) async fn connect(urls: &[String]) -> Fallible<Self> {
        let mut connections = Vec::new();
        for url in urls {
            let info = url.as_str().into_connection_info()?;
            let info = info.clone().set_tcp_settings(info.tcp_settings().clone().set_nodelay(true));
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(1)));
            connections
                .push(Client::open(info)?.get_multiplexed_async_connection_with_config(&config).await?);
        }
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(RELEASE);
        let mut release = String::new();
        for connection in &mut connections {
            release = load.query_async(connection).await?;
        }
        Ok(Self { connections, release, background: TaskTracker::new() })
    }

    pub(crate) async fn cycle(&self, resource: &str) -> Fallible<()> {
        let key = format!("bare:{resource}");
        let value = format!("{:032x}", random()?);
        let mut set = Cmd::new();
        set.arg("SET").arg(&key).arg(&value).arg("NX").arg("PX").arg(30_000);
        self.majority(set).await?;
        let mut release = Cmd::new();
        release.arg("EVALSHA").arg(&self.release).arg(1).arg(&key).arg(&value);
        self.majority(release).await
    }

    pub(crate) async fn finish(&self) {
        self.background.close();
        self.background.wait().await;
    }

    async fn majority(&self, command: Cmd) -> Fallible<()> {
        let mut calls = FuturesUnordered::new();
        for connection in &self.connections {
            let (mut connection, command) = (connection.clone(), command.clone());
            calls.push(async move { command.query_async::<redis::Value>(&mut connection).await });
        }
        let mut agreed = 0;
        while let Some(reply) = calls.next().await {
            agreed += usize::from(!matches!(reply?, redis::Value::Nil | redis::Value::Int(0)));
            if agreed > self.connections.len() / 2 {
                break;
            }
        }
        if !calls.is_empty() {
            self.background.spawn(async move { while calls.next().await.is_some() {} });
        }
        if agreed > self.connections.len() / 2 { Ok(()) } else { Err("no majority".into()) }
    }
}

fn random() -> Fallible<u128> {
    use redlock_core::{Entropy, OsEntropy};
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}
