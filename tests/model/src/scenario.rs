//! The scenarios.

use crate::mutant::Mutant;
use crate::property::Property;
use crate::search::{Outcome, search};
use crate::setup::{Boot, Fencing, Guard, Order, Setup};
use crate::trace;

/// One search: a scenario of the design, or a scenario with a wrong version of the protocol.
#[allow(missing_debug_implementations)]
pub struct Case {
    /// Unique.
    pub name: &'static str,
    /// In a line: what is searched; of a mutant, the attack.
    pub about: &'static str,
    setup: Setup,
    properties: &'static [Property],
    /// x
    pub expect: Expect,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No violation.
    Holds,
    /// This violation.
    Violates(Property),
}

impl Case {
    /// Runs it.
    pub fn run(&self, cap: usize, progress: impl FnMut(usize, usize)) -> Outcome {
        search(&self.setup, self.properties, cap, progress)
    }
    /// Trace.
    pub fn trace(&self, path: &[u16]) -> String {
        trace::trace(&self.setup, path)
    }
}

const fn holds(name: &'static str, about: &'static str, setup: Setup) -> Case {
    let properties = if setup.restarts == 0 { Property::ALL } else { Property::ALWAYS };
    Case { name, about, setup, properties, expect: Expect::Holds }
}

const B: Setup = Setup::BASE;
const MUTEX: Setup = Setup { attempts: [2, 1], ..B };
const EXT: Setup = Setup { extensions: [2, 0], extend_by: &[1, 3], ..B };
const FENCE: Setup = Setup { attempts: [2, 1], fencing: Fencing::AnyClock(2), ..B };
const PLANT: Setup = Setup { extensions: [1, 0], replant: true, restarts: 1, guard: Guard::Strict, hold_off: 2, ..B };
const GUARD: Setup = Setup { restarts: 1, guard: Guard::Strict, hold_off: 2, ..B };
const CLOCKS: Setup = Setup { ttl: 1, fencing: Fencing::Clocks([2, 0]), restarts: 1, guard: Guard::Strict, hold_off: 3, ticks: Some(5), ..B };
const FRESH: Setup = Setup { declarers: [true; 2], guard: Guard::Member, boot: Boot::Fresh, ..GUARD };
const JOIN: Setup = Setup { declarers: [true; 2], guard: Guard::Member, boot: Boot::Joining, ..GUARD };

const fn mutant(name: &'static str, about: &'static str, setup: Setup, mutant: Mutant, property: Property) -> Case {
    let properties: &'static [Property] = match property {
        Property::Exclusion => &[Property::Exclusion],
        Property::TokenOrder => &[Property::TokenOrder],
        Property::LostIsSticky => &[Property::LostIsSticky],
        Property::NoReturnAfterAnother => &[Property::NoReturnAfterAnother],
        Property::Covered => &[Property::Covered],
    };
    Case { name, about, setup: Setup { mutant: Some(mutant), ..setup }, properties, expect: Expect::Violates(property) }
}


const FF: Setup = Setup { order: Order::Fifo, ..FENCE };
const P2: Setup = Setup { extensions: [2, 0], late_requests: false, order: Order::Fifo, ..PLANT };
const NT: Setup = Setup { ticks: Some(0), ..FRESH };
const NJ: Setup = Setup { ticks: Some(0), ..JOIN };

const F1: Setup = Setup { ttl: 1, ..FF};
const MF: Setup = Setup { order: Order::Fifo, ..MUTEX };
const EF: Setup = Setup { order: Order::Fifo, ..EXT };
const PF: Setup = Setup { order: Order::Fifo, late_requests: false, ..PLANT };
/// All.
pub const CASES: &[Case] = &[
    holds("ext", "", EXT),
    holds("fence-f1", "", F1),
    holds("clocks-fifo", "", Setup { order: Order::Fifo, ticks: Some(4), ..CLOCKS}),
    holds("clocks", "", Setup { ticks: Some(4), ..CLOCKS}),
    holds("fresh-fifo-B", "", Setup { order: Order::Fifo, declarers: [false,true], ..NT }),
    mutant("no-second-round", "", F1, Mutant::NoSecondRound, Property::TokenOrder),
    mutant("lift-unchecked", "", F1, Mutant::LiftUnchecked, Property::TokenOrder),
    mutant("lift-unchecked-granted", "", F1, Mutant::LiftUncheckedWhereGranted, Property::TokenOrder),
    mutant("token-reused-fence1", "", Setup { ttl: 1, ..FENCE}, Mutant::TokenReused, Property::TokenOrder),
    mutant("unconditional-delete", "", MF, Mutant::UnconditionalDelete, Property::Exclusion),
    mutant("validity-from-the-end", "", Setup { attempts: [1,1], ..MF }, Mutant::ValidityFromTheEnd, Property::Exclusion),
    mutant("extension-shortens", "", EF, Mutant::ExtensionShortens, Property::Exclusion),
    mutant("acks-added", "", EF, Mutant::AcknowledgementsAdded, Property::Exclusion),
    mutant("lost-comes-back", "", EF, Mutant::LostComesBack, Property::LostIsSticky),
    mutant("plant-unconfirmed", "", PF, Mutant::PlantUnconfirmed, Property::Exclusion),
    mutant("plant-unconfirmed-2", "", P2, Mutant::PlantUnconfirmed, Property::Exclusion),
    mutant("plant-revive", "", PF, Mutant::LostComesBack, Property::NoReturnAfterAnother),
    mutant("plant-revive-norestart", "", Setup { restarts: 0, extensions: [2, 0], ..PF}, Mutant::LostComesBack, Property::NoReturnAfterAnother),
    mutant("plant-unc-revive-norestart", "", Setup { restarts: 0, extensions: [2, 0], ..PF}, Mutant::PlantUnconfirmedAndRevive, Property::NoReturnAfterAnother),
    mutant("plant-young", "", P2, Mutant::ExtensionCountsYoung, Property::Exclusion),
    mutant("guard-off", "", Setup { guard: Guard::Off, order: Order::Fifo, ..GUARD }, Mutant::GuardOff, Property::Exclusion),
    mutant("observed", "", Setup { guard: Guard::Observed, order: Order::Fifo, ..GUARD }, Mutant::OnlyRestartsSeen, Property::Exclusion),
    mutant("q-blank", "", Setup { order: Order::Fifo, declarers: [false,true], ..NJ }, Mutant::QuorumOfBlanks, Property::Exclusion),
    mutant("one-pass-aging", "", Setup { order: Order::Fifo, declarers: [false,true], ttl: 1, hold_off: 1, ticks: Some(1), ..FRESH }, Mutant::ReadInOnePass, Property::Exclusion),
];
