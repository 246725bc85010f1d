//! What a node does with a request: one atomic step each.

use crate::guard;
use crate::mutant::Mutant;
use crate::network::{Kind, Message};
use crate::setup::Setup;
use crate::state::{Column, Node};

/// Executes the request; a reply goes under way where the client could act on one.
pub(crate) fn execute(setup: &Setup, column: &mut Column, client: usize, request: Message) {
    let value = setup.value(client, request.attempt);
    let counts = guard::counts(setup, column, client);
    if let Some(kind) = column.node.execute(setup, value, request) {
        let mut reply = Message::new(kind, request.attempt);
        (reply.round, reply.value) = (request.round, request.value);
        reply.counts = counts || setup.mutant.is_some_and(|mutant| mutant.counts_young(kind));
        if kind == Kind::Granted {
            reply.value = if setup.fenced() { column.node.counter } else { 1 };
        }
        column.links[client].mail.put(setup, reply);
    }
}

impl Node {
    fn execute(&mut self, setup: &Setup, value: u8, request: Message) -> Option<Kind> {
        let is_mine = self.holder == value;
        match request.kind {
            Kind::Acquire if self.holder == 0 => {
                self.plant(value, request.ttl);
                if setup.fenced() {
                    self.counter = (self.counter + 1).max(request.value);
                }
                Some(Kind::Granted)
            }
            Kind::Lift if is_mine || setup.mutant.is_some_and(Mutant::lifts_unowned) => {
                self.lift(request.value);
                Some(Kind::Lifted)
            }
            Kind::Extend if is_mine => {
                let shortens = setup.is(Mutant::ExtensionShortens);
                self.left = if shortens { request.ttl } else { self.left.max(request.ttl) };
                self.lift(request.value);
                Some(Kind::Mine)
            }
            // "Another's" is an answer too; no client acts on it.
            Kind::Extend if self.holder == 0 && setup.replant => Some(Kind::Empty),
            Kind::RePlant if self.holder == 0 => {
                self.plant(value, request.ttl);
                self.lift(request.value);
                None
            }
            Kind::Release if is_mine || setup.is(Mutant::UnconditionalDelete) => {
                (self.holder, self.left) = (0, 0);
                None
            }
            // Only if the run is still the one that was read.
            Kind::Mark if self.run == request.value => {
                self.announced = self.run;
                Some(Kind::Marked)
            }
            Kind::Confirm if self.run == request.value => {
                self.marker = self.run;
                None
            }
            _ => None,
        }
    }

    fn plant(&mut self, value: u8, ttl: u8) {
        (self.holder, self.left) = (value, ttl);
    }

    fn lift(&mut self, token: u8) {
        self.counter = self.counter.max(token);
    }
}
