//! The rare states that a run must have met: a checker says nothing about what never happened.

/// A rare state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rare {
    /// A node granted after the attempt had been won without it.
    LateGrantAfterWin,
    /// A node granted after the attempt had been lost.
    LateGrantAfterLoss,
    /// An extension was not confirmed.
    ExtensionNotConfirmed,
    /// The lease ended while an extension was under way.
    LostDuringExtension,
    /// A quorum granted when nothing of the lease was left.
    ValidityExhausted,
    /// An attempt was refused, and nobody held a quorum.
    SplitVote,
    /// An acquisition was cancelled after its first send.
    CancelledMidAttempt,
    /// A node was given back the key of a held lock.
    RePlant,
    /// A client ended without releasing anything.
    ClientCrash,
    /// A node, or the way to it, broke.
    NodeCrash,
    /// A node forgot its keys, where the safety argument allows it.
    Restart,
    /// A detached lock was taken over.
    Adoption,
    /// What an old connection carried landed after what the new one did.
    Reordering,
    /// An acquisition ended at its deadline.
    DeadlineHit,
    /// An attempt for several resources was refused.
    MultiRefusal,
    /// A guard was leaked by a client that lives on.
    Leak,
    /// The nodes had to be brought to one fencing token.
    SecondRound,
    /// A store refused the write of a holder that others had followed.
    LateWriteRefused,
    /// A process that was stopped went on when its lease was over.
    SleptThrough,
    /// A node restarted and had forgotten what somebody may have held.
    Amnesia,
    /// A durable node restarted.
    DurableRestart,
    /// A replica took a node's place.
    FailOver,
    /// A durable replica did, whose marker says so.
    DurableFailOver,
    /// A node's keys were deleted, and its process stayed.
    Flush,
    /// A client withheld the votes of a node.
    Withheld,
    /// The votes of a node that was withheld count again.
    CountsAgain,
    /// A holder was told that too many of its nodes had forgotten its lock.
    Forgotten,
}

impl Rare {
    /// All of them.
    pub const ALL: [Self; 27] = [
        Self::LateGrantAfterWin,
        Self::LateGrantAfterLoss,
        Self::ExtensionNotConfirmed,
        Self::LostDuringExtension,
        Self::ValidityExhausted,
        Self::SplitVote,
        Self::CancelledMidAttempt,
        Self::RePlant,
        Self::ClientCrash,
        Self::NodeCrash,
        Self::Restart,
        Self::Adoption,
        Self::Reordering,
        Self::DeadlineHit,
        Self::MultiRefusal,
        Self::Leak,
        Self::SecondRound,
        Self::LateWriteRefused,
        Self::SleptThrough,
        Self::Amnesia,
        Self::DurableRestart,
        Self::FailOver,
        Self::DurableFailOver,
        Self::Flush,
        Self::Withheld,
        Self::CountsAgain,
        Self::Forgotten,
    ];

    /// The name in a summary.
    pub fn name(self) -> &'static str {
        match self {
            Self::LateGrantAfterWin => "late grants after a win",
            Self::LateGrantAfterLoss => "late grants after a loss",
            Self::ExtensionNotConfirmed => "extensions not confirmed",
            Self::LostDuringExtension => "leases lost during an extension",
            Self::ValidityExhausted => "validity exhausted",
            Self::SplitVote => "split votes",
            Self::CancelledMidAttempt => "cancelled mid-attempt",
            Self::RePlant => "re-plants",
            Self::ClientCrash => "client crashes",
            Self::NodeCrash => "node crashes",
            Self::Restart => "restarts without memory",
            Self::Adoption => "adoptions",
            Self::Reordering => "reconnections with reordering",
            Self::DeadlineHit => "deadline hits",
            Self::MultiRefusal => "multi-resource refusals",
            Self::Leak => "leaked guards",
            Self::SecondRound => "second rounds of fencing",
            Self::LateWriteRefused => "late writes refused",
            Self::SleptThrough => "leases slept through",
            Self::Amnesia => "restarts that forgot",
            Self::DurableRestart => "durable restarts",
            Self::FailOver => "replicas promoted",
            Self::DurableFailOver => "durable replicas promoted",
            Self::Flush => "nodes emptied",
            Self::Withheld => "votes withheld",
            Self::CountsAgain => "votes counted again",
            Self::Forgotten => "locks that too many nodes forgot",
        }
    }
}

/// How often each rare state was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Rare::ALL.len()]);

impl Counters {
    /// How often that one was.
    pub fn get(&self, rare: Rare) -> u64 {
        self.0.get(rare as usize).copied().unwrap_or(0)
    }

    /// Adds another run's.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Those that were never met.
    pub fn missing(&self) -> Vec<Rare> {
        Rare::ALL.into_iter().filter(|rare| self.get(*rare) == 0).collect()
    }

    pub(super) fn add(&mut self, rare: Rare, count: u64) {
        if let Some(sum) = self.0.get_mut(rare as usize) {
            *sum = sum.saturating_add(count);
        }
    }
}
