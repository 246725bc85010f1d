//! What must hold in every schedule: each checker judges what holders and nodes saw, and knows nothing of the library's
//! own state.

pub(super) mod exclusion;
pub(super) mod fencing;
pub(super) mod leftovers;
pub(super) mod progress;
pub(super) mod sticky;

use std::fmt;
use std::time::Duration;

/// A property that the simulator checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Checker {
    /// No two holders believe at the same time that they hold one resource.
    Exclusion,
    /// Fencing tokens rise, and a store that compares them takes no write of a holder that another has followed.
    Fencing,
    /// No attempt that failed, and no lock that was given up, stays on a node that could be told; and nothing at all
    /// outlives its ttl.
    Leftovers,
    /// A lease that was lost stays lost, and its holder is told in time.
    Sticky,
    /// Every operation ends within its bound, and what nobody holds can be acquired.
    Progress,
}

impl Checker {
    /// The name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exclusion => "mutual exclusion",
            Self::Fencing => "fencing",
            Self::Leftovers => "nothing left behind",
            Self::Sticky => "lost is sticky",
            Self::Progress => "progress",
        }
    }
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Which.
    pub checker: Checker,
    /// When, in virtual time from the schedule's start.
    pub at: Duration,
    /// What was found.
    pub what: String,
}

impl Violation {
    pub(super) fn new(checker: Checker, at: Duration, what: impl Into<String>) -> Self {
        Self { checker, at, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}: {}", self.checker.name(), self.at, self.what)
    }
}
