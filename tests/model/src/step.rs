//! All that can happen next in a state.

use crate::network::Message;
use crate::setup::Setup;
use crate::state::{CLIENTS, NODES, Phase, State};
use crate::{client, guard, node};

/// Columns are counted in the state before the step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Start { client: usize, candidate: u8 },
    Extend { client: usize, ttl: u8 },
    Release { client: usize },
    Read { client: usize, column: usize },
    Declare { client: usize },
    Deliver { client: usize, column: usize, message: Message },
    Restart { column: usize },
    Tick,
}

/// A successor in its canonical form; `names[i]` was the column of what is column `i` now.
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) state: State,
    pub(crate) names: [u8; NODES],
}

pub(crate) fn successors(setup: &Setup, state: &State, mut visit: impl FnMut(Step)) {
    let mut visit = |action, mut next: State| {
        let mut names = std::array::from_fn(|index| u8::try_from(index).unwrap_or_default());
        client::drop_dead_mail(setup, &mut next);
        next.sort(&mut names);
        if next != *state {
            visit(Step { action, state: next, names });
        }
    };
    for client in 0..CLIENTS {
        of_client(setup, state, client, &mut visit);
        for column in 0..NODES {
            of_link(setup, state, client, column, &mut visit);
        }
    }
    for column in (0..NODES).filter(|_| state.restarts_left > 0) {
        let mut next = *state;
        guard::restart(setup, &mut next, column);
        visit(Action::Restart { column }, next);
    }
    if setup.ticks.is_none_or(|ticks| state.now < ticks) {
        let mut next = *state;
        next.tick(setup);
        visit(Action::Tick, next);
    }
}

fn of_client(setup: &Setup, state: &State, client: usize, visit: &mut impl FnMut(Action, State)) {
    let me = state.clients[client];
    let mut does = |action, change: &dyn Fn(&mut State)| {
        let mut next = *state;
        change(&mut next);
        visit(action, next);
    };
    if me.phase != Phase::Idle {
        does(Action::Release { client }, &|next| client::release(setup, next, client));
    } else if me.attempt < setup.attempts[client] {
        for candidate in client::candidates(setup, state, client) {
            does(Action::Start { client, candidate }, &|next| client::start(setup, next, client, candidate));
        }
    }
    if me.believes() && me.round < setup.extensions[client] {
        for &ttl in setup.extend_by {
            does(Action::Extend { client, ttl }, &|next| client::extend(setup, next, client, ttl));
        }
    }
    if let Some(next) = guard::declare(setup, state, client) {
        visit(Action::Declare { client }, next);
    }
}

fn of_link(
    setup: &Setup,
    state: &State,
    client: usize,
    column: usize,
    visit: &mut impl FnMut(Action, State),
) {
    for (index, message) in state.columns[column].links[client].mail.iter().enumerate() {
        let mut next = *state;
        let place = &mut next.columns[column];
        place.links[client].mail.take(setup, index);
        if message.kind.is_reply() {
            client::hear(setup, &mut next, column, client, message);
        } else {
            node::execute(setup, place, client, message);
        }
        visit(Action::Deliver { client, column, message }, next);
    }
    if let Some(next) = guard::read(setup, state, client, column) {
        visit(Action::Read { client, column }, next);
    }
}
