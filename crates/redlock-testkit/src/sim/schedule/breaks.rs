//! What breaks for a while, and when.

use std::time::Duration;

use super::{Deployment, Start, Times, up_to};
use crate::sim::rng::Rng;

/// A node, or one client's way to it, is broken for a while.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Break {
    pub(in crate::sim) at: Duration,
    pub(in crate::sim) lasts: Duration,
    pub(in crate::sim) node: usize,
    /// Only this client's way.
    pub(in crate::sim) client: Option<usize>,
    pub(in crate::sim) kind: BreakKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) enum BreakKind {
    /// Connections are refused, and what was on its way is lost.
    #[default]
    Refuse,
    /// Everything vanishes.
    BlackHole,
    /// Everything is held back, and arrives when it ends: a process that was stopped.
    Stop,
    /// The node's process is replaced by one without memory, where that is safe without a guard.
    Forget,
    /// The node's process is replaced, whatever it held; what it held survives where the node is durable.
    Restart,
    /// The node's process is replaced by a replica's, which lacks what was granted last.
    FailOver,
    /// All keys of the node are deleted, where that is safe: until the clients look again, nothing tells them.
    Flush,
}

pub(super) fn draw(
    rng: &mut Rng,
    (nodes, clients): (usize, usize),
    times: Times,
    deployment: &Deployment,
) -> Vec<Break> {
    let count = rng.pick(&[0, 1, 2, 4]);
    let forget = if rng.chance(300) && !deployment.forgets() { 4 } else { 0 };
    let kinds = [
        (2, BreakKind::Refuse),
        (2, BreakKind::BlackHole),
        (3, BreakKind::Stop),
        (forget, BreakKind::Forget),
    ];
    let mut breaks: Vec<_> = (0..count)
        .map(|_| Break {
            at: up_to(rng, times.ttl.saturating_mul(4)),
            lasts: up_to(rng, times.ttl.saturating_mul(2)),
            node: rng.index(nodes),
            client: rng.chance(400).then(|| rng.index(clients)),
            kind: rng.weighted(&kinds),
        })
        .collect();
    if deployment.forgets() {
        breaks.extend((0..rng.within(1, 4)).map(|_| forgetting(rng, nodes, times, deployment)));
    }
    if let Start::OneMissing(node) = deployment.start {
        let longest = rng.pick(&[times.ttl, deployment.hold_off.saturating_mul(2)]);
        let (at, lasts) = (Duration::ZERO, up_to(rng, longest));
        breaks.push(Break { at, lasts, node, client: None, kind: BreakKind::Refuse });
    }
    breaks.sort_by_key(|each| each.at);
    breaks
}

fn forgetting(rng: &mut Rng, nodes: usize, times: Times, deployment: &Deployment) -> Break {
    let kinds = [(6, BreakKind::Restart), (2, BreakKind::FailOver), (1, BreakKind::Flush)];
    let others = rng.within(1, u64::try_from(nodes).unwrap_or(2).saturating_sub(1));
    let others = usize::try_from(others).unwrap_or(1);
    let latest = rng.pick(&[times.ttl, times.ttl.saturating_mul(4), deployment.hold_off.saturating_mul(2)]);
    Break {
        at: up_to(rng, latest),
        lasts: Duration::ZERO,
        node: deployment.faithful.saturating_add(others).checked_rem(nodes).unwrap_or(0),
        client: None,
        kind: rng.weighted(&kinds),
    }
}
