//! What must hold in every state.

use crate::setup::Setup;
use crate::state::{CLIENTS, Loss, QUORUM, State};

/// One that a state can violate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// No two clients believe in their leases at one time. A client believes while its validity, counted by its own clock
    /// from before its first send, is not over.
    Exclusion,
    /// Of two acquisitions the one that is won later has the greater token, however long the winner of the earlier one
    /// was paused before it uses its token.
    ///
    /// Why the order of winning: under exclusion the leases follow one another in that order. It says more than "later
    /// acquisitions have greater tokens": it covers those that overlapped while they were under way.
    TokenOrder,
    /// A lease that was lost is never believed in again.
    LostIsSticky,
    /// The worst case of the former: a lease that was lost, and followed by another client's, is believed in again.
    NoReturnAfterAnother,
    /// A client that believes has its key on q nodes, for at least as long as it believes, with its token stored there.
    /// Exclusion and the order of tokens follow from it; it is what acknowledgements of different rounds would break.
    /// A node that forgets breaks it, too.
    Covered,
}

impl Property {
    pub(crate) const ALWAYS: &[Self] = &[Self::Exclusion, Self::TokenOrder, Self::LostIsSticky];
    pub(crate) const WITHOUT_RESTARTS: &[Self] =
        &[Self::Exclusion, Self::TokenOrder, Self::LostIsSticky, Self::Covered];

    pub(crate) const fn alone(self) -> &'static [Self] {
        match self {
            Self::Exclusion => &[Self::Exclusion],
            Self::TokenOrder => &[Self::TokenOrder],
            Self::LostIsSticky => &[Self::LostIsSticky],
            Self::NoReturnAfterAnother => &[Self::NoReturnAfterAnother],
            Self::Covered => &[Self::Covered],
        }
    }

    pub(crate) fn holds(self, setup: &Setup, state: &State) -> bool {
        let believers = || (0..CLIENTS).filter(|client| state.clients[*client].believes());
        match self {
            Self::Exclusion => believers().count() < 2,
            Self::TokenOrder => !state.unordered,
            Self::LostIsSticky => believers().all(|client| state.clients[client].loss == Loss::Never),
            Self::NoReturnAfterAnother => {
                believers().all(|client| state.clients[client].loss != Loss::Overtaken)
            }
            Self::Covered => believers().all(|client| is_covered(setup, state, client)),
        }
    }
}

fn is_covered(setup: &Setup, state: &State, client: usize) -> bool {
    let me = state.clients[client];
    let value = setup.value(client, me.attempt);
    let nodes = state.columns.iter().map(|column| column.node);
    let covering = nodes.filter(|node| {
        node.holder == value && node.left >= me.left && (!setup.fenced() || node.counter >= me.token)
    });
    covering.count() >= QUORUM
}
