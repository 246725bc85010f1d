//! What a node says about itself and its keys.

use std::time::Duration;

use super::{Announce, AnnouncedSet, Claim, Marker, Membership, NodeId, NodeSet};
use crate::{Key, Ttl};

/// A question to a node that is about no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminCommand {
    /// Who are you? Answered by [`AdminReply::Described`].
    Describe,
    /// One page of the keys that begin with a prefix. Answered by [`AdminReply::Scanned`].
    Scan(Scan),
    /// Which marker stands on the node, and which sets of nodes are in use? Changes nothing. Answered by
    /// [`AdminReply::Member`].
    ReadMember,
    /// Notes that somebody is about to declare the deployment new, if the node's process is still that run and its marker does not
    /// name it; or that this was given up. Answered by [`AdminReply::Claimed`].
    Claim(Claim),
    /// Writes the marker, if the node's process is still the run that the marker names. A node that has an identity keeps
    /// it, and a longer `max_ttl` stays; claims are over. Answered by [`AdminReply::Marked`].
    Mark(Marker),
    /// Writes which set of nodes a client uses, and forgets those whose time is over. Answered by
    /// [`AdminReply::Announced`].
    Announce(Announce),
}

/// One page of the keys that begin with `prefix`, in no order; a key may come twice (as `SCAN` of Redis does).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scan {
    /// What the keys begin with, literally: a backend escapes what its store would read as a pattern.
    pub prefix: String,
    /// Where to go on.
    pub cursor: Cursor,
}

impl Scan {
    /// The first page.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), cursor: Cursor::START }
    }

    /// The page at `cursor`.
    #[must_use]
    pub fn at(mut self, cursor: Cursor) -> Self {
        self.cursor = cursor;
        self
    }
}

/// A place in a scan; zero is both the start and, in an answer, the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(pub u64);

impl Cursor {
    /// Where a scan begins.
    pub const START: Self = Self(0);

    /// Whether an answer with this cursor was the last page.
    pub fn is_end(self) -> bool {
        self.0 == 0
    }
}

/// A node's answer to an [`AdminCommand`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminReply {
    /// What the node is.
    Described(Box<Description>),
    /// A page of keys.
    Scanned(ScanPage),
    /// What stands there about the deployment.
    Member(Membership),
    /// Whether it was noted.
    Claimed(bool),
    /// The marker as it stands now; `None` where another run answers than the one that was named, and nothing was written.
    Marked(Option<Marker>),
    /// The sets that are in use, the announced one among them.
    Announced(Vec<AnnouncedSet>),
}

/// A page of keys and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanPage {
    /// The next page, or the end.
    pub next: Cursor,
    /// The keys; those that are not UTF-8 are left out, since no lock of ours has such a key.
    pub keys: Vec<Key>,
}

impl ScanPage {
    /// Those keys; the next page begins at `next`.
    pub fn new(next: Cursor, keys: Vec<Key>) -> Self {
        Self { next, keys }
    }
}

/// What a node says about itself. Each part is `None` where the node does not tell (or may not: `INFO` refused).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Identifies the running process: it changes at each restart.
    pub run_id: Option<String>,
    /// Identifies its data among the copies of a replication: it changes at each promotion.
    pub replication_id: Option<String>,
    /// Since the process started.
    pub uptime: Option<Duration>,
    /// Master or replica.
    pub role: Option<Role>,
    /// The server's version.
    pub version: Option<String>,
    /// What survives a crash.
    pub durability: Option<Durability>,
    /// How many replicas follow it at present.
    pub replicas: Option<u64>,
    /// The eviction policy, as the node calls it (`noeviction`).
    pub eviction: Option<String>,
    /// The node's own wall clock, since the Unix epoch.
    pub time: Option<Duration>,
}

impl Description {
    /// What a [`Marker`] is bound to: the running process, and its part in the replication. A master that becomes a replica and is
    /// promoted again is the same process, and has lost what its successor did not have. `None` where no process is told.
    pub fn run(&self) -> Option<String> {
        let run_id = self.run_id.as_deref()?;
        Some(match &self.replication_id {
            Some(replication_id) => format!("{run_id}.{replication_id}"),
            None => run_id.to_owned(),
        })
    }

    /// What survives with whatever will answer at this address. Where replicas follow, one of them may take the node's place, and
    /// has not had all that the node acknowledged, however durable both are: then not more than [`Durability::Partial`].
    ///
    /// ```
    /// use redlock_core::{Description, Durability};
    /// let mut description = Description::default();
    /// description.durability = Some(Durability::Always);
    /// assert_eq!(description.survival(), Some(Durability::Always));
    /// description.replicas = Some(1);
    /// assert_eq!(description.survival(), Some(Durability::Partial));
    /// ```
    pub fn survival(&self) -> Option<Durability> {
        match self.durability {
            Some(Durability::Always) if self.replicas.is_some_and(|replicas| replicas > 0) => {
                Some(Durability::Partial)
            }
            durability => durability,
        }
    }
}

/// A node's part in replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It takes writes, and has done so since it started.
    Master,
    /// It takes writes, and was a replica before: it may lack what its master had acknowledged.
    Promoted,
    /// It copies another node.
    Replica,
}

/// What survives a crash of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Every acknowledged write (`appendonly yes`, `appendfsync always`).
    Always,
    /// Some: a snapshot, or a log that is written out now and then.
    Partial,
    /// Nothing.
    Nothing,
}

impl AdminCommand {
    /// The command's name in traces, metrics and errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Describe => "describe",
            Self::Scan(_) => "scan",
            Self::ReadMember => "read-member",
            Self::Claim(_) => "claim",
            Self::Mark(_) => "mark",
            Self::Announce(_) => "announce",
        }
    }

    /// One of every command of the family.
    pub fn samples() -> Vec<Self> {
        let mut samples = Vec::new();
        let mut next = Some(Self::Describe);
        // See `LockCommand::samples`: an exhaustive match, so that none is forgotten.
        while let Some(sample) = next {
            next = match &sample {
                Self::Describe => Some(Self::Scan(Scan::new("redlock:sample"))),
                Self::Scan(_) => Some(Self::ReadMember),
                // Of a run that is none, so that a node is never marked by a sample.
                Self::ReadMember => Some(Self::Claim(Claim::new("sample", NodeId::from_random([0; 16])))),
                Self::Claim(_) => Some(Self::Mark(sample_marker())),
                // Of a node that is none, and for no longer than a moment.
                Self::Mark(_) => Some(Self::Announce(Announce::new(sample_set(), sample_hold()))),
                Self::Announce(_) => None,
            };
            samples.push(sample);
        }
        samples
    }
}

fn sample_marker() -> Marker {
    let node_id = NodeId::from_random([0; 16]);
    Marker { run_id: "sample".to_owned(), node_id, max_ttl: Ttl::SECOND, durability: None }
}

/// In conflict with nobody's.
fn sample_set() -> NodeSet {
    NodeSet::new([NodeId::from_random([0; 16])], 1_000)
}

fn sample_hold() -> Ttl {
    Ttl::from_duration(Duration::from_millis(1)).unwrap_or(Ttl::SECOND)
}
