//! What a node is called, what it can do, and which connection to it is meant.

use std::fmt;
use std::sync::Arc;

/// The name under which a node appears in errors, events and metrics.
///
/// Names are compared to find a node that was listed twice, so a backend derives them from what it connects to
/// (`host:port/db`) and leaves credentials out.
///
/// ```
/// use redlock_core::NodeName;
/// assert_eq!(NodeName::new("10.0.0.1:6379").as_str(), "10.0.0.1:6379");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// A name; any text without secrets in it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Numbers the connections of one backend: it changes at each reconnection.
///
/// Every [`Reply`](crate::Reply) carries it, so that what was learnt over one connection is never held for true of
/// the next one, behind which another server (or the same one, restarted empty) may answer.
///
/// ```
/// use redlock_core::Epoch;
/// assert_ne!(Epoch::FIRST, Epoch::FIRST.next());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The first connection.
    pub const FIRST: Self = Self(1);

    /// The connection after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The epoch as a number, for backends that count their connections in an atomic.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// The epoch with that number.
    pub fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

/// What a node can do: the command families and options that its backend answers.
///
/// A builder compares this with what was asked for and refuses at `build()`: an option is never ignored.
///
/// ```
/// use redlock_core::Capabilities;
/// let can = Capabilities::LOCK | Capabilities::SCAN;
/// assert!(can.contains(Capabilities::LOCK));
/// assert!(!can.contains(Capabilities::DESCRIBE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capabilities(u32);

impl Capabilities {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The lock family: every [`LockCommand`](crate::LockCommand) without optional parts.
    pub const LOCK: Self = Self(1);
    /// [`AdminCommand::Scan`](crate::AdminCommand::Scan).
    pub const SCAN: Self = Self(1 << 1);
    /// [`AdminCommand::Describe`](crate::AdminCommand::Describe).
    pub const DESCRIBE: Self = Self(1 << 2);
    /// The node is a cluster: all keys of one command must share a hash slot.
    pub const SLOTS: Self = Self(1 << 3);
    /// Fencing tokens: the optional parts and the commands of the lock family for which
    /// [`LockCommand::is_fenced`](crate::LockCommand::is_fenced) holds.
    pub const FENCE: Self = Self(1 << 4);
    /// [`AdminCommand::ReadMember`](crate::AdminCommand::ReadMember), [`Mark`](crate::AdminCommand::Mark) and
    /// [`Announce`](crate::AdminCommand::Announce): what the restart guard needs besides `DESCRIBE`.
    pub const MEMBER: Self = Self(1 << 5);
    /// Whatever the node has acknowledged survives any crash, and one store stands behind it for ever: its votes always
    /// count. For stores such as a file that is synchronised at each write, not for a server whose configuration may change.
    pub const DURABLE: Self = Self(1 << 6);

    const NAMES: [(Self, &'static str); 7] = [
        (Self::LOCK, "lock"),
        (Self::SCAN, "scan"),
        (Self::DESCRIBE, "describe"),
        (Self::SLOTS, "slots"),
        (Self::MEMBER, "member"),
        (Self::DURABLE, "durable"),
        (Self::FENCE, "fence"),
    ];

    /// Whether all of `other` is in here.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Self::NAMES.iter().filter(|(one, _)| self.contains(*one)).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(" + "))
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capabilities({self})")
    }
}
