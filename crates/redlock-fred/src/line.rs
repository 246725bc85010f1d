//! The way to the server: the client's present connection, and the queue of those who wait for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use fred::clients::Client;
use fred::interfaces::{ClientLike, MetricsInterface};
use fred::types::ConnectHandle;
use fred::types::config::Options;
use redlock_core::{BackendError, Epoch, FaultKind, Sent};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::call::{Call, once};
use crate::convert;
use crate::events::{Events, News};
use crate::meeting::{Meeting, Peer};
use crate::silence::Silence;
use crate::ticket::{Flight, Ticket};

/// Which client, and how it is used.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// Whether it is driven by this node, rather than by whoever handed it over.
    pub(crate) ours: bool,
    pub(crate) clustered: bool,
    pub(crate) timeouts_before_reconnect: u32,
    pub(crate) connect_timeout: Duration,
}

/// The one path by which commands reach the client, in the order in which they are sent.
///
/// The client replaces its connection by itself, and would send at once over the new one what stood behind the old one's
/// end. So commands reach it only over a connection that was met; while there is none they wait here, and are handed over
/// in their order, and behind the command that ends the connection before.
pub(crate) struct Line {
    pub(crate) target: Target,
    options: Options,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    epoch: Epoch,
    /// Who was met last.
    peer: Option<Peer>,
    events: Events,
    /// How often the connection may have changed so far.
    changes: u64,
    silence: Silence,
    /// Whether the client was told to leave its connection, and has not said yet what came of it.
    leaving: bool,
    /// Why there is no connection; commands fail at once while the client goes on trying to connect.
    refusal: Option<BackendError>,
    driver: Option<ConnectHandle>,
}

enum Phase {
    /// Not met.
    Down,
    Meeting(VecDeque<Waiting>),
    Up,
}

struct Waiting {
    call: Call,
    turn: oneshot::Sender<Result<Flight, BackendError>>,
}

impl Line {
    pub(crate) fn to(target: Target) -> Arc<Self> {
        let state = State {
            phase: Phase::Down,
            epoch: Epoch::FIRST,
            peer: None,
            events: Events::of(&target.client),
            changes: 0,
            silence: Silence::default(),
            leaving: false,
            refusal: None,
            driver: None,
        };
        Arc::new(Self { target, options: once(), state: Mutex::new(state) })
    }

    /// Gives the command its place in the order; begins to meet the connection where nobody does. Never blocks.
    pub(crate) fn send(self: &Arc<Self>, call: Call) -> Ticket {
        // Not under the lock: a runtime that is shutting down drops a task here and now.
        match self.place(call) {
            Place::Given(ticket) => ticket,
            Place::Head(ticket, meeting, runtime) => {
                runtime.spawn(meeting.run());
                ticket
            }
        }
    }

    fn place(self: &Arc<Self>, call: Call) -> Place {
        let mut state = self.state();
        match &mut state.phase {
            Phase::Up => Place::Given(Ticket::Begun(self.begin(&state, call))),
            Phase::Meeting(queue) => Place::Given(queued(queue, call)),
            Phase::Down => match state.may_connect(&self.target) {
                Ok(runtime) => {
                    let mut queue = VecDeque::new();
                    let ticket = queued(&mut queue, call);
                    state.phase = Phase::Meeting(queue);
                    Place::Head(ticket, Meeting::on(self), runtime)
                }
                Err(error) => Place::Given(Ticket::Refused(error)),
            },
        }
    }

    fn begin(&self, state: &State, call: Call) -> Flight {
        let outcome = call.begin(&self.target.client, &self.options);
        Flight { epoch: state.epoch, changes: state.changes, begun: Instant::now(), outcome }
    }

    /// How often the connection may have changed so far.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Notes the end of the connection of which so much was known. It is heard of from its commands before the client tells.
    pub(crate) fn ended(&self, changes: u64) {
        let mut state = self.state();
        if state.changes == changes {
            state.changed();
        }
    }

    /// Counts a timeout of what was begun then. A connection that has been silent over too many of them is given up,
    /// which the client never does by itself.
    pub(crate) fn silent_since(&self, begun: Instant) {
        let mut state = self.state();
        let heard = self.target.client.read_network_latency_metrics().samples;
        let tolerated = state.silence.count(begun, heard) < self.target.timeouts_before_reconnect;
        // Each order is obeyed, also one after the other when the network is back.
        if tolerated || state.leaving || !self.target.client.is_connected() {
            return;
        }
        state.leaving = true;
        state.silence = Silence::default();
        state.changed();
        // One poll tells the client; what waits for its success is not needed.
        let mut told = Box::pin(self.target.client.force_reconnection());
        let _ = told.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }

    /// Runs it while no command can leave the queue: one that gives up then is certainly not sent, or certainly was.
    pub(crate) fn while_no_queue_moves<T>(&self, give_up: impl FnOnce() -> T) -> T {
        let _state = self.state();
        give_up()
    }

    /// Takes the connection into use, if it is the same as when so much had changed.
    pub(crate) fn met(&self, changes: u64, peer: Peer) -> bool {
        let mut state = self.state();
        if state.changes != changes {
            return false;
        }
        if let Some(before) = &state.peer {
            if let Some(end) = peer.end_of(before) {
                // In front of all that follows. Where the user may not do it, core releases again instead.
                drop(end.begin(&self.target.client, &self.options));
            }
            if !peer.is(before) {
                state.epoch = state.epoch.next();
            }
        }
        state.peer = Some(peer);
        state.refusal = None;
        for waiting in state.take_queue() {
            // Whoever has given up must not be acted for.
            if !waiting.turn.is_closed() {
                // It may give up right now; then its reply goes nowhere.
                let _ = waiting.turn.send(Ok(self.begin(&state, waiting.call)));
            }
        }
        state.phase = Phase::Up;
        true
    }

    pub(crate) fn failed(&self, error: &BackendError) {
        let mut state = self.state();
        state.refusal.get_or_insert_with(|| error.clone());
        for waiting in state.take_queue() {
            let _ = waiting.turn.send(Err(error.clone()));
        }
    }

    pub(crate) fn abandoned(&self) {
        self.state().take_queue();
    }

    /// The state, with all that the client has told so far.
    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A runtime that ended took what drove the client with it, and nobody told.
        if state.driver.take_if(|driver| driver.is_finished()).is_some() {
            state.changed();
        }
        state.refusal = match state.events.news(&self.target.client) {
            News::Nothing => return state,
            News::Changed => None,
            News::Failed(error) => Some(convert::not_connected(error)),
        };
        state.leaving = false;
        state.changed();
        state
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(driver) = &self.state().driver {
            driver.abort();
        }
    }
}

/// What a command finds.
enum Place {
    /// A connection, others that wait, or no hope for now.
    Given(Ticket),
    /// Nobody: it starts the meeting.
    Head(Ticket, Meeting, Handle),
}

fn queued(queue: &mut VecDeque<Waiting>, call: Call) -> Ticket {
    let (turn, waiter) = oneshot::channel();
    queue.push_back(Waiting { call, turn });
    Ticket::Queued(waiter)
}

impl State {
    fn may_connect(&mut self, target: &Target) -> Result<Handle, BackendError> {
        let runtime = Handle::try_current()
            .map_err(|error| BackendError::new(FaultKind::Unreachable, Sent::No, error.to_string()))?;
        if target.ours && self.driver.is_none() {
            self.driver = Some(target.client.connect());
            self.refusal = None;
        }
        match &self.refusal {
            Some(error) if !target.client.is_connected() => Err(error.clone()),
            _ => Ok(runtime),
        }
    }

    /// What is in use must be met again before anything else is sent.
    fn changed(&mut self) {
        self.changes = self.changes.wrapping_add(1);
        if matches!(self.phase, Phase::Up) {
            self.phase = Phase::Down;
        }
    }

    fn take_queue(&mut self) -> VecDeque<Waiting> {
        match std::mem::replace(&mut self.phase, Phase::Down) {
            Phase::Meeting(queue) => queue,
            Phase::Down | Phase::Up => VecDeque::new(),
        }
    }
}
