//! Removing locks that would never end: keys of ours that have lost their expiry.

use std::sync::Arc;
use std::time::Duration;

use crate::lock::{Consensus, inspect};
use crate::shared::{Shared, deadline};
use crate::{
    AdminCommand, AdminReply, BackendError, Capabilities, Command, Cursor, Inspect, Key, KeyState, Keys,
    LockCommand, LockReply, LockValue, NodeFault, NodeName, Redlock, Release, Reply, Scan, ScanPage,
};

/// What a clean-up found and did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Cleanup {
    /// Keys that were looked at, over all nodes.
    pub scanned: usize,
    /// What was removed, and where.
    pub removed: Vec<(NodeName, String)>,
    /// Nodes whose backend cannot list keys.
    pub skipped: Vec<NodeName>,
    /// Nodes that failed; what they hold is left.
    pub faults: Vec<NodeFault>,
}

impl Redlock {
    /// Removes locks of this key format that have no expiry, which only somebody else can have taken from them (`PERSIST`): they
    /// would never end by themselves.
    ///
    /// Only what is provably ours is touched: the key is one that a lock of this format has, its value is written by this library,
    /// no quorum holds it with an expiry (that would be a live lock), and the deletion compares the value. It walks all keys of
    /// every node page by page, one node after the other, so it takes its time.
    pub async fn cleanup(&self) -> Cleanup {
        let mut report = Cleanup::default();
        for (node, backend) in self.shared().nodes.iter().enumerate() {
            let name = backend.node().clone();
            if !backend.capabilities().contains(Capabilities::SCAN) {
                report.skipped.push(name);
            } else if let Err(error) = self.clean_node(node, &name, &mut report).await {
                report.faults.push(NodeFault::new(name, error));
            }
        }
        report
    }

    async fn clean_node(
        &self,
        node: usize,
        name: &NodeName,
        report: &mut Cleanup,
    ) -> Result<(), BackendError> {
        let mut cursor = Cursor::START;
        loop {
            let page = self.scan(node, cursor).await?;
            for key in page.keys {
                report.scanned = report.scanned.saturating_add(1);
                if self.remove_if_immortal(node, &key).await? {
                    report.removed.push((name.clone(), key.to_string()));
                }
            }
            if page.next.is_end() {
                return Ok(());
            }
            cursor = page.next;
        }
    }

    async fn scan(&self, node: usize, cursor: Cursor) -> Result<ScanPage, BackendError> {
        let scan = AdminCommand::Scan(Scan::new(self.shared().format.key_prefix()).at(cursor));
        match self.ask(node, scan).await?.into_admin()? {
            AdminReply::Scanned(page) => Ok(page),
            AdminReply::Described(_)
            | AdminReply::Member(_)
            | AdminReply::Claimed(_)
            | AdminReply::Marked(_)
            | AdminReply::Announced(_) => Err(BackendError::protocol("not an answer to a scan")),
        }
    }

    async fn remove_if_immortal(&self, node: usize, key: &Key) -> Result<bool, BackendError> {
        let format = &self.shared().format;
        if !format.resource(key).is_some_and(|resource| format.is_lock(resource)) {
            return Ok(false);
        }
        let keys = Keys::of(key.clone());
        let reply = self.ask(node, LockCommand::Inspect(Inspect::new(keys.clone()))).await?;
        let Some(value) = immortal(reply)? else { return Ok(false) };
        if self.holds(&value) || is_live(self.shared(), &keys, &value, self.node_timeout()).await {
            return Ok(false);
        }
        let reply = self.ask(node, LockCommand::Release(Release::new(keys, value))).await?;
        Ok(matches!(reply.into_lock()?, LockReply::Released(released) if released.removed == 1))
    }

    /// Whether a lock of this very `Redlock` has that value.
    fn holds(&self, value: &LockValue) -> bool {
        let leases = self.shared().registry.leases();
        leases.iter().any(|lease| lease.claim.value == *value && lease.check().is_ok())
    }

    /// Sends a command to one node.
    async fn ask(&self, node: usize, command: impl Into<Command>) -> Result<Reply, BackendError> {
        let mut answer = self.shared().nodes.send_to([node], command.into(), deadline(self.node_timeout()));
        answer.next().await.map_or_else(|| Err(BackendError::timeout()), |(_, reply)| reply)
    }
}

/// The value of a key without an expiry, where it is one of ours.
fn immortal(reply: Reply) -> Result<Option<LockValue>, BackendError> {
    let LockReply::Inspected(states) = reply.into_lock()? else {
        return Err(BackendError::protocol("not an answer to an inspection"));
    };
    Ok(states.into_iter().find_map(|state| match state {
        KeyState::Held { value, remaining: None } => value.holder().map(|_| value),
        _ => None,
    }))
}

/// Whether a quorum may hold this value with an expiry: then somebody works under it.
async fn is_live(shared: &Arc<Shared>, keys: &Keys, value: &LockValue, limit: Duration) -> bool {
    match inspect(shared, keys, limit).await.consensus(0) {
        Consensus::Unknown => true,
        Consensus::Held { value: held, remaining, .. } => held == *value && remaining.is_some(),
        Consensus::Foreign { .. } | Consensus::NotHeld { .. } => false,
    }
}
