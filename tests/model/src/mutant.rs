//! Wrong versions of the protocol. Each is the design with one rule left out.

use crate::network::Kind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// One random value for all attempts of a client.
    TokenReused,
    /// A release deletes the key whoever holds it.
    UnconditionalDelete,
    /// Validity counts from the deciding reply, not from the first send.
    ValidityFromTheEnd,
    /// An extension sets the time to live of a key, if that is less, too.
    ExtensionShortens,
    /// An acknowledgement counts in later rounds as well.
    AcknowledgementsAdded,
    /// An extension is confirmed though the validity has ended meanwhile.
    LostComesBack,
    /// A key is re-planted before q nodes have confirmed.
    PlantUnconfirmed,
    /// The greatest value granted is the token, though it is not on q nodes.
    NoSecondRound,
    /// A lift acknowledges wherever it arrives.
    LiftUnchecked,
    /// The same, but lifts go only to nodes whose grant was heard.
    LiftUncheckedWhereGranted,
    /// The hold-off is the ttl alone. The scenario says so; there is nothing else to leave out.
    HoldOffWithoutSkew,
    /// No hold-off, by the scenario.
    GuardOff,
    /// Each client withholds the votes of nodes that it has seen restart, by the scenario.
    OnlyRestartsSeen,
    /// Extensions count nodes whose grants are withheld.
    ExtensionCountsYoung,
    /// Lifts count them.
    LiftCountsYoung,
    /// Not all nodes need be blank for a fresh deployment.
    QuorumOfBlanks,
    /// The blank nodes need not be found blank after the last of them was connected; and marks count one by one.
    ReadInOnePass,
    /// A node that heard of the declaration counts at once, before the others have heard of it.
    MarkedInOneStep,
}

impl Mutant {
    pub(crate) fn lifts_unowned(self) -> bool {
        matches!(self, Self::LiftUnchecked | Self::LiftUncheckedWhereGranted)
    }

    /// Such a reply counts whoever gave it.
    pub(crate) fn counts_young(self, reply: Kind) -> bool {
        match self {
            Self::ExtensionCountsYoung => reply == Kind::Mine,
            Self::LiftCountsYoung => reply == Kind::Lifted,
            _ => false,
        }
    }

    /// What is heard after the end of the validity still matters.
    pub(crate) fn outlives_validity(self) -> bool {
        matches!(self, Self::LostComesBack | Self::ValidityFromTheEnd)
    }

    /// A release may then delete what is not of its own attempt.
    pub(crate) fn confuses_values(self) -> bool {
        matches!(self, Self::TokenReused | Self::UnconditionalDelete)
    }
}
