//! What one seed stands for: who takes part, how slow and how bad everything is, and what each may do.
//!
//! The mix of faults and operations is itself random (swarm testing): a schedule in which everything may happen seldom
//! gets far enough for anything to happen.

mod breaks;
mod clocks;
mod deployment;
mod network;

use std::time::Duration;

use redlock_core::RetryPolicy;

use super::rng::Rng;
use crate::Faults;

pub(super) use breaks::{Break, BreakKind};
pub(super) use clocks::{ClockPlan, Clocks};
pub(super) use deployment::{Deployment, Start};
use network::Network;

#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) deployment: Deployment,
    pub(super) clocks: Clocks,
    pub(super) resources: usize,
    pub(super) times: Times,
    pub(super) mix: Mix,
    pub(super) clients: Vec<ClientPlan>,
    pub(super) breaks: Vec<Break>,
}

/// The times that all clients share, in whole milliseconds as the timers are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) ttl: Duration,
    pub(super) node_timeout: Duration,
    pub(super) retry: RetryPolicy,
    /// The longest delay of a command or a reply.
    pub(super) slowest: Duration,
    /// For how long a leaked guard may extend itself.
    pub(super) max_hold: Duration,
}

/// In thousandths, how likely each operation is; 0 where this schedule does without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    pub(super) cancel: u64,
    pub(super) several: u64,
    pub(super) extend: u64,
    pub(super) extend_to: u64,
    pub(super) at_the_edge: u64,
    pub(super) auto_extend: u64,
    pub(super) outlive: u64,
    pub(super) detach: u64,
    pub(super) drop: u64,
    pub(super) leak: u64,
    pub(super) using: u64,
    /// A rest that outlasts a hold-off.
    pub(super) rest: u64,
    /// Held for no time at all.
    pub(super) brief: u64,
}

#[derive(Debug)]
pub(super) struct NodePlan {
    pub(super) clock: ClockPlan,
    /// Whether its keys survive a restart.
    pub(super) durable: bool,
    /// Whether a replica follows it, and may take its place.
    pub(super) replicated: bool,
}

#[derive(Debug)]
pub(super) struct ClientPlan {
    pub(super) rng: Rng,
    pub(super) operations: u32,
    /// The process connects to nothing before.
    pub(super) starts_at: Duration,
    /// The way to each node.
    pub(super) ways: Vec<(u64, Faults)>,
    pub(super) crashes_at: Option<Duration>,
    pub(super) clock: ClockPlan,
    /// Whether all its locks have fencing tokens.
    pub(super) fenced: bool,
    /// Its process is stopped after so long, and for so long; then again.
    pub(super) stops: Vec<(Duration, Duration)>,
}

impl Schedule {
    pub(super) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let nodes = rng.weighted(&[(1, 1), (1, 2), (9, 3), (2, 4), (7, 5)]).max(1);
        let count = rng.weighted(&[(3, 2), (5, 3), (3, 4), (1, 5)]).max(2);
        let contest = rng.chance(120);
        let times = Times::random(&mut rng, contest);
        let deployment = Deployment::random(&mut rng, nodes, times);
        let mix = if contest { Mix::contest(&deployment) } else { Mix::random(&mut rng) };
        let operations = rng.within(20, 26).div_ceil(u64::try_from(count).unwrap_or(1));
        let network = Network::random(&mut rng, times, contest);
        let length = times.ttl.saturating_mul(5);
        let crash = if rng.chance(300) { 400 } else { 0 };
        let clocks = Clocks::random(&mut rng, &deployment, contest);
        let latest_start = if deployment.forgets() { times.ttl.saturating_mul(3) } else { Duration::ZERO };
        let fenced = if contest { 1000 } else { rng.pick(&[0, 500, 1000, 1000]) };
        let stopped = if rng.chance(350) { 500 } else { 0 };
        let clients = (0..count).map(|client| ClientPlan {
            rng: rng.fork(),
            operations: u32::try_from(operations).unwrap_or(1),
            starts_at: if rng.chance(500) { up_to(&mut rng, latest_start) } else { Duration::ZERO },
            ways: (0..nodes).map(|_| (rng.next(), network.way(&mut rng))).collect(),
            // One survives, to show that the others' locks come free.
            crashes_at: (client > 0 && rng.chance(crash)).then(|| up_to(&mut rng, length)),
            clock: clocks.of_client(&mut rng, length),
            fenced: rng.chance(fenced),
            stops: if rng.chance(stopped) { stops(&mut rng, times) } else { Vec::new() },
        });
        let clients: Vec<_> = clients.collect();
        let breaks = breaks::draw(&mut rng, (nodes, count), times, &deployment);
        Self {
            nodes: (0..nodes).map(|_| NodePlan::random(&mut rng, clocks, &deployment)).collect(),
            deployment,
            clocks,
            resources: if contest && deployment.forgets() {
                1
            } else if contest {
                3
            } else {
                rng.weighted(&[(5, 1), (4, 2), (1, 3)]).max(1)
            },
            times,
            mix,
            clients,
            breaks,
        }
    }
}

impl NodePlan {
    fn random(rng: &mut Rng, clocks: Clocks, deployment: &Deployment) -> Self {
        let durable = deployment.forgets() && rng.chance(250);
        Self { clock: clocks.of_node(rng), durable, replicated: !durable || rng.chance(500) }
    }
}

impl Times {
    /// The longest lease that anybody asks for.
    pub(super) fn max_ttl(&self) -> Duration {
        self.ttl.saturating_mul(2)
    }

    fn random(rng: &mut Rng, contest: bool) -> Self {
        // Long ones outlast the pauses between the repeats of a release.
        let ttl = if rng.chance(850) { rng.within(30, 300) } else { rng.within(500, 2_500) };
        // The last is so long that a quorum may grant when nothing of the lease is left.
        let node_timeout = rng.pick(&[ttl / 20, ttl / 10, ttl / 5, ttl / 2, ttl - 1]).max(2);
        let node_timeout = if contest { ttl.saturating_sub(1) } else { node_timeout };
        let slowest = rng.pick(&[1, 3, node_timeout / 2, node_timeout, node_timeout * 2, ttl]);
        let slowest = if contest { ttl } else { slowest };
        let delay = rng.pick(&[0, 2, node_timeout, ttl / 3]);
        let jitter = if rng.chance(100) { 0 } else { delay.max(2) };
        let retry = RetryPolicy { retries: Some(3), delay: millis(delay), jitter: millis(jitter) };
        let max_hold = millis(rng.within(1, ttl * 2));
        Self {
            ttl: millis(ttl),
            node_timeout: millis(node_timeout),
            retry,
            slowest: millis(slowest),
            max_hold,
        }
    }
}

impl Mix {
    /// One lock after the other, held for no time, over slow ways: so that attempts overlap whole locks of others. Where nodes
    /// forget, extended: so that attempts overlap a restart and the extensions of others.
    fn contest(deployment: &Deployment) -> Self {
        let extend = if deployment.forgets() { 900 } else { 0 };
        Self {
            cancel: 0,
            several: 0,
            extend,
            extend_to: 0,
            at_the_edge: 0,
            auto_extend: 0,
            outlive: 0,
            detach: 0,
            drop: 300,
            leak: 0,
            using: 0,
            rest: 0,
            brief: 900_u64.saturating_sub(extend),
        }
    }

    fn random(rng: &mut Rng) -> Self {
        let mut some = |share, most| if rng.chance(share) { rng.within(most / 4, most) } else { 0 };
        Self {
            cancel: some(500, 300),
            several: some(600, 600),
            extend: some(700, 800),
            extend_to: some(500, 600),
            at_the_edge: some(400, 600),
            auto_extend: some(300, 500),
            outlive: some(500, 500),
            detach: some(300, 400),
            drop: some(400, 400),
            leak: some(150, 200),
            using: some(300, 300),
            rest: some(300, 60),
            brief: some(300, 600),
        }
    }
}

/// Mostly beyond the end of a lease.
fn stops(rng: &mut Rng, times: Times) -> Vec<(Duration, Duration)> {
    let longest = times.ttl.saturating_mul(2);
    (0..rng.within(1, 3)).map(|_| (up_to(rng, longest), up_to(rng, longest))).collect()
}

pub(super) fn up_to(rng: &mut Rng, most: Duration) -> Duration {
    millis(rng.within(0, u64::try_from(most.as_millis()).unwrap_or(0)))
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
