//! The searches: scenarios of the design, in which nothing may be violated.

use crate::attack::ATTACKS;
use crate::property::Property;
use crate::search::{Outcome, search};
use crate::setup::{Boot, Fencing, Guard, Order, Setup};
use crate::trace;

/// One search: a scenario of the design, or of a wrong version of the protocol.
#[derive(Debug)]
pub struct Case {
    /// Its name, by which a test and the command line choose it.
    pub name: &'static str,
    /// What is searched; of a mutant, the attack that is found.
    pub about: &'static str,
    /// What must come of it.
    pub expected: Expected,
    /// So many states that only the full search visits them all.
    pub is_long: bool,
    pub(crate) setup: Setup,
    pub(crate) properties: &'static [Property],
}

/// What must come of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The design: no violation.
    Holds,
    /// A mutant that must be caught: a violation of this property.
    Violates(Property),
    /// A mutant that is *not* caught: by this model the rule that it leaves out is a precaution.
    HoldsWithout,
}

/// All searches, those of the design first.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    SCENARIOS.iter().chain(ATTACKS)
}

impl Case {
    /// The bound without `--full`; `None` where all states are visited.
    pub fn cap(&self) -> Option<usize> {
        self.is_long.then_some(200_000)
    }

    /// Whether the lane of tests runs it. A long scenario is searched in part there; a mutant in part proves nothing.
    pub fn in_lane(&self) -> bool {
        !self.is_long || self.expected == Expected::Holds
    }

    /// Searches all states, or as many as `cap`. `progress` is told the depth and the number of states now and then.
    pub fn run(&self, cap: Option<usize>, progress: impl FnMut(usize, usize)) -> Outcome {
        search(&self.setup, self.properties, cap, progress)
    }

    /// The counterexample at the end of this path, step by step.
    pub fn trace(&self, path: &[u16]) -> String {
        trace::trace(&self.setup, path)
    }
}

const fn holds(name: &'static str, about: &'static str, setup: Setup) -> Case {
    // A node that forgets takes the cover from a lease; the hold-off is there to make that harmless.
    let properties = if setup.restarts == 0 { Property::WITHOUT_RESTARTS } else { Property::ALWAYS };
    Case { name, about, expected: Expected::Holds, is_long: false, setup, properties }
}

pub(crate) const fn long(mut case: Case) -> Case {
    case.is_long = true;
    case
}

pub(crate) const fn in_order(setup: Setup) -> Setup {
    Setup { order: Order::Fifo, ..setup }
}

/// Two attempts of A against one of B.
pub(crate) const MUTEX: Setup = Setup { attempts: [2, 1], ..Setup::BASE };
/// A extends twice, by less or by more than it had.
pub(crate) const EXTENSION: Setup = Setup { extensions: [2, 0], extend_by: &[1, 3], ..Setup::BASE };
pub(crate) const FENCING: Setup = Setup { ttl: 1, fencing: Fencing::AnyClock(2), ..MUTEX };
/// One restart of any node at any time.
pub(crate) const RESTART: Setup =
    Setup { restarts: 1, late_requests: true, guard: Guard::Strict, hold_off: 2, ..Setup::BASE };
pub(crate) const HEALING: Setup = Setup { extensions: [1, 0], replant: true, ..RESTART };
/// In order, and what was sent to the process before the restart never reaches the one behind it.
pub(crate) const HEALING_TWICE: Setup =
    Setup { extensions: [2, 0], late_requests: false, ..in_order(HEALING) };
/// A's clock is two ticks ahead of B's: the skew.
pub(crate) const CLOCKS: Setup =
    Setup { ttl: 1, fencing: Fencing::Clocks([2, 0]), hold_off: 3, ticks: Some(4), ..in_order(RESTART) };
/// A's first attempt can leave one node's counter ahead, so that its second needs a lift. No time passes.
pub(crate) const LIFTS: Setup = Setup { attempts: [2, 1], ticks: Some(0), ..CLOCKS };
/// No time passes: all leases live, and no node grows old. It is the worst case for a declaration.
pub(crate) const JOINING: Setup =
    Setup { guard: Guard::Member, boot: Boot::Joining, declarers: [true, true], ticks: Some(0), ..RESTART };
/// A may declare at any time that all nodes are fresh; B looks whether they are.
pub(crate) const FRESH: Setup =
    Setup { ttl: 1, hold_off: 1, boot: Boot::FreshForA, declarers: [false, true], ..in_order(JOINING) };
pub(crate) const SCENARIOS: &[Case] = &[
    holds("exclusion", "two attempts against one, messages in any order", Setup { ttl: 1, ..MUTEX }),
    long(holds("exclusion-long", "the same, with a longer ttl", MUTEX)),
    holds("exclusion-in-order", "the same, messages in order", in_order(MUTEX)),
    holds("extension", "two extensions by less or more, in any order", EXTENSION),
    holds("extension-in-order", "the same, messages in order", in_order(EXTENSION)),
    holds("fencing", "two attempts against one, any clocks, in order", in_order(FENCING)),
    long(holds("fencing-long", "the same, in any order, with a longer ttl", Setup { ttl: 2, ..FENCING })),
    holds(
        "fencing-extension",
        "an extension that carries the token, any clocks, in any order",
        Setup { ttl: 2, attempts: [1, 1], extensions: [1, 0], ..FENCING },
    ),
    holds("restart", "one restart; young nodes have no vote; in any order", RESTART),
    holds("healing", "an extension that re-plants; one restart; in any order", HEALING),
    holds("healing-twice", "two of them; one restart; in order", HEALING_TWICE),
    long(holds("healing-any-order", "two of them, in any order", Setup { extensions: [2, 0], ..HEALING })),
    holds("hold-off-with-skew", "clocks apart by the skew; one restart; hold-off = ttl + skew", CLOCKS),
    long(holds(
        "hold-off-any-order",
        "the same, messages in any order",
        Setup { order: Order::Any, ..CLOCKS },
    )),
    holds(
        "lift-after-restart",
        "two attempts against one, A's clock ahead; one restart; no time passes; in order",
        LIFTS,
    ),
    holds("joining", "two nodes in use, the third boots for the first time; one restart", JOINING),
    long(holds(
        "fresh",
        "all nodes boot; A may declare that; B looks whether it is so; one restart; in order",
        FRESH,
    )),
    long(holds(
        "fresh-both",
        "all nodes boot; both look whether they are fresh; one restart; no time passes",
        Setup { boot: Boot::Fresh, ..in_order(JOINING) },
    )),
];
