//! What a careful program would write by hand on the same client.

use std::task::Poll;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, Value};
use tokio::sync::Semaphore;
use tokio::task::coop::unconstrained;
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
            // As large as it gets: a call that waits for a place in the pipeline loses its place in the order.
            let config = AsyncConnectionConfig::new()
                .set_response_timeout(Some(Duration::from_secs(1)))
                .set_pipeline_buffer_size(Semaphore::MAX_PERMITS);
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
        let needed = self.connections.len() / 2 + 1;
        let mut agreed = 0;
        let calls = FuturesUnordered::new();
        for connection in &self.connections {
            let (mut connection, command) = (connection.clone(), command.clone());
            let call = async move { command.query_async::<Value>(&mut connection).await };
            let mut call = Box::pin(unconstrained(call));
            // Each is polled before any is awaited, and without the cooperative budget that makes a first poll a mere yield:
            // otherwise a release overtakes the acquire of a straggler, whose key stays (seen: 16 to 70 keys a run).
            match futures::poll!(&mut call) {
                Poll::Ready(reply) => agreed += agrees(&reply?),
                Poll::Pending => calls.push(call),
            }
        }
        let mut calls = calls;
        while agreed < needed {
            let reply = calls.next().await.ok_or("no majority")?;
            agreed += agrees(&reply?);
        }
        if !calls.is_empty() {
            self.background.spawn(async move { while calls.next().await.is_some() {} });
        }
        Ok(())
    }
}

fn agrees(reply: &Value) -> usize {
    usize::from(!matches!(reply, Value::Nil | Value::Int(0)))
}

fn random() -> Fallible<u128> {
    use redlock_core::{Entropy, OsEntropy};
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes)?;
    Ok(u128::from_ne_bytes(bytes))
}
