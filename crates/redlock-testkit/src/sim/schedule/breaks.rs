//! What breaks for a while, and when.

use std::time::Duration;

use super::{Times, up_to};
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
    /// The node's process is replaced by one without memory, where that is safe.
    Forget,
}

pub(super) fn draw(rng: &mut Rng, nodes: usize, clients: usize, times: Times) -> Vec<Break> {
    let count = rng.pick(&[0, 1, 2, 4]);
    let forget = if rng.chance(300) { 4 } else { 0 };
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
    breaks.sort_by_key(|each| each.at);
    breaks
}
