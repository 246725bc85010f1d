//! A Redis Cluster as one vote.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{Arg, Cmd, RedisResult, Value};
use redlock_core::BackendError;

use super::socket::{KEEPALIVE, USER_TIMEOUT};
use super::{Kind, Source};
use crate::batches::{Batches, Carried, Carrier};
use crate::convert;
use crate::handshake::{Peer, QUESTIONS, questions, refusal};
use crate::wire::{Made, Supply, Wire};

impl From<ClusterClientBuilder> for Source {
    /// The cluster that this builder's client is for: **one vote**, however many masters it has. A quorum needs several
    /// clusters, or other nodes beside it.
    ///
    /// The node sets the client's retries to 0, since they send a command again whose reply was lost; and its TCP settings,
    /// so that a silent master is left within seconds and a closed connection is a reset one. So a slot that has moved costs
    /// one command, whose error ([`ClusterState`](redlock_core::FaultKind::ClusterState)) says that it was not executed.
    /// Commands for one slot go one at a time; those for different slots do not wait for each other. The client's connection
    /// timeout becomes a third of the node's [`connect_timeout`](crate::RedisNodeBuilder::connect_timeout), so that a master
    /// that hangs costs the slots of the others no more than that while it is connected to.
    ///
    /// It claims [`SLOTS`](redlock_core::Capabilities::SLOTS), and answers no admin command: a description, a marker or a
    /// page of keys would be one master's, and not true of the others. So the restart guard knows nothing of it, and
    /// [`RestartGuard::Off`](redlock_core::RestartGuard::Off) must be chosen. Its user must be allowed `CLIENT ID` and `INFO`, by
    /// which a new connection to any master is noticed; that is a new epoch for the whole cluster.
    fn from(builder: ClusterClientBuilder) -> Self {
        let settings = TcpSettings::default()
            .set_nodelay(true)
            .set_linger_time(Duration::ZERO)
            .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let settings = settings.set_user_timeout(USER_TIMEOUT);
        Self(Kind::Cluster(Box::new(builder.retries(0).tcp_settings(settings))))
    }
}

/// How long the client may try each server. It tries the seeds all at once, and then the masters; a third of the time is left
/// for the questions who they are.
pub(super) fn time_for_each(connect_timeout: Duration) -> Duration {
    connect_timeout / 3
}

/// The masters of a cluster, and every connection to one that may still have something under way.
pub(crate) struct Clustered {
    client: ClusterClient,
    met: Arc<Mutex<Vec<Peer>>>,
}

impl Clustered {
    pub(crate) fn new(client: ClusterClient) -> Self {
        Self { client, met: Arc::default() }
    }
}

#[async_trait]
impl Supply for Clustered {
    async fn connect(&self, _before: Option<Peer>) -> Result<Made, BackendError> {
        let lost = |error| convert::not_connected(&error);
        let mut cluster = self.client.get_async_connection().await.map_err(lost)?;
        let masters = introduce(&mut cluster).await.map_err(lost)?;
        // Before any command: each would be executed, and its answer taken for none.
        if let Some(refusal) = masters.iter().find_map(|(_, answers)| refusal(answers, REMEDY)) {
            return Err(refusal);
        }
        let masters: Vec<_> =
            masters.into_iter().map(|(place, answers)| (place, Peer::of(&answers))).collect();
        let before = lock(&self.met).clone();
        for (address, master) in &masters {
            for kill in before.iter().filter_map(|before| master.end_of(before)) {
                cluster.route_command(kill, RoutingInfo::SingleNode(address.clone())).await.map_err(lost)?;
            }
        }
        let masters: Vec<Peer> = masters.into_iter().map(|(_, peer)| peer).collect();
        lock(&self.met).clone_from(&masters);
        let carrier = Slots { cluster, masters, met: Arc::clone(&self.met) };
        Ok(Made { wire: Box::new(Batches::over(carrier)) as Box<dyn Wire>, peer: Peer::default() })
    }

    fn awaited(&self) -> &'static str {
        "the masters of the cluster"
    }

    fn is_cluster(&self) -> bool {
        true
    }
}

fn lock(met: &Mutex<Vec<Peer>>) -> MutexGuard<'_, Vec<Peer>> {
    met.lock().unwrap_or_else(PoisonError::into_inner)
}

const REMEDY: &str = "without CLIENT ID and INFO nobody knows when a cluster's client has reconnected: grant both on every master";

/// What the masters answer to the questions who they are.
async fn introduce(cluster: &mut ClusterConnection) -> RedisResult<Vec<(SingleNodeRoutingInfo, Vec<Value>)>> {
    let mut answers: HashMap<String, Vec<Value>> = HashMap::new();
    for question in questions().cmd_iter() {
        let everywhere = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let Value::Map(replies) = cluster.route_command(question.clone(), everywhere).await? else {
            continue;
        };
        for (address, reply) in replies {
            let address: String = redis::from_redis_value(address)?;
            answers.entry(address).or_default().push(reply);
        }
    }
    let placed = |(address, answers): (String, Vec<Value>)| {
        let (host, port) = address.rsplit_once(':')?;
        let (host, port) = (host.to_owned(), port.parse().ok()?);
        Some((SingleNodeRoutingInfo::ByAddress { host, port }, answers))
    };
    Ok(answers.into_iter().filter_map(placed).collect())
}

/// Carries commands to the master of their slot, each with the proof of the connection over which it went.
struct Slots {
    cluster: ClusterConnection,
    masters: Vec<Peer>,
    met: Arc<Mutex<Vec<Peer>>>,
}

#[async_trait]
impl Carrier for Slots {
    type Lane = Route;
    /// An error of the cluster is one for the whole batch, and must not hide that a part of it was executed.
    const LIMIT: usize = 1;

    fn lane(&self, command: &Cmd) -> Route {
        let mut words = command.args_iter().filter_map(|word| match word {
            Arg::Simple(word) => Some(word),
            _ => None,
        });
        let is_script = words.next().is_some_and(|name| name.starts_with(b"EVAL"));
        // Behind its digest and the number of its keys.
        let key = if is_script { words.nth(2) } else { words.next() };
        Route::with_key(key.unwrap_or_default(), SlotAddr::Master)
    }

    async fn carry(&self, slot: Route, batch: &[Cmd]) -> Carried {
        let mut pipeline = questions();
        for command in batch {
            pipeline.add_command(command.clone());
        }
        let (place, mut cluster) = (SingleNodeRoutingInfo::SpecificNode(slot), self.cluster.clone());
        match cluster.route_pipeline(pipeline, 0, QUESTIONS + batch.len(), place).await {
            Ok(replies) => self.judge(replies),
            Err(error) => Carried::failed(&error, batch.len()),
        }
    }
}

impl Slots {
    fn judge(&self, mut replies: Vec<Value>) -> Carried {
        let answers: Vec<_> = replies.drain(..replies.len().min(QUESTIONS)).collect();
        let found = Peer::of(&answers);
        let carried = Carried::replied(replies);
        if found.is_known() && self.masters.contains(&found) {
            return carried;
        }
        let known = found.is_known();
        if known {
            lock(&self.met).push(found);
        }
        carried.unproven(known)
    }
}
