//! The nodes, the clients, and the ways between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock_core::{
    ConfigError, Holder, Key, KeyFormat, KeyState, LockGuard, LockTicket, Redlock, RestartGuard,
    SeededEntropy, TokioClock,
};
use redlock_memory::MemoryNode;

use super::check::{Checker, progress::Call};
use super::journal::{Journal, name};
use super::observer::Listener;
use super::rare::Rare;
use super::schedule::{ClientPlan, Schedule, Times};
use crate::{Faults, FaultyLink};

pub(super) type Link = FaultyLink<MemoryNode>;

pub(super) struct World {
    pub(super) journal: Journal,
    pub(super) times: Times,
    pub(super) resources: Vec<String>,
    pub(super) nodes: Vec<MemoryNode>,
    pub(super) clients: Vec<Client>,
    /// Locks on their way from one client to another.
    tickets: Mutex<Vec<LockTicket>>,
    /// Guards that their clients lost sight of. Here, and not forgotten for good: thousands of schedules would pile up.
    attic: Mutex<Vec<LockGuard>>,
}

pub(super) struct Client {
    pub(super) redlock: Redlock,
    pub(super) links: Vec<Link>,
    crashed: AtomicBool,
}

impl World {
    pub(super) fn new(schedule: &mut Schedule, tells: bool) -> Result<Self, ConfigError> {
        let clock = TokioClock::new();
        let nodes = (0..schedule.nodes).map(|node| {
            let builder = MemoryNode::builder(format!("n{node}")).clock(Arc::new(clock));
            builder.unix_time(Duration::from_secs(1_700_000_000)).build()
        });
        let nodes: Vec<_> = nodes.collect();
        let journal = Journal::new(tells);
        let times = schedule.times;
        let plans = schedule.clients.iter_mut().enumerate();
        let clients =
            plans.map(|(number, plan)| Client::new(number, plan, (&nodes, &journal), (clock, times)));
        Ok(Self {
            times,
            resources: ["a", "b", "c"].iter().take(schedule.resources).map(ToString::to_string).collect(),
            clients: clients.collect::<Result<_, _>>()?,
            nodes,
            journal,
            tickets: Mutex::default(),
            attic: Mutex::default(),
        })
    }

    /// The clients that live.
    pub(super) fn living(&self) -> impl Iterator<Item = (usize, &Client)> {
        self.clients.iter().enumerate().filter(|(_, client)| !client.is_crashed())
    }

    /// The process of a client ends, as by a power cut: what it has sent still arrives, and nothing else ever leaves it.
    pub(super) fn crash(&self, number: usize) {
        let Some(client) = self.clients.get(number) else { return };
        client.crashed.store(true, Ordering::Relaxed);
        for link in &client.links {
            // What is on its way stays on its way over the old connection; there is no other any more.
            link.reconnect();
            link.refuse();
        }
        self.journal.count(Rare::ClientCrash);
        self.journal.fault();
        self.journal.note(&name(number), || "CRASHES".to_owned());
        self.journal.crashed(number);
    }

    /// Replaces a node's process by one without memory, if that cannot break anything by design: each value on it must
    /// stand on a quorum of other nodes, and as long.
    pub(super) fn forget(&self, node: usize) -> bool {
        let safe =
            self.resources.iter().all(|resource| self.is_dispensable(node, &Key::new(resource.as_str())));
        if let (true, Some(memory)) = (safe, self.nodes.get(node)) {
            memory.restart();
        }
        safe
    }

    fn is_dispensable(&self, node: usize, key: &Key) -> bool {
        let Some(state) = self.nodes.get(node).map(|node| node.peek(key)) else { return false };
        let KeyState::Held { value, remaining } = state else { return state == KeyState::Free };
        let others = self.nodes.iter().enumerate().filter(|(other, _)| *other != node);
        let as_good = others.filter(|(_, other)| {
            matches!(other.peek(key), KeyState::Held { value: found, remaining: left } if found == value && left >= remaining)
        });
        as_good.count() > self.nodes.len() / 2
    }

    /// A call has ended: counts it, and checks that it took no longer than it may.
    pub(super) fn ended(&self, client: usize, call: Call, began: Duration) {
        self.journal.operation();
        let took = self.journal.now().saturating_sub(began);
        if let Some(overdue) = call.overdue(took, self.times) {
            self.journal.violation(Checker::Progress, format!("{}: {overdue}", name(client)));
        }
    }

    pub(super) fn hand_over(&self, ticket: LockTicket) {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
    }

    pub(super) fn take_ticket(&self) -> Option<LockTicket> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(super) fn leak(&self, guard: LockGuard) {
        self.attic.lock().unwrap_or_else(PoisonError::into_inner).push(guard);
    }
}

impl Client {
    fn new(
        number: usize,
        plan: &mut ClientPlan,
        (nodes, journal): (&[MemoryNode], &Journal),
        (clock, times): (TokioClock, Times),
    ) -> Result<Self, ConfigError> {
        let ways = nodes.iter().zip(&plan.ways);
        let links: Vec<_> = ways.map(|(node, (seed, faults))| link(node, *seed, faults)).collect();
        let redlock = Redlock::builder()
            .nodes(links.iter().cloned())
            .key_format(KeyFormat::Raw)
            .ttl(times.ttl)
            .node_timeout(times.node_timeout)
            .retry(times.retry)
            // Nodes keep their data here, and may be dead from the beginning.
            .restart_guard(RestartGuard::Off)
            .holder(Some(Holder::named(name(number))))
            .clock(clock)
            .entropy(SeededEntropy::new(plan.rng.next()))
            .observer(Listener { journal: journal.clone(), client: number })
            .build()?;
        Ok(Self { redlock, links, crashed: AtomicBool::new(false) })
    }

    pub(super) fn is_crashed(&self) -> bool {
        self.crashed.load(Ordering::Relaxed)
    }
}

fn link(node: &MemoryNode, seed: u64, faults: &Faults) -> Link {
    let link = FaultyLink::new(node.clone());
    link.random(seed, faults.clone());
    link
}
