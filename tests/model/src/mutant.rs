//! Wrong versions of the protocol. Each is the design with one rule left out.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    NoSecondRound,
    LiftUnchecked,
    LiftUncheckedWhereGranted,
    TokenReused,
    UnconditionalDelete,
    ValidityFromTheEnd,
    ExtensionShortens,
    AcknowledgementsAdded,
    LostComesBack,
    PlantUnconfirmed,
    PlantUnconfirmedAndRevive,
    GuardOff,
    OnlyRestartsSeen,
    QuorumOfBlanks,
    ReadInOnePass,
    HoldOffWithoutSkew,
    ExtensionCountsYoung,
}

impl Mutant {
    pub(crate) fn lifts_unowned(self) -> bool {
        matches!(self, Self::LiftUnchecked | Self::LiftUncheckedWhereGranted)
    }

    pub(crate) fn revives(self) -> bool {
        matches!(self, Self::LostComesBack | Self::PlantUnconfirmedAndRevive)
    }

    pub(crate) fn outlives_validity(self) -> bool {
        self.revives() || self == Self::ValidityFromTheEnd
    }

    pub(crate) fn plants_unconfirmed(self) -> bool {
        matches!(self, Self::PlantUnconfirmed | Self::PlantUnconfirmedAndRevive)
    }

    /// A release may then delete what is not of its own attempt.
    pub(crate) fn confuses_values(self) -> bool {
        matches!(self, Self::TokenReused | Self::UnconditionalDelete)
    }
}
