//! Everything that a state of the model consists of. All times are countdowns in ticks, so there is no clock that could
//! run out: a client may be paused for ever.

use crate::mutant::Mutant;
use crate::network::Mailbox;
use crate::setup::{Boot, Setup};

pub(crate) const NODES: usize = 3;
pub(crate) const QUORUM: usize = 2;
pub(crate) const CLIENTS: usize = 2;

/// `derive(Hash)` and `derive(Ord)` throughout: no field can be forgotten in a fingerprint or in the canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct State {
    /// A node with all that concerns it. Nodes are alike, so states that differ in their order only are one state:
    /// the columns are kept sorted.
    pub(crate) columns: [Column; NODES],
    pub(crate) clients: [Client; CLIENTS],
    /// Counted only where a scenario bounds the ticks or has wall clocks.
    pub(crate) now: u8,
    pub(crate) restarts_left: u8,
    /// For the properties: the greatest token of a lease that was won, and whether a later one was not greater.
    pub(crate) top: u8,
    pub(crate) unordered: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Column {
    pub(crate) node: Node,
    pub(crate) links: [Link; CLIENTS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    /// The random value in the lock key; 0 where there is none.
    pub(crate) holder: u8,
    pub(crate) left: u8,
    pub(crate) counter: u8,
    /// The number of its process, which names it as `run_id` does; counted from 1.
    pub(crate) run: u8,
    /// The run in the membership marker; 0 where there is none.
    pub(crate) marker: u8,
    /// The same of a declaration that is under way.
    pub(crate) announced: u8,
    /// What is missing to the hold-off by uptime.
    pub(crate) young: u8,
}

/// What one client knows of one node, and what is under way between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link {
    /// The fencing value that the node is known to have stored for this attempt; 0 without a grant that counts.
    pub(crate) vote: u8,
    pub(crate) ack: Ack,
    /// The hold-off after a restart that this client saw itself.
    pub(crate) withheld: u8,
    /// The run that was read before and after all nodes were connected, for the declaration of a fresh deployment.
    pub(crate) connected: u8,
    pub(crate) blank: u8,
    pub(crate) announced: u8,
    pub(crate) mail: Mailbox,
}

/// The answer to the running extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Ack {
    #[default]
    None,
    Mine,
    Empty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Client {
    pub(crate) phase: Phase,
    /// Counted from 0; the next one, if idle.
    pub(crate) attempt: u8,
    /// The validity that is left of the attempt or lease, by this client's clock, from before the first send.
    pub(crate) left: u8,
    /// The fencing token, once q grants have told it.
    pub(crate) token: u8,
    /// The running extension, counted from 1, what it would make of the validity, and whether it was confirmed.
    pub(crate) round: u8,
    pub(crate) round_left: u8,
    pub(crate) confirmed: bool,
    /// For the properties: what became of this lease.
    pub(crate) loss: Loss,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    #[default]
    Idle,
    Acquiring,
    Holding,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Loss {
    #[default]
    Never,
    Lost,
    /// And another client has held the lock since.
    Overtaken,
}

impl Client {
    pub(crate) fn believes(self) -> bool {
        self.phase == Phase::Holding && self.left > 0
    }
}

impl State {
    pub(crate) fn first(setup: &Setup) -> Self {
        let mut columns = [Column::default(); NODES];
        for (index, column) in columns.iter_mut().enumerate() {
            let is_new = match setup.boot {
                Boot::Running => false,
                Boot::Fresh | Boot::FreshForA => true,
                Boot::Joining => index == NODES - 1,
            };
            column.node.run = 1;
            if setup.boot == Boot::FreshForA {
                (column.links[0].connected, column.links[0].blank) = (1, 1);
            }
            column.node.marker = u8::from(!is_new);
            column.node.young = if is_new { setup.hold_off } else { 0 };
        }
        Self {
            columns,
            clients: [Client::default(); CLIENTS],
            now: 0,
            restarts_left: setup.restarts,
            top: 0,
            unordered: false,
        }
    }

    /// Sorts the columns; `names` goes with them, so that a trace can tell the nodes apart.
    pub(crate) fn sort(&mut self, names: &mut [u8; NODES]) {
        // Three compare-and-swaps sort three.
        for (left, right) in [(0, 1), (1, 2), (0, 1)] {
            if self.columns[right] < self.columns[left] {
                self.columns.swap(left, right);
                names.swap(left, right);
            }
        }
    }

    pub(crate) fn votes(&self, client: usize, of: impl Fn(&Link) -> bool) -> usize {
        self.columns.iter().filter(|column| of(&column.links[client])).count()
    }

    pub(crate) fn tick(&mut self, setup: &Setup) {
        if setup.ticks.is_some() {
            self.now += 1;
        }
        for column in &mut self.columns {
            column.node.tick();
            for link in &mut column.links {
                link.withheld = link.withheld.saturating_sub(1);
            }
        }
        for index in 0..CLIENTS {
            let client = &mut self.clients[index];
            let was_valid = client.left > 0;
            let believed = client.believes();
            client.left = client.left.saturating_sub(1);
            client.round_left = client.round_left.saturating_sub(1);
            if believed && client.left == 0 && client.loss == Loss::Never {
                client.loss = Loss::Lost;
            }
            if was_valid && client.left == 0 && !setup.mutant.is_some_and(Mutant::outlives_validity) {
                self.finish(index);
            }
        }
    }

    /// The validity is over: nothing that was heard matters any more. (It would only tell apart states that are alike.)
    fn finish(&mut self, client: usize) {
        self.forget(client);
        let Client { phase, attempt, loss, .. } = self.clients[client];
        self.clients[client] = Client { phase, attempt, loss, ..Client::default() };
    }

    /// Nothing of one round counts in another.
    pub(crate) fn forget(&mut self, client: usize) {
        for column in &mut self.columns {
            (column.links[client].vote, column.links[client].ack) = (0, Ack::None);
        }
    }
}

impl Node {
    fn tick(&mut self) {
        self.young = self.young.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.holder = 0;
        }
    }
}
