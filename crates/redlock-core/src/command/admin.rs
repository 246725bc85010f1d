//! What a node says about itself and its keys.

use std::time::Duration;

use crate::Key;

/// A question to a node that is about no lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdminCommand {
    /// Who are you? Answered by [`AdminReply::Described`].
    Describe,
    /// One page of the keys that begin with a prefix. Answered by [`AdminReply::Scanned`].
    Scan(Scan),
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
}

/// A page of keys and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanPage {
    /// The next page, or the end.
    pub next: Cursor,
    /// The keys; those that are not UTF-8 are left out, since no lock of ours has such a key.
    pub keys: Vec<Key>,
}

/// What a node says about itself. Each part is `None` where the node does not tell (or may not: `INFO` refused).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Identifies the running process: it changes at each restart.
    pub run_id: Option<String>,
    /// Since the process started.
    pub uptime: Option<Duration>,
    /// Master or replica.
    pub role: Option<Role>,
    /// The server's version.
    pub version: Option<String>,
    /// What survives a crash.
    pub durability: Option<Durability>,
    /// The eviction policy, as the node calls it (`noeviction`).
    pub eviction: Option<String>,
    /// The node's own wall clock, since the Unix epoch.
    pub time: Option<Duration>,
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
                Self::Scan(_) => None,
            };
            samples.push(sample);
        }
        samples
    }
}
