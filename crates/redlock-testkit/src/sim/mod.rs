//! A seeded simulator: whole locks under faults, in virtual time.
//!
//! One seed is one schedule: some clients, each with its own [`Redlock`](redlock_core::Redlock), share some nodes in
//! memory behind [faulty links](crate::FaultyLink). Commands and replies are lost, delayed and reordered; nodes break,
//! clients die, futures are dropped half-way. Nothing is simulated but the network and the time: the library is the real
//! one. A seed replays exactly.
//!
//! ```
//! use redlock_testkit::sim::{self, Settings};
//!
//! let outcome = sim::run(7, &Settings::default());
//! assert!(outcome.violations.is_empty());
//! let told = sim::run(7, &Settings { timeline: true, ..Settings::default() });
//! assert!(!told.timeline.is_empty());
//! ```
//!
//! What must hold is named by [`Checker`]; what a run must have met for that to mean anything, by [`Rare`].

mod belief;
mod campaign;
mod cancel;
mod chaos;
mod check;
mod clocks;
mod driver;
mod ending;
mod journal;
mod observer;
mod process;
mod rare;
mod rng;
mod schedule;
mod store;
mod tally;
mod timeline;
mod world;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;

pub use campaign::{Campaign, Summary, run_many};
pub use check::{Checker, Violation};
pub use rare::{Counters, Rare};

use check::exclusion::{self, Holding};
use check::fencing::{self, Fenced};
use check::leftovers;
use journal::{Fate, History, LeaseRecord, name};
use redlock_core::{LockValue, RestartGuard};
use schedule::Schedule;
use world::World;

use crate::Delivery;

/// What is wanted of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Whether to tell the run line by line: for a seed that failed, since it takes time.
    pub timeline: bool,
    /// Another guard against forgetful nodes than the schedule's, which forget all the same: with
    /// [`Off`](RestartGuard::Off) there must be schedules that do not hold.
    pub restart_guard: Option<RestartGuard>,
}

/// What came of one seed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What did not hold, earliest first.
    pub violations: Vec<Violation>,
    /// The rare states that were met.
    pub counters: Counters,
    /// How many clients took part.
    pub clients: u32,
    /// How many calls to the library they made.
    pub operations: u32,
    /// How many losses, breaks, crashes and cancellations befell them.
    pub faults: u32,
    /// The run told line by line, where that was wanted.
    pub timeline: Vec<String>,
}

/// Runs the schedule of that seed on this thread, in virtual time. It must not be called within a runtime.
pub fn run(seed: u64, settings: &Settings) -> Outcome {
    let mut schedule = Schedule::of(seed);
    schedule.deployment.replace_guard(settings.restart_guard);
    let clients = u32::try_from(schedule.clients.len()).unwrap_or(u32::MAX);
    let (history, ways) = match play(schedule, settings.timeline) {
        Ok(played) => played,
        Err(why) => {
            let mut history = History::default();
            history.violations.push(Violation::new(Checker::Progress, Duration::ZERO, why));
            (history, Vec::new())
        }
    };
    judge(seed, clients, history, &ways)
}

/// What each way between a client and a node carried.
type Ways = Vec<Way>;

struct Way {
    client: usize,
    crashed: bool,
    name: String,
    log: Vec<Delivery>,
    stops: Vec<(Duration, Duration)>,
    node_timeout: Duration,
    forgets: bool,
}

impl Way {
    fn facts(&self) -> leftovers::Way<'_> {
        let Self { name, stops, node_timeout, forgets, .. } = self;
        leftovers::Way { name, node_timeout: *node_timeout, stops, forgets: *forgets }
    }
}

fn play(mut schedule: Schedule, tells: bool) -> Result<(History, Ways), String> {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let world = World::new(&mut schedule, tells).await.map_err(|error| error.to_string())?;
        let world = Arc::new(world);
        act(&world, schedule).await?;
        ending::heal(&world);
        ending::run_out(&world).await;
        ending::contend(&world).await;
        world.journal.close();
        let ways = ways(&world);
        Ok((std::mem::take(&mut *world.journal.history()), ways))
    })
}

/// All clients work, while everything breaks around them.
async fn act(world: &Arc<World>, schedule: Schedule) -> Result<(), String> {
    let chaos = tokio::spawn(chaos::run(Arc::clone(world), schedule.breaks));
    let mix = schedule.mix;
    let clients = schedule.clients.into_iter().enumerate();
    let mut stops = Vec::new();
    let mut running = Vec::new();
    for (client, mut plan) in clients {
        let times = std::mem::take(&mut plan.stops);
        if !times.is_empty() {
            stops.push(tokio::spawn(chaos::stop(Arc::clone(world), client, times)));
        }
        running.push(tokio::spawn(driver::run(Arc::clone(world), client, plan, mix)));
    }
    for client in running {
        client.await.map_err(|error| format!("a client panicked: {error}"))?;
    }
    for stops in stops {
        stops.await.map_err(|error| error.to_string())?;
    }
    chaos.await.map_err(|error| error.to_string())
}

fn ways(world: &World) -> Ways {
    let clients = world.clients.iter().enumerate();
    let links = clients.flat_map(|(client, each)| {
        each.links.iter().enumerate().map(move |(node, link)| Way {
            client,
            crashed: each.is_crashed(),
            name: format!("{}-n{node}", name(client)),
            log: link.log(),
            stops: each.process.stops(),
            node_timeout: world.times.node_timeout,
            forgets: world.deployment.forgets(),
        })
    });
    links.collect()
}

fn judge(seed: u64, clients: u32, history: History, ways: &Ways) -> Outcome {
    let History { leases, mut violations, mut counters, notes, operations, mut faults } = history;
    violations.extend(exclusion::check(&leases.iter().map(holding).collect::<Vec<_>>()));
    violations.extend(fencing::check(&leases.iter().map(fenced).collect::<Vec<_>>()));
    for way in ways {
        faults = faults.saturating_add(tally::way(&way.log, &leases, &mut counters));
        // A client that crashed released nothing, by design.
        if !way.crashed {
            let must_go = |value: &LockValue| must_go(&leases, way.client, value);
            violations.extend(leftovers::check(&way.facts(), &way.log, must_go));
        }
    }
    violations.sort_by_key(|violation| violation.at);
    let told = ways.iter().map(|way| (way.name.clone(), way.log.clone()));
    let timeline =
        if notes.is_empty() { Vec::new() } else { timeline::tell(notes, &told.collect::<Vec<_>>()) };
    Outcome { seed, violations, counters, clients, operations, faults, timeline }
}

fn holding(lease: &LeaseRecord) -> Holding<'_> {
    Holding { holder: name(lease.client), resources: &lease.resources, belief: &lease.belief }
}

fn fenced(lease: &LeaseRecord) -> Fenced<'_> {
    Fenced {
        holder: name(lease.client),
        resources: &lease.resources,
        value: lease.value.as_bytes(),
        won_at: lease.won_at,
        token: lease.token,
    }
}

/// Whether the client has let go of the value, or never won with it.
fn must_go(leases: &[LeaseRecord], client: usize, value: &LockValue) -> bool {
    let mine = leases.iter().filter(|lease| lease.client == client && lease.value == *value);
    mine.map(|lease| lease.fate).all(|fate| fate == Fate::GivenUp)
}
