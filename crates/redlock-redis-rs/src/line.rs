//! The way to the server: one connection at a time, and the queue of those who wait for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Cmd;
use redlock_core::{BackendError, Epoch, FaultKind, Sent};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::connection::Connection;
use crate::handshake::Peer;
use crate::ticket::{Flight, Ticket};
use crate::wire::{Made, Supply};

/// Where connections come from, and how long they are waited for.
pub(crate) struct Target {
    pub(crate) supply: Box<dyn Supply>,
    pub(crate) timeouts_before_reconnect: u32,
    pub(crate) connect_timeout: Duration,
}

/// The one path by which commands reach the server, in the order in which they are sent.
///
/// Commands go straight into the connection's pipeline. While there is none they wait in a queue, and the task that has
/// made the connection puts all of them into its pipeline, in their order, before anybody else can reach it. Waking them
/// up to do it themselves would let the scheduler choose the order.
pub(crate) struct Line {
    target: Target,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    epoch: Epoch,
    /// The connection before, which may still have commands under way.
    before: Option<Peer>,
    backoff: Backoff,
}

enum Phase {
    Down,
    Connecting(VecDeque<Waiting>),
    Up(Arc<Connection>),
}

struct Waiting {
    command: Cmd,
    turn: oneshot::Sender<Result<Flight, BackendError>>,
}

impl Line {
    pub(crate) fn to(target: Target) -> Arc<Self> {
        let state =
            State { phase: Phase::Down, epoch: Epoch::FIRST, before: None, backoff: Backoff::default() };
        Arc::new(Self { target, state: Mutex::new(state) })
    }

    /// Gives the command its place in the order; starts to connect where nobody does. Never blocks.
    pub(crate) fn send(self: &Arc<Self>, command: Cmd) -> Ticket {
        // Not under the lock: beginning wakes another thread up, and a runtime that is shutting down drops a task here
        // and now.
        match self.place(command) {
            Place::Up(connection, command) => Ticket::Begun(connection.begin(command)),
            Place::Queue(ticket) => ticket,
            Place::Head(ticket, attempt, runtime) => {
                runtime.spawn(attempt.run());
                ticket
            }
        }
    }

    fn place(self: &Arc<Self>, command: Cmd) -> Place {
        let mut state = self.state();
        state.notice_end();
        match &mut state.phase {
            Phase::Up(connection) => Place::Up(Arc::clone(connection), command),
            Phase::Connecting(queue) => Place::Queue(queued(queue, command)),
            Phase::Down => match state.may_connect() {
                Ok(runtime) => {
                    let mut queue = VecDeque::new();
                    let ticket = queued(&mut queue, command);
                    state.phase = Phase::Connecting(queue);
                    Place::Head(ticket, Attempt::new(self, &state), runtime)
                }
                Err(error) => Place::Queue(Ticket::Refused(error)),
            },
        }
    }

    /// Gives a connection up that answers no more; the next command makes another.
    pub(crate) fn replace(&self, connection: &Arc<Connection>) {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Up(current) if Arc::ptr_eq(current, connection)) {
            state.give_up(connection);
        }
        connection.end();
    }

    /// Runs it while no command can leave the queue: one that gives up then is certainly not sent, or certainly was.
    pub(crate) fn while_no_queue_moves<T>(&self, give_up: impl FnOnce() -> T) -> T {
        let _state = self.state();
        give_up()
    }

    /// What a command still waits for that gives up in the queue.
    pub(crate) fn awaited(&self) -> &'static str {
        self.target.supply.awaited()
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.target.supply.is_cluster()
    }

    fn settle(&self, made: Result<Made, BackendError>) {
        let mut state = self.state();
        match made {
            Ok(made) => {
                let tolerance = self.target.timeouts_before_reconnect;
                let connection = Connection::new(made, state.epoch, tolerance);
                state.connected(Arc::new(connection));
            }
            Err(error) => state.failed(&error),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a command finds.
enum Place {
    /// A connection.
    Up(Arc<Connection>, Cmd),
    /// Others that wait, or no hope for now.
    Queue(Ticket),
    /// Nobody: it starts the attempt to connect.
    Head(Ticket, Attempt, Handle),
}

fn queued(queue: &mut VecDeque<Waiting>, command: Cmd) -> Ticket {
    let (turn, waiter) = oneshot::channel();
    queue.push_back(Waiting { command, turn });
    Ticket::Queued(waiter)
}

impl State {
    fn notice_end(&mut self) {
        if let Phase::Up(connection) = &self.phase
            && !connection.is_open()
        {
            let connection = Arc::clone(connection);
            self.give_up(&connection);
        }
    }

    fn may_connect(&self) -> Result<Handle, BackendError> {
        self.backoff.check()?;
        Handle::try_current()
            .map_err(|error| BackendError::new(FaultKind::Unreachable, Sent::No, error.to_string()))
    }

    fn give_up(&mut self, connection: &Connection) {
        self.before = Some(connection.peer().clone());
        self.phase = Phase::Down;
    }

    fn connected(&mut self, connection: Arc<Connection>) {
        self.epoch = self.epoch.next();
        self.before = None;
        self.backoff = Backoff::default();
        for waiting in self.take_queue() {
            // Whoever has given up must not be acted for.
            if !waiting.turn.is_closed() {
                // It may give up right now; then its reply goes nowhere.
                let _ = waiting.turn.send(Ok(connection.begin(waiting.command)));
            }
        }
        self.phase = Phase::Up(connection);
    }

    fn failed(&mut self, error: &BackendError) {
        self.backoff.failed(error);
        for waiting in self.take_queue() {
            let _ = waiting.turn.send(Err(error.clone()));
        }
    }

    fn take_queue(&mut self) -> VecDeque<Waiting> {
        match std::mem::replace(&mut self.phase, Phase::Down) {
            Phase::Connecting(queue) => queue,
            Phase::Down | Phase::Up(_) => VecDeque::new(),
        }
    }
}

/// The one attempt to connect that there is at a time.
struct Attempt {
    line: Arc<Line>,
    before: Option<Peer>,
    settled: bool,
}

impl Attempt {
    fn new(line: &Arc<Line>, state: &State) -> Self {
        Self { line: Arc::clone(line), before: state.before.clone(), settled: false }
    }

    async fn run(mut self) {
        let Target { supply, connect_timeout: limit, .. } = &self.line.target;
        let made = timeout(*limit, supply.connect(self.before.take())).await;
        let too_long = |_| {
            let message = format!("waited {limit:?} for {}", supply.awaited());
            Err(BackendError::new(FaultKind::Timeout, Sent::No, message))
        };
        self.settled = true;
        self.line.settle(made.unwrap_or_else(too_long));
    }
}

impl Drop for Attempt {
    /// An attempt that its runtime dropped unfinished must not keep the line waiting for ever.
    fn drop(&mut self) {
        if !self.settled {
            self.line.state().take_queue();
        }
    }
}

/// Spares a dead node: after a failed attempt, commands fail at once for a while instead of trying again.
#[derive(Default)]
struct Backoff {
    failures: u32,
    refusal: Option<(Instant, BackendError)>,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(10);
    /// A node is in use again well within a second of its return.
    const LONGEST: Duration = Duration::from_millis(250);

    fn check(&self) -> Result<(), BackendError> {
        match &self.refusal {
            Some((until, error)) if Instant::now() < *until => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn failed(&mut self, error: &BackendError) {
        let pause = Self::FIRST.saturating_mul(1 << self.failures.min(8)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.refusal = Some((Instant::now() + pause, error.clone()));
    }
}
