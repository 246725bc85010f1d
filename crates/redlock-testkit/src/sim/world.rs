//! The nodes, the clients, and the ways between them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock_core::{
    AdminCommand, AdminReply, Backend, ConfigError, FencingToken, Holder, Key, KeyFormat, KeyState,
    LockGuard, LockTicket, Marker, NodeId, Redlock, Reply, SeededEntropy, Ttl,
};
use redlock_memory::MemoryNode;
use tokio::time::{Instant, sleep};

use super::check::Checker;
use super::check::progress::{Call, Rounds};
use super::clocks::{Rate, RunningClock, SetClock};
use super::journal::{Host, Journal, name};
use super::observer::Listener;
use super::process::{Port, Process};
use super::rare::Rare;
use super::schedule::{ClientPlan, ClockPlan, Clocks, Deployment, NodePlan, Schedule, Start, Times};
use super::store::{Store, Written};
use crate::{Faults, FaultyLink};

pub(super) type Link = FaultyLink<MemoryNode>;

pub(super) struct World {
    pub(super) journal: Journal,
    pub(super) times: Times,
    pub(super) deployment: Deployment,
    pub(super) resources: Vec<String>,
    pub(super) nodes: Vec<Node>,
    /// What the locks protect.
    pub(super) store: Store,
    pub(super) clients: Vec<Client>,
    /// Locks on their way from one client to another.
    tickets: Mutex<Vec<LockTicket>>,
    /// Guards that their clients lost sight of. Here, and not forgotten for good: thousands of schedules would pile up.
    attic: Mutex<Vec<LockGuard>>,
}

pub(super) struct Node {
    pub(super) memory: MemoryNode,
    pub(super) durable: bool,
    pub(super) replicated: bool,
    rate: Rate,
}

pub(super) struct Client {
    pub(super) redlock: Redlock,
    pub(super) process: Arc<Process>,
    pub(super) links: Vec<Link>,
    pub(super) fenced: bool,
    crashed: AtomicBool,
}

impl World {
    pub(super) async fn new(schedule: &mut Schedule, tells: bool) -> Result<Self, ConfigError> {
        let (times, deployment) = (schedule.times, schedule.deployment);
        let age = if deployment.start == Start::Old { deployment.hold_off } else { Duration::ZERO };
        let nodes = schedule.nodes.iter().enumerate().map(|(number, plan)| Node::new(number, plan, age));
        let nodes: Vec<_> = nodes.collect();
        sleep(age).await;
        for (number, node) in nodes.iter().enumerate() {
            match deployment.start {
                Start::InUseButOne(new) if new == number => {}
                Start::InUse | Start::InUseButOne(_) => node.mark(number, times).await,
                Start::New | Start::OneMissing(_) | Start::Old => {}
            }
        }
        let hosts = schedule.clients.iter().map(|plan| host(&plan.clock, times));
        let journal = Journal::new(tells, hosts.collect());
        let plans = schedule.clients.iter_mut().enumerate();
        let clients = plans.map(|(number, plan)| {
            Client::new(number, plan, (&nodes, &journal), (times, schedule.clocks, &deployment))
        });
        Ok(Self {
            times,
            deployment,
            resources: ["a", "b", "c"].iter().take(schedule.resources).map(ToString::to_string).collect(),
            clients: clients.collect::<Result<_, _>>()?,
            nodes,
            store: Store::default(),
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

    /// Whether the node may forget without anybody's doing anything about it: each value on it stands on a quorum of other
    /// nodes, and as long; each counter, and as high.
    pub(super) fn is_dispensable(&self, number: usize) -> bool {
        let Some(node) = self.nodes.get(number) else { return false };
        let others =
            || self.nodes.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, node)| node);
        let enough = |count: usize| count > self.nodes.len() / 2;
        self.resources.iter().map(|resource| Key::new(resource.as_str())).all(|key| {
            let has_lock = node.memory.peek(&key) != KeyState::Free;
            (!has_lock || enough(others().filter(|other| other.holds_as_well(node, &key)).count()))
                && (node.counter(&key) == 0
                    || enough(others().filter(|other| other.counter(&key) >= node.counter(&key)).count()))
        })
    }

    /// A call has ended: counts it, and checks that it took no longer than it may.
    pub(super) fn ended(&self, client: usize, call: Call, began: Duration) {
        self.journal.operation();
        let now = self.journal.now();
        // While its process was stopped, it could not end.
        let Some(Client { process, fenced, .. }) = self.clients.get(client) else { return };
        let took = now.saturating_sub(began).saturating_sub(process.stopped(began, now));
        let rounds = Rounds::of(*fenced, self.deployment.forgets());
        if let Some(overdue) = call.overdue(took, self.times, rounds) {
            self.journal.violation(Checker::Progress, format!("{}: {overdue}", name(client)));
        }
    }

    /// A write to the store, whose holder may believe that it still holds.
    pub(super) fn write(
        &self,
        client: usize,
        resource: &str,
        (lease, token): (usize, FencingToken),
        believes: bool,
    ) {
        let what = match self.store.write(resource, lease, token) {
            Written::Accepted => return,
            Written::Refused if !believes => {
                self.journal.note(&name(client), || format!("writes to {resource} too late"));
                return self.journal.count(Rare::LateWriteRefused);
            }
            Written::Refused => "is refused at the store, and holds the lock".to_owned(),
            Written::AcceptedAfter(later) => format!("writes after the holder of the later lease {later}"),
        };
        let what = format!("{}, lease {lease}, token {token}, {resource}: {what}", name(client));
        self.journal.violation(Checker::Fencing, what);
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

impl Node {
    /// It has been up for `age` when the schedule begins.
    fn new(number: usize, plan: &NodePlan, age: Duration) -> Self {
        let ClockPlan { origin, rate, wall, .. } = &plan.clock;
        let clock = RunningClock::start(*origin, *rate);
        let builder = MemoryNode::builder(format!("n{number}")).clock(Arc::new(clock));
        let builder = builder.durable(plan.durable).replicas(u64::from(plan.replicated));
        let says = wall.first().map_or(Duration::ZERO, |setting| setting.says).saturating_sub(age);
        let NodePlan { durable, replicated, .. } = *plan;
        Self { memory: builder.unix_time(says).build(), durable, replicated, rate: *rate }
    }

    /// Marks it, as a client has that was there before.
    async fn mark(&self, number: usize, times: Times) {
        let deadline = Instant::now() + times.ttl;
        let described = self.memory.execute(&AdminCommand::Describe.into(), deadline).await;
        let Ok(Ok(AdminReply::Described(description))) = described.map(Reply::into_admin) else { return };
        let durability = description.survival();
        let (Some(run_id), Some(max_ttl)) = (description.run_id, Ttl::from_duration(times.max_ttl())) else {
            return;
        };
        let node_id = NodeId::from_random([u8::try_from(number).unwrap_or(u8::MAX); 16]);
        let marker = Marker::new(run_id, node_id, max_ttl, durability);
        // A node in memory that is up answers.
        let _ = self.memory.execute(&AdminCommand::Mark(marker).into(), deadline).await;
    }

    /// Whether it has the same value in the key as that other node, and for as long.
    fn holds_as_well(&self, other: &Self, key: &Key) -> bool {
        let (KeyState::Held { value, remaining }, KeyState::Held { value: wanted, remaining: least }) =
            (self.memory.peek(key), other.memory.peek(key))
        else {
            return false;
        };
        let lasts = remaining.map(|time| self.rate.true_time(time));
        value == wanted && lasts >= least.map(|time| other.rate.true_time(time))
    }

    /// The fencing counter beside the key; 0 where there is none.
    fn counter(&self, key: &Key) -> u64 {
        let KeyState::Held { value, .. } = self.memory.peek(&key.fence()) else { return 0 };
        std::str::from_utf8(value.as_bytes()).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }
}

/// Looked at again once in so long, whatever is due.
const CLOCK_CHECK: Duration = Duration::from_secs(1);

fn host(plan: &ClockPlan, times: Times) -> Host {
    let clock = RunningClock::start(plan.origin, plan.rate);
    let rest = times.max_ttl().min(CLOCK_CHECK);
    let lateness = rest.saturating_sub(plan.rate.true_time(rest));
    Host { clock, process: Arc::default(), lateness }
}

impl Client {
    fn new(
        number: usize,
        plan: &mut ClientPlan,
        (nodes, journal): (&[Node], &Journal),
        (times, clocks, deployment): (Times, Clocks, &Deployment),
    ) -> Result<Self, ConfigError> {
        let ways = nodes.iter().zip(&plan.ways);
        let links: Vec<_> = ways.map(|(node, (seed, faults))| link(&node.memory, *seed, faults)).collect();
        let process: Arc<Process> =
            journal.host(number).map(|host| Arc::clone(&host.process)).unwrap_or_default();
        let clock = journal
            .host(number)
            .map_or_else(|| RunningClock::start(plan.clock.origin, plan.clock.rate), |host| host.clock);
        let redlock = Redlock::builder()
            .nodes(links.iter().map(|link| Port { process: Arc::clone(&process), link: link.clone() }))
            .key_format(KeyFormat::Raw)
            .ttl(times.ttl)
            .max_ttl(times.max_ttl())
            .drift_factor(f64::from(clocks.factor) / 1e6)
            .node_timeout(times.node_timeout)
            .retry(times.retry)
            // Nodes keep their data here, and may be dead from the beginning.
            .restart_guard(deployment.guard)
            .max_clock_skew(deployment.max_clock_skew)
            .holder(Some(Holder::named(name(number))))
            .clock(clock)
            .wall_clock(SetClock::start(plan.clock.wall_rate, plan.clock.wall.clone()))
            .entropy(SeededEntropy::new(plan.rng.next()))
            .observer(Listener { journal: journal.clone(), client: number })
            .build()?;
        Ok(Self { redlock, process, links, fenced: plan.fenced, crashed: AtomicBool::new(false) })
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
