//! Nodes that restart and forget: whose grants count.

use crate::mutant::Mutant;
use crate::network::{Kind, Message};
use crate::setup::{Guard, Order, Setup};
use crate::state::{CLIENTS, Column, Link, NODES, Phase, QUORUM, State};

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

/// A client that would declare a fresh deployment reads each node in two passes: its run first, and whether it is blank
/// only when all have answered. A node that is met in another run makes it begin again.
pub(crate) fn read(setup: &Setup, state: &State, client: usize, column: usize) -> Option<State> {
    let node = state.columns[column].node;
    let is_blank = !counts(setup, &state.columns[column], client) && node.announced != node.run;
    let link = &state.columns[column].links[client];
    // A read would come behind the marks that were sent over the same connection.
    let is_behind = setup.order == Order::Fifo && link.mail.iter().any(|message| message.kind.is_mark());
    if !setup.declarers[client] || !is_blank || is_behind {
        return None;
    }
    let mut next = *state;
    let known = link.connected;
    if known != 0 && known != node.run {
        forget(&mut next, client);
    }
    let is_first_pass = next.votes(client, |link| link.connected > 0) < NODES;
    let link = &mut next.columns[column].links[client];
    link.connected = node.run;
    if !is_first_pass || setup.is(Mutant::ReadInOnePass) || setup.is(Mutant::QuorumOfBlanks) {
        link.blank = node.run;
    }
    Some(next)
}

/// All nodes were blank: the deployment is fresh. That is announced to each, and confirmed when each has heard it, both
/// only if its run is still the one that was read. Grants count from the confirmation on.
pub(crate) fn declare(setup: &Setup, state: &State, client: usize) -> Option<State> {
    if state.votes(client, |link| link.blank > 0) < needed(setup) {
        return None;
    }
    let mut next = *state;
    let in_one_step = setup.is(Mutant::MarkedInOneStep) || setup.is(Mutant::ReadInOnePass);
    let kind = if in_one_step { Kind::Confirm } else { Kind::Mark };
    send_marks(setup, &mut next, client, kind, |link| link.blank);
    forget(&mut next, client);
    Some(next)
}

/// The node has noted the announcement. That of another run means that it has restarted since.
pub(crate) fn announced(setup: &Setup, state: &mut State, client: usize, column: usize, run: u8) {
    state.columns[column].links[client].announced = run;
    if state.votes(client, |link| link.announced > 0) >= needed(setup) {
        send_marks(setup, state, client, Kind::Confirm, |link| link.announced);
        forget(state, client);
    }
}

fn needed(setup: &Setup) -> usize {
    if setup.is(Mutant::QuorumOfBlanks) { QUORUM } else { NODES }
}

fn send_marks(setup: &Setup, state: &mut State, client: usize, kind: Kind, run: impl Fn(&Link) -> u8) {
    for link in state.columns.iter_mut().map(|column| &mut column.links[client]) {
        let mut mark = Message::new(kind, 0);
        mark.value = run(link);
        if mark.value > 0 {
            link.mail.put(setup, mark);
        }
    }
}

fn forget(state: &mut State, client: usize) {
    for link in state.columns.iter_mut().map(|column| &mut column.links[client]) {
        (link.connected, link.blank, link.announced) = (0, 0, 0);
    }
}
