//! Nodes that restart and forget: whose grants count.

use crate::mutant::Mutant;
use crate::network::{Kind, Message};
use crate::setup::{Guard, Setup};
use crate::state::{CLIENTS, Column, NODES, Phase, QUORUM, State};

/// Whether a grant of this node counts for this client, now. It is asked when the node grants and again when the client
/// hears of it, and one yes is enough: a real client asks once, in between.
pub(crate) fn counts(setup: &Setup, column: &Column, client: usize) -> bool {
    match setup.guard {
        Guard::Off => true,
        Guard::Observed => column.links[client].withheld == 0,
        Guard::Strict => column.node.young == 0,
        Guard::Member => column.node.young == 0 || column.node.marker == column.node.run,
    }
}

/// The node loses its keys, its counters and its marker.
pub(crate) fn restart(setup: &Setup, state: &mut State, column: usize) {
    state.restarts_left -= 1;
    let connected: [bool; CLIENTS] = std::array::from_fn(|client| {
        let me = state.clients[client];
        client == 0 || me.attempt > 0 || me.phase != Phase::Idle
    });
    let Column { node, links } = &mut state.columns[column];
    *node = crate::state::Node { run: node.run + 1, young: setup.hold_off, ..Default::default() };
    for (link, connected) in links.iter_mut().zip(connected) {
        if setup.guard == Guard::Observed && connected {
            link.withheld = setup.hold_off;
        }
        // `counts` must not take a grant of the earlier run for one of this.
        link.mail.retain(|message| message.counts && (message.kind.is_reply() || setup.late_requests));
    }
}

/// Reads of a client that wants to declare a fresh deployment, in two passes: the run of each node first, and what is
/// blank only when all have answered. A node that is met in another run makes the client begin again.
pub(crate) fn read(setup: &Setup, state: &State, client: usize, column: usize) -> Option<State> {
    if !setup.declarers[client] || counts(setup, &state.columns[column], client) {
        return None;
    }
    let mut next = *state;
    let run = state.columns[column].node.run;
    let known = state.columns[column].links[client].connected;
    if known != 0 && known != run {
        forget(&mut next, client);
    }
    let is_first_pass = next.votes(client, |link| link.connected > 0) < NODES;
    let link = &mut next.columns[column].links[client];
    link.connected = run;
    if !is_first_pass || setup.is(Mutant::ReadInOnePass) || setup.is(Mutant::QuorumOfBlanks) {
        link.blank = run;
    }
    Some(next)
}

/// All nodes were blank: the deployment is fresh, and each is marked, if its run is still the one that was read.
pub(crate) fn declare(setup: &Setup, state: &State, client: usize) -> Option<State> {
    let needed = if setup.is(Mutant::QuorumOfBlanks) { QUORUM } else { NODES };
    if !setup.declarers[client] || state.votes(client, |link| link.blank > 0) < needed {
        return None;
    }
    let mut next = *state;
    for column in &mut next.columns {
        let link = &mut column.links[client];
        if link.blank > 0 {
            let mut mark = Message::new(Kind::Mark, 0);
            mark.value = link.blank;
            link.mail.put(setup, mark);
        }
    }
    forget(&mut next, client);
    Some(next)
}

fn forget(state: &mut State, client: usize) {
    for column in &mut state.columns {
        (column.links[client].connected, column.links[client].blank) = (0, 0);
    }
}
