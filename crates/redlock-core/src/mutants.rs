//! Deliberate defects, each of which the simulator must catch: a checker that never fails proves nothing.
//!
//! They exist only under `--cfg redlock_mutants`, which is no cargo feature, so that no dependency can switch them on.
//! Without it [`active`] is a constant `false`.

/// A defect of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// One token for all attempts of an `acquire()`.
    TokenKeptOverAttempts,
    /// A lost round is rolled back only where a node said yes.
    RollBackOnlyYes,
    /// Validity counts from the last reply, not from the first send.
    ValidityFromTheEnd,
    /// N/2 nodes are enough.
    HalfIsEnough,
    /// An extension may shorten a key's life.
    ExtensionShortens,
    /// Acknowledgements of several extensions are added up.
    AcknowledgementsAdded,
    /// An extension revives a lease whose validity has passed.
    LostComesBack,
    /// The votes of a node that restarted and forgot count at once.
    ForgetfulNodesCount,
    /// Only nodes that this process has seen to restart are withheld.
    ObservedRestartsOnly,
    /// A quorum of nodes that may have forgotten is taken for a fresh deployment.
    QuorumOfBlankNodesIsFresh,
    /// An extension counts a node that restarted and forgot, once it was given the key back; and so does a lift.
    ExtensionCountsForgetful,
    /// A fencing token is the highest that was granted, though it is not on a quorum of nodes.
    NoSecondRound,
    /// A counter is raised also where the lock is another's by now.
    LiftWithoutOwner,
    /// Nothing is allowed for clocks that run at different rates, whatever the drift factor.
    NoDrift,
    /// A release that a node has not confirmed is not repeated.
    ReleasesSentOnce,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::TokenKeptOverAttempts,
        Self::RollBackOnlyYes,
        Self::ValidityFromTheEnd,
        Self::HalfIsEnough,
        Self::ExtensionShortens,
        Self::AcknowledgementsAdded,
        Self::LostComesBack,
        Self::ForgetfulNodesCount,
        Self::ObservedRestartsOnly,
        Self::QuorumOfBlankNodesIsFresh,
        Self::ExtensionCountsForgetful,
        Self::NoSecondRound,
        Self::LiftWithoutOwner,
        Self::NoDrift,
        Self::ReleasesSentOnce,
    ];

    /// The name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::TokenKeptOverAttempts => "token-kept-over-attempts",
            Self::RollBackOnlyYes => "roll-back-only-yes",
            Self::ValidityFromTheEnd => "validity-from-the-end",
            Self::HalfIsEnough => "half-is-enough",
            Self::ExtensionShortens => "extension-shortens",
            Self::AcknowledgementsAdded => "acknowledgements-added",
            Self::LostComesBack => "lost-comes-back",
            Self::ForgetfulNodesCount => "forgetful-nodes-count",
            Self::ObservedRestartsOnly => "observed-restarts-only",
            Self::QuorumOfBlankNodesIsFresh => "quorum-of-blank-nodes-is-fresh",
            Self::ExtensionCountsForgetful => "extension-counts-forgetful",
            Self::NoSecondRound => "no-second-round",
            Self::LiftWithoutOwner => "lift-without-owner",
            Self::NoDrift => "no-drift",
            Self::ReleasesSentOnce => "releases-sent-once",
        }
    }
}

#[cfg(redlock_mutants)]
static ACTIVE: std::sync::Mutex<Option<Mutant>> = std::sync::Mutex::new(None);

/// Switches one defect on, or all off.
#[cfg(redlock_mutants)]
pub fn activate(mutant: Option<Mutant>) {
    *ACTIVE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = mutant;
    // A seed that is run again has the same values: what one mutant left would be counted under the next.
    ACKNOWLEDGED.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
}

/// Whether the defect is switched on.
#[cfg(redlock_mutants)]
pub fn active(mutant: Mutant) -> bool {
    *ACTIVE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Some(mutant)
}

/// Whether the defect is switched on: never in this build.
#[cfg(not(redlock_mutants))]
#[inline]
pub fn active(_: Mutant) -> bool {
    false
}

/// The nodes that once acknowledged an extension of the lock with this value, for
/// [`Mutant::AcknowledgementsAdded`].
#[cfg(redlock_mutants)]
static ACKNOWLEDGED: std::sync::Mutex<Vec<(crate::LockValue, usize)>> = std::sync::Mutex::new(Vec::new());

#[cfg(redlock_mutants)]
pub(crate) fn acknowledge(value: &crate::LockValue, node: usize) {
    if active(Mutant::AcknowledgementsAdded) {
        let mut all = ACKNOWLEDGED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.push((value.clone(), node));
    }
}

#[cfg(redlock_mutants)]
pub(crate) fn acknowledged(value: &crate::LockValue) -> Vec<usize> {
    let all = ACKNOWLEDGED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.iter().filter(|(other, _)| other == value).map(|(_, node)| *node).collect()
}

#[cfg(not(redlock_mutants))]
#[inline]
pub(crate) fn acknowledge(_: &crate::LockValue, _: usize) {}

#[cfg(not(redlock_mutants))]
#[inline]
pub(crate) fn acknowledged(_: &crate::LockValue) -> [usize; 0] {
    []
}
