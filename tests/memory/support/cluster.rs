use std::sync::Arc;
use std::time::Duration;

use redlock_core::{
    Clock, Command, Key, KeyState, LockValue, Redlock, RedlockBuilder, RetryPolicy, SeededEntropy,
    TokioClock, Ttl,
};
use redlock_memory::MemoryNode;
use redlock_testkit::{FaultyLink, Plan};

use super::ms;
use super::wall::{NOON, Wall};

pub(crate) type Link = FaultyLink<MemoryNode>;

/// The lease of every client here, unless a test says otherwise; its nodes have 50 ms to answer.
pub(crate) const TTL: Duration = Duration::from_secs(1);
/// What of it may be believed: less 1 % and 2 ms.
pub(crate) const VALIDITY: Duration = Duration::from_millis(988);

/// Embedded nodes in virtual time, each behind a link whose delivery a test decides.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) links: Vec<Link>,
}

impl Cluster {
    pub(crate) fn of(nodes: usize) -> Self {
        Self { links: MemoryNode::cluster_on(TokioClock::new(), nodes).into_iter().map(Link::new).collect() }
    }

    /// Nodes whose wall clocks say this when they are built.
    pub(crate) fn with_wall_clocks(times: &[Duration]) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
        let nodes = times.iter().zip(1..).map(|(time, number)| {
            let node = MemoryNode::builder(format!("memory-{number}"));
            Link::new(node.clock(Arc::clone(&clock)).unix_time(*time).build())
        });
        Self { links: nodes.collect() }
    }

    /// The same, with every node known as a member of the deployment: not its first boot.
    pub(crate) async fn in_use(nodes: usize) -> Self {
        let cluster = Self::of(nodes);
        assert!(cluster.client("the first").verify_nodes().await.is_sound());
        cluster
    }

    /// The same nodes behind links of their own, for a client with other connections.
    pub(crate) fn other_links(&self) -> Self {
        Self { links: self.links.iter().map(|link| Link::new(link.inner().clone())).collect() }
    }

    /// A client with that holder's name; its tokens and its jitter follow from it.
    pub(crate) fn client(&self, name: &str) -> Redlock {
        self.builder(name).build().expect("a valid configuration")
    }

    pub(crate) fn builder(&self, name: &str) -> RedlockBuilder {
        Redlock::builder()
            .nodes(self.links.clone())
            .clock(TokioClock::new())
            .wall_clock(Wall::at(NOON))
            .entropy(SeededEntropy::new(name.bytes().fold(7, |seed, byte| seed * 31 + u64::from(byte))))
            .holder_name(name)
            .ttl(TTL)
            .retry(RetryPolicy { retries: Some(3), delay: ms(20), jitter: ms(10) })
    }

    pub(crate) fn always(&self, plan: &Plan) {
        for link in &self.links {
            link.always(plan.clone());
        }
    }

    pub(crate) fn once(&self, command: &'static str, plan: &Plan) {
        for link in &self.links {
            link.once(command, plan.clone());
        }
    }

    /// Whether no node holds any key.
    pub(crate) fn is_free(&self) -> bool {
        self.links.iter().all(|link| link.inner().is_empty())
    }

    /// How many commands of that name have reached their nodes.
    pub(crate) fn count(&self, command: &str) -> usize {
        let logs = self.links.iter().flat_map(FaultyLink::log);
        logs.filter(|delivery| delivery.command.name() == command).count()
    }

    /// How many commands about locks have reached that node.
    pub(crate) fn lock_commands(&self, node: usize) -> usize {
        let log = self.links[node].log();
        log.iter().filter(|delivery| matches!(delivery.command, Command::Lock(_))).count()
    }

    /// How many commands were sent, those on their way included.
    pub(crate) fn sent(&self) -> usize {
        self.links.iter().map(|link| link.log().len() + link.pending()).sum()
    }

    /// Whose lock each node holds; empty where it holds none.
    pub(crate) fn holders(&self, resource: &str) -> Vec<String> {
        let key = Key::new(format!("redlock:{resource}"));
        let name = |link: &Link| match link.inner().peek(&key) {
            KeyState::Held { value, .. } => {
                value.holder().and_then(|holder| holder.name).unwrap_or_else(|| "?".to_owned())
            }
            KeyState::Foreign { kind, .. } => kind,
            _ => String::new(),
        };
        self.links.iter().map(name).collect()
    }

    /// The same, when all that was under way is over.
    pub(crate) async fn quiet_holders(&self, resource: &str) -> Vec<String> {
        self.quiet().await;
        self.holders(resource)
    }

    /// How long each node keeps the key.
    pub(crate) fn remaining(&self, resource: &str) -> Vec<Duration> {
        let key = Key::new(format!("redlock:{resource}"));
        let remaining = |link: &Link| match link.inner().peek(&key) {
            KeyState::Held { remaining, .. } => remaining.unwrap_or(Duration::MAX),
            _ => Duration::ZERO,
        };
        self.links.iter().map(remaining).collect()
    }

    /// The fencing counter of each node; 0 where it has none.
    pub(crate) fn counters(&self, resource: &str) -> Vec<u64> {
        let key = Key::new(format!("redlock:{resource}")).fence();
        let number = |link: &Link| match link.inner().peek(&key) {
            KeyState::Held { value, .. } => {
                std::str::from_utf8(value.as_bytes()).expect("digits").parse().expect("a number")
            }
            _ => 0,
        };
        self.links.iter().map(number).collect()
    }

    /// Sets the fencing counter of each node.
    pub(crate) fn set_counters(&self, resource: &str, numbers: &[u64]) {
        let key = Key::new(format!("redlock:{resource}")).fence();
        for (link, number) in self.links.iter().zip(numbers) {
            link.inner().insert(&key, LockValue::from_bytes(number.to_string().into_bytes()), Some(Ttl::DAY));
        }
    }

    /// Long enough for every roll-back and straggler to end, and far below the ttl.
    pub(crate) async fn quiet(&self) {
        tokio::time::sleep(ms(200)).await;
        for link in &self.links {
            link.settle().await;
        }
    }
}
