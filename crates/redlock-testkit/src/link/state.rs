use super::connection::Connection;
use super::rules::Rules;
use super::wire::Wire;

/// What a link does at present.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rules: Rules,
    pub(crate) wire: Wire,
    pub(crate) health: Health,
    pub(crate) sent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Up,
    Refusing,
    Dark,
}

impl State {
    pub(crate) fn new() -> Self {
        Self { rules: Rules::default(), wire: Wire::new(0), health: Health::Up, sent: 0 }
    }

    pub(crate) fn refuse(&mut self) {
        self.health = Health::Refusing;
        self.reconnect().discard();
    }

    pub(crate) fn go_dark(&mut self) {
        self.health = Health::Dark;
        self.wire.connection.discard();
    }

    pub(crate) fn restore(&mut self) {
        self.health = Health::Up;
        self.wire.connection.resume();
    }

    /// The old connection, closed.
    pub(crate) fn reconnect(&mut self) -> Connection {
        let next = Wire::new(self.wire.connection.number().wrapping_add(1));
        if self.health == Health::Dark {
            next.connection.discard();
        }
        let old = std::mem::replace(&mut self.wire, next).connection;
        old.close();
        old
    }
}
