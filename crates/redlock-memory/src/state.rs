//! What the handles of one node share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{Clock, Durability, Epoch, Moment, NodeName, Role};

use crate::store::Store;

pub(crate) struct Shared {
    pub(crate) name: NodeName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) durability: Durability,
    pub(crate) replicas: u64,
    /// When the node was built, by `clock` and by the wall clock.
    pub(crate) built: (Moment, Duration),
    pub(crate) state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) health: Health,
    pub(crate) epoch: Epoch,
    pub(crate) run: u64,
    pub(crate) started: Moment,
    pub(crate) role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    Down,
    Silent,
}

impl State {
    pub(crate) fn set_health(&mut self, health: Health) {
        if self.health == Health::Down && health != Health::Down {
            self.epoch = self.epoch.next();
        }
        self.health = health;
    }
}

/// Tells apart the runs of all nodes of this process; only ever compared.
pub(crate) fn next_run() -> u64 {
    static RUNS: AtomicU64 = AtomicU64::new(1);
    RUNS.fetch_add(1, Ordering::Relaxed)
}
