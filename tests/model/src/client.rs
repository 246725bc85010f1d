//! What a client does on its own, and on a reply. It may give up or release at any point, and it may be paused at any
//! point: a pause is a reply that is delivered late.

use crate::guard;
use crate::mutant::Mutant;
use crate::network::{Kind, Message};
use crate::setup::{Fencing, PER_TICK, Setup};
use crate::state::{Ack, Client, Link, Loss, NODES, Phase, QUORUM, State};

/// A round to all nodes, sent at once.
fn send(setup: &Setup, state: &mut State, client: usize, kind: Kind, to: impl Fn(&Link) -> bool) {
    let me = state.clients[client];
    let mut message = Message::new(kind, me.attempt);
    message.value = if setup.fenced() { me.token } else { 0 };
    if matches!(kind, Kind::Extend | Kind::RePlant) {
        (message.round, message.ttl) = (me.round, me.round_left);
    }
    for link in state.columns.iter_mut().map(|column| &mut column.links[client]).filter(|link| to(link)) {
        link.mail.put(setup, message);
    }
}

pub(crate) fn candidates(setup: &Setup, state: &State, client: usize) -> std::ops::RangeInclusive<u8> {
    match setup.fencing {
        Fencing::Off => 0..=0,
        Fencing::AnyClock(greatest) => 1..=greatest,
        Fencing::Clocks(ahead) => {
            let clock = 1 + (state.now + ahead[client]) * PER_TICK;
            clock..=clock
        }
    }
}

pub(crate) fn start(setup: &Setup, state: &mut State, client: usize, candidate: u8) {
    let me = &mut state.clients[client];
    (me.phase, me.left) = (Phase::Acquiring, setup.ttl);
    let mut acquire = Message::new(Kind::Acquire, me.attempt);
    (acquire.ttl, acquire.value) = (setup.ttl, candidate);
    for column in &mut state.columns {
        column.links[client].mail.put(setup, acquire);
    }
}

/// The roll-back of an attempt and the release of a lease are the same: to every node, whatever it said. (A real client
/// spares those that refused; there it would change nothing.)
pub(crate) fn release(setup: &Setup, state: &mut State, client: usize) {
    send(setup, state, client, Kind::Release, |_| true);
    state.forget(client);
    let attempt = state.clients[client].attempt + 1;
    state.clients[client] = Client { attempt, ..Client::default() };
}

pub(crate) fn extend(setup: &Setup, state: &mut State, client: usize, ttl: u8) {
    let me = &mut state.clients[client];
    (me.round, me.round_left, me.confirmed) = (me.round + 1, ttl, false);
    if !setup.is(Mutant::AcknowledgementsAdded) {
        state.forget(client);
    }
    send(setup, state, client, Kind::Extend, |_| true);
}

/// Whether the client would still act on the reply; if not, its delivery is the same as its loss.
pub(crate) fn wants(setup: &Setup, me: Client, reply: Message) -> bool {
    let is_late = me.left == 0;
    if reply.kind == Kind::Marked {
        return true;
    }
    reply.attempt == me.attempt
        && match reply.kind {
            Kind::Granted | Kind::Lifted if is_late && !setup.is(Mutant::ValidityFromTheEnd) => false,
            Kind::Granted => me.phase == Phase::Acquiring,
            Kind::Lifted => me.phase == Phase::Acquiring && me.token > 0,
            _ => {
                let is_this_round = reply.round == me.round || setup.is(Mutant::AcknowledgementsAdded);
                me.phase == Phase::Holding && is_this_round && (!is_late || setup.is(Mutant::LostComesBack))
            }
        }
}

pub(crate) fn hear(setup: &Setup, state: &mut State, column: usize, client: usize, reply: Message) {
    if !wants(setup, state.clients[client], reply) {
        return;
    }
    let counts = reply.counts || guard::counts(setup, &state.columns[column], client);
    let link = &mut state.columns[column].links[client];
    match reply.kind {
        Kind::Granted | Kind::Lifted | Kind::Mine if !counts => {}
        Kind::Granted => {
            link.vote = reply.value;
            decide(setup, state, client);
        }
        Kind::Lifted => {
            link.vote = state.clients[client].token;
            decide(setup, state, client);
        }
        Kind::Marked => guard::announced(setup, state, client, column, reply.value),
        Kind::Mine => {
            link.ack = Ack::Mine;
            confirm(setup, state, client);
        }
        _ => {
            link.ack = Ack::Empty;
            heal(setup, state, client);
        }
    }
}

/// The token is the greatest value of the first q grants, and the lock is won when q nodes have stored it. If not all of
/// them have, a second round goes to every other node, whether or not its grant was heard of already.
fn decide(setup: &Setup, state: &mut State, client: usize) {
    if state.clients[client].token == 0 && state.votes(client, |link| link.vote > 0) >= QUORUM {
        let votes = state.columns.iter().map(|column| column.links[client].vote);
        let token = votes.max().unwrap_or_default();
        state.clients[client].token = token;
        if setup.is(Mutant::NoSecondRound) {
            return hold(setup, state, client);
        }
        if state.votes(client, |link| link.vote >= token) < QUORUM {
            let granted_only = setup.is(Mutant::LiftUncheckedWhereGranted);
            send(setup, state, client, Kind::Lift, |link| {
                link.vote < token && (link.vote > 0 || !granted_only)
            });
        }
    }
    let token = state.clients[client].token;
    if token > 0 && state.votes(client, |link| link.vote >= token) >= QUORUM {
        hold(setup, state, client);
    }
}

fn hold(setup: &Setup, state: &mut State, client: usize) {
    let me = &mut state.clients[client];
    me.phase = Phase::Holding;
    if setup.is(Mutant::ValidityFromTheEnd) {
        me.left = setup.ttl;
    }
    let token = me.token;
    state.forget(client);
    if setup.fenced() {
        state.unordered |= token <= state.top;
        state.top = state.top.max(token);
    }
    let other = &mut state.clients[1 - client];
    if other.loss == Loss::Lost {
        other.loss = Loss::Overtaken;
    }
}

fn confirm(setup: &Setup, state: &mut State, client: usize) {
    if state.votes(client, |link| link.ack == Ack::Mine) < QUORUM {
        return;
    }
    let me = &mut state.clients[client];
    me.confirmed = true;
    // Lost is sticky: `wants` has let no reply pass after the end of the validity.
    me.left = me.left.max(me.round_left);
    heal(setup, state, client);
}

/// Gives the key back to nodes that answered "empty", for the time that remains of the round that was confirmed. It is
/// no acknowledgement.
fn heal(setup: &Setup, state: &mut State, client: usize) {
    let me = state.clients[client];
    let may = me.confirmed || setup.is(Mutant::PlantUnconfirmed);
    if may && me.round_left > 0 {
        send(setup, state, client, Kind::RePlant, |link| link.ack == Ack::Empty);
        for column in &mut state.columns {
            let ack = &mut column.links[client].ack;
            *ack = if *ack == Ack::Empty { Ack::None } else { *ack };
        }
    }
}

/// Drops messages that can have no effect any more, whatever happens. That is no loss of generality: they might as well
/// be lost on the way. It makes the difference between a search that ends and one that does not.
pub(crate) fn drop_dead_mail(setup: &Setup, state: &mut State) {
    let trusts_values = !setup.mutant.is_some_and(Mutant::confuses_values);
    for column in 0..NODES {
        for (client, me) in state.clients.iter().enumerate() {
            let holder = state.columns[column].node.holder;
            let run = state.columns[column].node.run;
            let link = &mut state.columns[column].links[client];
            if link.mail.is_empty() {
                continue;
            }
            let mail = link.mail;
            link.mail.retain(|message| match message.kind {
                kind if kind.is_reply() => wants(setup, *me, message),
                Kind::Acquire | Kind::RePlant => true,
                Kind::Mark | Kind::Confirm => message.value == run,
                kind => {
                    let plants = |other: Message| matches!(other.kind, Kind::Acquire | Kind::RePlant);
                    let arrives = mail.iter().any(|other| plants(other) && other.attempt == message.attempt);
                    let is_current = me.attempt == message.attempt && me.phase != Phase::Idle;
                    // It may yet find its key there, or an answer without it may be of use.
                    let lifts = kind == Kind::Lift && setup.mutant.is_some_and(Mutant::lifts_unowned);
                    let is_of_use = is_current && (lifts || setup.replant);
                    holder == setup.value(client, message.attempt) || arrives || is_of_use || !trusts_values
                }
            });
        }
    }
}
