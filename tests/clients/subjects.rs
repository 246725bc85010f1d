//! Every way to make a node on a Redis client, in one list: each test of this lane runs on each of them.
//!
//! A subject is one constructor of one backend. What it cannot do by its nature decides in which of the lists below it
//! stands, and what it does instead has a test of its own.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use fred::clients::Client;
use fred::interfaces::ClientLike;
use fred::types::config::{Config, ReconnectPolicy};
use fred::types::{Builder, ConnectHandle};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClientBuilder, NodeAddress};
use redlock_core::{
    Backend, BackendError, Capabilities, Command, Inbox, NodeName, Notifications, Reply, async_trait,
};
use redlock_fred::FredNode;
use redlock_redis_rs::RedisNode;
use redlock_testkit::server::{RedisServer, RedisServerBuilder};
use redlock_tests::support::AMPLE;
use tokio::time::Instant;

use super::certificates;

/// A node, and what must live as long as it does.
pub(crate) struct Node {
    backend: Arc<dyn Backend>,
    _kept: Option<Box<dyn Any + Send + Sync>>,
}

impl Node {
    pub(crate) fn of(backend: impl Backend) -> Self {
        Self { backend: Arc::new(backend), _kept: None }
    }

    pub(crate) fn keeping(backend: impl Backend, kept: impl Any + Send + Sync) -> Self {
        Self { backend: Arc::new(backend), _kept: Some(Box::new(kept)) }
    }
}

#[async_trait]
impl Backend for Node {
    fn node(&self) -> &NodeName {
        self.backend.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.backend.execute(command, deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.backend.notifications(inbox)
    }
}

/// One way to make a node.
pub(crate) trait Subject: 'static {
    /// What the server must be started with.
    fn server() -> RedisServerBuilder {
        RedisServer::builder()
    }

    /// What the server must be told before it is used.
    fn prepare(_server: &RedisServer) {}

    /// A node on that server, which is reached at `url`: by way of a proxy, or as another user.
    async fn connect(server: &RedisServer, url: String) -> Node;
}

pub(crate) fn server<S: Subject>() -> RedisServer {
    server_with::<S>(S::server())
}

pub(crate) fn server_with<S: Subject>(builder: RedisServerBuilder) -> RedisServer {
    let server = builder.start().expect("a server");
    S::prepare(&server);
    server
}

pub(crate) async fn node<S: Subject>(server: &RedisServer) -> Node {
    S::connect(server, server.url()).await
}

pub(crate) async fn server_and_node<S: Subject>() -> (RedisServer, Node) {
    let server = server::<S>();
    let node = node::<S>(&server).await;
    (server, node)
}

/// Three servers with a node each.
pub(crate) async fn three<S: Subject>() -> ([RedisServer; 3], [Node; 3]) {
    let servers = [server::<S>(), server::<S>(), server::<S>()];
    let nodes = [node::<S>(&servers[0]).await, node::<S>(&servers[1]).await, node::<S>(&servers[2]).await];
    (servers, nodes)
}

/// `RedisNode::from_url`.
pub(crate) struct RedisUrl;

impl Subject for RedisUrl {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        Node::of(RedisNode::from_url(url).expect("a node"))
    }
}

/// From a `redis::Client`.
pub(crate) struct RedisClient;

impl Subject for RedisClient {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        let client = redis::Client::open(url).expect("a client");
        Node::of(RedisNode::builder(client).build().expect("a node"))
    }
}

/// From a `redis::aio::MultiplexedConnection` as the client makes it: its channel takes 50 commands.
///
/// It never reconnects, so it stands in the first list only: `handed_over` shows what it does instead.
pub(crate) struct RedisConnection;

impl Subject for RedisConnection {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        let client = redis::Client::open(&*url).expect("a client");
        let connection = client.get_multiplexed_async_connection().await.expect("a connection");
        Node::of(RedisNode::builder(connection).name(url).build().expect("a node"))
    }
}

/// From a `redis::aio::ConnectionManager` that does not try again by itself.
///
/// It never leaves a connection that is silent and open, so it does not stand in the last list: `handed_over` shows
/// what it does instead.
pub(crate) struct RedisManager;

impl Subject for RedisManager {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        let client = redis::Client::open(&*url).expect("a client");
        let config = ConnectionManagerConfig::new().set_number_of_retries(0);
        let manager = ConnectionManager::new_lazy_with_config(client, config).expect("a manager");
        Node::of(RedisNode::builder(manager).name(url).build().expect("a node"))
    }
}

/// From a `redis::cluster::ClusterClientBuilder`, over a cluster of one master.
pub(crate) struct RedisCluster;

impl Subject for RedisCluster {
    fn server() -> RedisServerBuilder {
        RedisServer::builder().args(["--cluster-enabled", "yes"])
    }

    fn prepare(server: &RedisServer) {
        own_slots(server, 0..=16_383);
        let deadline = std::time::Instant::now() + AMPLE;
        let up = || server.command(["CLUSTER", "INFO"]).expect("CLUSTER INFO");
        while !up().as_text().expect("text").contains("cluster_state:ok") {
            assert!(std::time::Instant::now() < deadline, "the cluster does not come up");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    async fn connect(server: &RedisServer, url: String) -> Node {
        let port = |url: &str| url.rsplit(':').next().expect("a port").parse().expect("a port");
        let place = |url: &str| NodeAddress::new("127.0.0.1", port(url));
        let by_proxy = HashMap::from([(place(&server.url()), place(&url))]);
        let builder = ClusterClientBuilder::new([&*url]).node_address_map(by_proxy);
        Node::of(RedisNode::builder(builder).name(url).build().expect("a node"))
    }
}

/// Gives a node of a cluster its slots.
pub(crate) fn own_slots(server: &RedisServer, slots: std::ops::RangeInclusive<u16>) {
    let slots = slots.map(|slot| slot.to_string());
    let words = ["CLUSTER", "ADDSLOTS"].map(str::to_owned).into_iter().chain(slots);
    server.command(words).expect("CLUSTER ADDSLOTS");
}

/// From a pool of `deadpool-redis`.
pub(crate) struct RedisPool;

impl Subject for RedisPool {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        let pool = deadpool_redis::Config::from_url(&*url);
        let pool = pool.create_pool(Some(deadpool_redis::Runtime::Tokio1)).expect("a pool");
        Node::of(RedisNode::builder(pool).name(url).build().expect("a node"))
    }
}

/// `RedisNode::from_url` of a `rediss://` URL.
pub(crate) struct RedisTls;

impl Subject for RedisTls {
    fn server() -> RedisServerBuilder {
        certificates::secure(RedisServer::builder())
    }

    async fn connect(_server: &RedisServer, url: String) -> Node {
        let url = url.replace("redis://", "rediss://");
        // A server that loads takes part in a handshake only now and then.
        let builder = RedisNode::builder(url).tls(certificates::trusting()).connect_timeout(AMPLE);
        Node::of(builder.build().expect("a node"))
    }
}

/// `FredNode::from_url`.
pub(crate) struct FredUrl;

impl Subject for FredUrl {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        Node::of(FredNode::from_url(url).expect("a node"))
    }
}

/// `FredNode::from_url` of a `rediss://` URL.
pub(crate) struct FredTls;

impl Subject for FredTls {
    fn server() -> RedisServerBuilder {
        certificates::secure(RedisServer::builder())
    }

    async fn connect(_server: &RedisServer, url: String) -> Node {
        let url = url.replace("redis://", "rediss://");
        // A server that loads takes part in a handshake only now and then.
        let builder = FredNode::builder(url).tls(certificates::trusting()).connect_timeout(AMPLE);
        Node::of(builder.build().expect("a node"))
    }
}

/// `FredNode::from_client`, of a client that replays commands by its own settings, as fred's clients do.
pub(crate) struct FredClient;

impl Subject for FredClient {
    async fn connect(_server: &RedisServer, url: String) -> Node {
        let (client, driver) = fred_client(&url);
        Node::keeping(FredNode::from_client(client).expect("a node"), driver)
    }
}

/// A client with fred's own settings but for those without which it would not come back, and what drives it.
pub(crate) fn fred_client(url: &str) -> (Client, Driver) {
    let mut config = Config::from_url(url).expect("a configuration");
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    let client =
        builder.set_policy(ReconnectPolicy::new_exponential(0, 1, 250, 2)).build().expect("a client");
    let driver = Driver(client.connect());
    (client, driver)
}

/// Ends what drives a client of fred.
pub(crate) struct Driver(ConnectHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs each test on every subject that replaces a connection which is open and answers no more.
macro_rules! each_replacing_client {
    ($($test:ident),+ $(,)?) => {
        $crate::subjects::on_subjects!([
            redis_url: RedisUrl,
            redis_client: RedisClient,
            redis_pool: RedisPool,
            redis_tls: RedisTls,
            fred_url: FredUrl,
            fred_tls: FredTls,
            fred_client: FredClient,
        ] [$($test),+]);
    };
}

/// Runs each test on every subject that makes another connection where one has ended.
macro_rules! each_healing_client {
    ($($test:ident),+ $(,)?) => {
        $crate::subjects::each_replacing_client! { $($test),+ }
        $crate::subjects::on_subjects!([
            redis_manager: RedisManager,
        ] [$($test),+]);
    };
}

/// Runs each test on every subject that is made without a connection, and connects at its first command: those that heal, since
/// both take whatever makes connections.
macro_rules! each_lazy_client {
    ($($test:ident),+ $(,)?) => {
        $crate::subjects::each_healing_client! { $($test),+ }
    };
}

/// Runs each test on every subject.
macro_rules! each_client {
    ($($test:ident),+ $(,)?) => {
        $crate::subjects::each_healing_client! { $($test),+ }
        $crate::subjects::on_subjects!([
            redis_connection: RedisConnection,
        ] [$($test),+]);
    };
}

/// Runs each test on every subject, and on a cluster: for tests whose commands have keys of one slot each, and ask a server
/// for nothing else.
macro_rules! each_client_and_cluster {
    ($($test:ident),+ $(,)?) => {
        $crate::subjects::each_client! { $($test),+ }
        $crate::subjects::on_subjects!([
            redis_cluster: RedisCluster,
        ] [$($test),+]);
    };
}

macro_rules! on_subjects {
    ([$($module:ident: $subject:ident,)+] $tests:tt) => {
        $($crate::subjects::on_subjects!(@ $module $subject $tests);)+
    };
    (@ $module:ident $subject:ident [$($test:ident),+]) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test::<$crate::subjects::$subject>().await;
            })+
        }
    };
}

pub(crate) use {
    each_client, each_client_and_cluster, each_healing_client, each_lazy_client, each_replacing_client,
    on_subjects,
};
