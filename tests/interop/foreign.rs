//! A client of another maker.

use std::collections::HashMap;
use std::time::Duration;

use rslock::{Lock, LockManager};

use super::support::Nodes;

/// What the cases ask of it. Each call is one attempt; what it holds it keeps by the resource's name.
pub(crate) trait Foreign {
    async fn acquire(&mut self, resource: &str, ttl: Duration) -> bool;
    /// Asks the servers even where the client knows that its lease is over.
    async fn extend(&mut self, resource: &str, ttl: Duration) -> bool;
    /// Asks the servers even where the client knows that its lease is over. Not every client tells what came of it.
    async fn release(&mut self, resource: &str);
}

/// The rslock crate.
pub(crate) struct Rslock {
    manager: LockManager,
    held: HashMap<String, Lock>,
}

impl Rslock {
    pub(crate) fn on(nodes: &Nodes) -> Self {
        let mut manager = LockManager::new(nodes.urls());
        manager.set_retry(1, Duration::from_millis(1));
        Self { manager, held: HashMap::new() }
    }
}

impl Foreign for Rslock {
    async fn acquire(&mut self, resource: &str, ttl: Duration) -> bool {
        let lock = self.manager.lock(resource, ttl).await;
        lock.map(|lock| self.held.insert(resource.to_owned(), lock)).is_ok()
    }

    async fn extend(&mut self, resource: &str, ttl: Duration) -> bool {
        self.manager.extend(self.held.get(resource).expect("held"), ttl).await.is_ok()
    }

    async fn release(&mut self, resource: &str) {
        self.manager.unlock(self.held.get(resource).expect("held")).await;
    }
}
