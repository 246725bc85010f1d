//! Wrong versions of the protocol, and the attack by which each is found out. Each runs in a scenario of the design, or in
//! a smaller one: only the mutant makes the difference.

use crate::mutant::Mutant;
use crate::property::Property;
use crate::scenario::{
    CLOCKS, Case, EXTENSION, Expected, FENCING, FRESH, HEALING_TWICE, JOINING, LIFTS, MUTEX, RESTART,
    in_order, long,
};
use crate::setup::{Guard, Setup};

const fn violates(property: Property, name: &'static str, about: &'static str, setup: Setup) -> Case {
    Case {
        name,
        about,
        expected: Expected::Violates(property),
        is_long: false,
        setup,
        properties: property.alone(),
    }
}

const fn without(mutant: Mutant, setup: Setup) -> Setup {
    Setup { mutant: Some(mutant), ..setup }
}

pub(crate) const ATTACKS: &[Case] = &[
    // In any order: the release of the first attempt must arrive behind the acquire of the second.
    violates(
        Property::Exclusion,
        "token-reused",
        "the late release of A's first attempt deletes the key of its second, whose grant is still counted",
        without(Mutant::TokenReused, Setup { ttl: 1, ..MUTEX }),
    ),
    violates(
        Property::Exclusion,
        "unconditional-delete",
        "the late release of an attempt that A gave up deletes the key on which B counts",
        without(Mutant::UnconditionalDelete, in_order(MUTEX)),
    ),
    violates(
        Property::Exclusion,
        "validity-from-the-end",
        "a grant is heard late; A counts a whole ttl from then, and the nodes have less left",
        without(Mutant::ValidityFromTheEnd, Setup { attempts: [1, 1], ..in_order(MUTEX) }),
    ),
    violates(
        Property::Exclusion,
        "extension-shortens",
        "an extension by less arrives on one node only, whose key then ends before A's unchanged validity",
        without(Mutant::ExtensionShortens, in_order(EXTENSION)),
    ),
    violates(
        Property::Exclusion,
        "acknowledgements-added",
        "two nodes acknowledge an extension by 1; A counts them for that by 3, which reached nobody",
        without(Mutant::AcknowledgementsAdded, in_order(EXTENSION)),
    ),
    violates(
        Property::Covered,
        "acknowledgements-added-uncovered",
        "the same, seen where it begins: A believes for longer than any node keeps its key",
        without(Mutant::AcknowledgementsAdded, in_order(EXTENSION)),
    ),
    violates(
        Property::LostIsSticky,
        "lost-comes-back",
        "the validity ends before the second acknowledgement is heard, which then revives the lease",
        without(Mutant::LostComesBack, in_order(EXTENSION)),
    ),
    violates(
        Property::NoReturnAfterAnother,
        "lost-comes-back-after-another",
        "A is lost, B holds and releases, a straggling acquire and extension of A land, and A holds again",
        without(Mutant::LostComesBack, Setup { restarts: 0, ..HEALING_TWICE }),
    ),
    violates(
        Property::TokenOrder,
        "no-second-round",
        "A's token is on one node only; B, granted by the other two, gets one that is not greater",
        without(Mutant::NoSecondRound, in_order(FENCING)),
    ),
    violates(
        Property::TokenOrder,
        "lift-without-owner",
        "A's token is lifted on a node that B owns already, and counted; B's own is not greater",
        without(Mutant::LiftUnchecked, in_order(FENCING)),
    ),
    violates(
        Property::TokenOrder,
        "hold-off-without-skew",
        "a node forgot A's token; B's clock, behind by the skew, has not reached it when the hold-off = ttl is over",
        without(Mutant::HoldOffWithoutSkew, Setup { hold_off: CLOCKS.ttl, ..CLOCKS }),
    ),
    violates(
        Property::Exclusion,
        "no-hold-off",
        "B is granted by a node that has just forgotten A's key, and by one that A did not have",
        without(Mutant::GuardOff, Setup { guard: Guard::Off, ..in_order(RESTART) }),
    ),
    violates(
        Property::Exclusion,
        "restarts-seen-only",
        "the same, where B connects after the restart and so has seen none",
        without(Mutant::OnlyRestartsSeen, Setup { guard: Guard::Observed, ..in_order(RESTART) }),
    ),
    violates(
        Property::Exclusion,
        "extension-counts-young",
        "B counts a grant of a node that then restarts; A re-plants there and counts it in its next extension, \
         whose other node leaves A's former one to B",
        without(Mutant::ExtensionCountsYoung, HEALING_TWICE),
    ),
    violates(
        Property::TokenOrder,
        "lift-counts-young",
        "A counts a grant of a node that then restarts; B's lift is counted there, and has reached no other: when B \
         releases, A gets the rest of its quorum from a node that B's token is not on",
        without(Mutant::LiftCountsYoung, LIFTS),
    ),
    violates(
        Property::Exclusion,
        "quorum-of-blanks",
        "a new node and one that restarted under a lease are blank; B takes them for a fresh deployment",
        without(Mutant::QuorumOfBlanks, Setup { declarers: [false, true], ..in_order(JOINING) }),
    ),
    long(violates(
        Property::Exclusion,
        "blanks-read-in-one-pass",
        "B finds two nodes blank before they are in use, and the third after it restarted under a lease",
        without(Mutant::ReadInOnePass, FRESH),
    )),
    long(violates(
        Property::Exclusion,
        "marked-in-one-step",
        "A's declaration has marked one node and is late on the others; the one is counted by A, restarts, is blank \
         again with the rest, and declared anew by B",
        without(Mutant::MarkedInOneStep, FRESH),
    )),
    precaution(
        "re-plant-unconfirmed",
        "re-planting before q nodes have confirmed: a key on an empty node can only keep others out",
        without(Mutant::PlantUnconfirmed, HEALING_TWICE),
    ),
    precaution(
        "lift-without-owner-where-granted",
        "no owner check, but lifts only where a grant was heard: there the key outlives the attempt, by the clocks",
        without(Mutant::LiftUncheckedWhereGranted, in_order(FENCING)),
    ),
];

const fn precaution(name: &'static str, about: &'static str, setup: Setup) -> Case {
    let properties = if setup.restarts == 0 { Property::WITHOUT_RESTARTS } else { Property::ALWAYS };
    Case { name, about, expected: Expected::HoldsWithout, is_long: true, setup, properties }
}
