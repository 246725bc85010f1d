//! What a scenario fixes: who tries how often, what may go wrong, and which wrong version of the protocol is searched.

use crate::mutant::Mutant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) attempts: [u8; 2],
    pub(crate) extensions: [u8; 2],
    pub(crate) ttl: u8,
    /// What an extension may ask for; any of these.
    pub(crate) extend_by: &'static [u8],
    pub(crate) fencing: Fencing,
    pub(crate) order: Order,
    pub(crate) replant: bool,
    /// So many restarts that lose everything. One that loses nothing is no more than the loss of some messages.
    pub(crate) restarts: u8,
    /// Whether a request that was sent before a restart can arrive behind it (queued in a client that reconnects), or ends
    /// with its connection.
    pub(crate) late_requests: bool,
    pub(crate) guard: Guard,
    pub(crate) hold_off: u8,
    pub(crate) boot: Boot,
    /// Who looks whether the deployment is fresh.
    pub(crate) declarers: [bool; 2],
    /// Without a bound, clients and messages may be late by any time.
    pub(crate) ticks: Option<u8>,
    pub(crate) mutant: Option<Mutant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fencing {
    Off,
    /// Each attempt proposes any of 1..=n: the clients' clocks are arbitrary.
    AnyClock(u8),
    /// Clocks that run, so much apart. A tick is worth `PER_TICK`, so that a few increments do not outrun it.
    Clocks([u8; 2]),
}

pub(crate) const PER_TICK: u8 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Messages overtake each other, requests and replies alike.
    Any,
    /// Within one connection, as the contract of `Backend` asks for. Any of them may be lost.
    Fifo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    Off,
    /// Each client counts the restarts that it has seen; the second one connects when it starts.
    Observed,
    /// No vote of a node whose uptime is below the hold-off.
    Strict,
    /// As `Strict`, but a marker that names the present run makes up for youth.
    Member,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// All nodes have been up for long.
    Running,
    /// All nodes were started just now.
    Fresh,
    /// The same, and A has found that out already; it may declare it.
    FreshForA,
    /// Two are in use, and the third is started for the first time.
    Joining,
}

impl Setup {
    pub(crate) const BASE: Self = Self {
        attempts: [1, 1],
        extensions: [0, 0],
        ttl: 2,
        extend_by: &[2],
        fencing: Fencing::Off,
        order: Order::Any,
        replant: false,
        restarts: 0,
        late_requests: true,
        guard: Guard::Off,
        hold_off: 0,
        boot: Boot::Running,
        declarers: [false; 2],
        ticks: None,
        mutant: None,
    };

    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    pub(crate) fn fenced(&self) -> bool {
        self.fencing != Fencing::Off
    }

    /// The random value of an attempt: fresh for each.
    pub(crate) fn value(&self, client: usize, attempt: u8) -> u8 {
        let attempt = if self.is(Mutant::TokenReused) { 0 } else { attempt };
        let first = if client == 0 { 1 } else { 1 + self.attempts[0] };
        first + attempt
    }
}
