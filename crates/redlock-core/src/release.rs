//! What became of a lock when it was released.

use crate::quorum::Quorum;
use crate::{BackendError, LockReply, NodeName, Released, Reply};

/// What a release came to, and at which node. Releasing again gives the same outcome and sends nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReleaseOutcome {
    /// The verdict over all nodes.
    pub verdict: ReleaseVerdict,
    /// Each node's part.
    pub nodes: Vec<NodeRelease>,
}

/// What a release came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReleaseVerdict {
    /// A quorum held the lock and deleted it: it was ours to the end.
    Released,
    /// It was gone from too many nodes to have been ours to the end: its lease had run out.
    AlreadyExpired,
    /// A quorum holds another's lock.
    TakenByAnother,
    /// Too few nodes answered to tell. What is left ends with the ttl at the latest.
    Unknown,
}

/// One node's part in a release.
#[derive(Clone, Debug)]
pub struct NodeRelease {
    /// Which node.
    pub node: NodeName,
    /// What it did.
    pub result: NodeReleaseResult,
}

/// What one node did with a release.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NodeReleaseResult {
    /// It held the lock, and deleted it.
    Released,
    /// It did not hold the lock.
    Absent,
    /// It holds another's.
    Taken,
    /// It did not answer, or with an error.
    Failed(BackendError),
    /// It has not answered yet; the release goes on in the background.
    Pending,
}

impl ReleaseOutcome {
    /// Whether the lock was ours to the end.
    pub fn is_released(&self) -> bool {
        self.verdict == ReleaseVerdict::Released
    }

    /// How many nodes confirmed the release.
    pub fn confirmed(&self) -> usize {
        self.nodes.iter().filter(|part| matches!(part.result, NodeReleaseResult::Released)).count()
    }

    /// How many nodes there are.
    pub fn total(&self) -> usize {
        self.nodes.len()
    }

    /// Nothing is known of any node.
    pub(crate) fn unknown(names: impl Iterator<Item = NodeName>) -> Self {
        let nodes = names.map(|node| NodeRelease { node, result: NodeReleaseResult::Pending }).collect();
        Self { verdict: ReleaseVerdict::Unknown, nodes }
    }
}

/// The fold of a release's replies.
pub(crate) struct ReleaseTally {
    quorum: Quorum,
    keys: u64,
    /// An earlier release of this lease was cut off: what is absent now is what it deleted.
    resumed: bool,
    results: Vec<NodeReleaseResult>,
}

impl ReleaseTally {
    pub(crate) fn new(quorum: Quorum, keys: usize, resumed: bool) -> Self {
        let results = vec![NodeReleaseResult::Pending; quorum.nodes()];
        Self { quorum, keys: u64::try_from(keys).unwrap_or(u64::MAX), resumed, results }
    }

    pub(crate) fn record(&mut self, node: usize, reply: Result<Reply, BackendError>) {
        let result = self.result(reply);
        if let Some(slot) = self.results.get_mut(node) {
            *slot = result;
        }
    }

    /// The verdict, as soon as no further answer can change it.
    pub(crate) fn verdict(&self) -> Option<ReleaseVerdict> {
        let (mut released, mut taken, mut pending, mut failed) = (0_usize, 0_usize, 0_usize, 0_usize);
        for result in &self.results {
            let count = match result {
                NodeReleaseResult::Released => &mut released,
                NodeReleaseResult::Taken => &mut taken,
                NodeReleaseResult::Failed(_) => &mut failed,
                NodeReleaseResult::Pending => &mut pending,
                NodeReleaseResult::Absent => continue,
            };
            *count = count.saturating_add(1);
        }
        let needed = self.quorum.needed();
        if released >= needed {
            Some(ReleaseVerdict::Released)
        } else if released.saturating_add(pending) >= needed {
            None
        } else if released.saturating_add(pending).saturating_add(failed) >= needed {
            // It may have been ours; the answers still to come cannot tell, since the failed nodes decide.
            (pending == 0).then_some(ReleaseVerdict::Unknown)
        } else if taken >= needed {
            Some(ReleaseVerdict::TakenByAnother)
        } else if taken.saturating_add(pending) >= needed {
            None
        } else {
            Some(ReleaseVerdict::AlreadyExpired)
        }
    }

    pub(crate) fn into_outcome(self, names: impl Iterator<Item = NodeName>) -> ReleaseOutcome {
        let verdict = self.verdict().unwrap_or(ReleaseVerdict::Unknown);
        let nodes = names.zip(self.results).map(|(node, result)| NodeRelease { node, result }).collect();
        ReleaseOutcome { verdict, nodes }
    }

    fn result(&self, reply: Result<Reply, BackendError>) -> NodeReleaseResult {
        let released = match reply.and_then(Reply::into_lock) {
            Ok(LockReply::Released(released)) => released,
            Ok(_) => return NodeReleaseResult::Failed(BackendError::protocol("not an answer to a release")),
            Err(error) => return NodeReleaseResult::Failed(error),
        };
        match released {
            Released { removed, .. } if removed == self.keys => NodeReleaseResult::Released,
            Released { taken: 0, .. } if self.resumed => NodeReleaseResult::Released,
            Released { taken: 0, .. } => NodeReleaseResult::Absent,
            Released { .. } => NodeReleaseResult::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Epoch;

    fn tally(answers: &[Option<(u64, u64)>]) -> Option<ReleaseVerdict> {
        let mut tally = ReleaseTally::new(Quorum::of(3), 1, false);
        for (node, answer) in answers.iter().enumerate() {
            let reply = match answer {
                Some((removed, taken)) => {
                    let released = Released { removed: *removed, taken: *taken };
                    Ok(Reply::new(Epoch::FIRST, LockReply::Released(released)))
                }
                None => Err(BackendError::timeout()),
            };
            tally.record(node, reply);
        }
        tally.verdict()
    }

    const MINE: Option<(u64, u64)> = Some((1, 0));
    const GONE: Option<(u64, u64)> = Some((0, 0));
    const TAKEN: Option<(u64, u64)> = Some((0, 1));

    #[test]
    fn a_verdict_needs_a_quorum() {
        assert_eq!(tally(&[MINE]), None);
        assert_eq!(tally(&[MINE, MINE]), Some(ReleaseVerdict::Released));
        assert_eq!(tally(&[MINE, GONE, MINE]), Some(ReleaseVerdict::Released));
        assert_eq!(tally(&[GONE, GONE, GONE]), Some(ReleaseVerdict::AlreadyExpired));
        assert_eq!(tally(&[TAKEN, TAKEN]), Some(ReleaseVerdict::TakenByAnother));
        assert_eq!(tally(&[MINE, TAKEN, GONE]), Some(ReleaseVerdict::AlreadyExpired));
    }

    #[test]
    fn a_node_that_does_not_answer_leaves_it_open() {
        assert_eq!(tally(&[MINE, None, GONE]), Some(ReleaseVerdict::Unknown));
        assert_eq!(tally(&[None, None, MINE]), Some(ReleaseVerdict::Unknown));
        assert_eq!(tally(&[GONE, None, GONE]), Some(ReleaseVerdict::AlreadyExpired));
    }
}
