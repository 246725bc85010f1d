//! A backend whose delivery a test decides, in virtual time.

mod connection;
mod faults;
mod log;
mod plan;
mod rules;
mod state;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redlock_core::{
    Backend, BackendError, Capabilities, Command, FaultKind, Inbox, NodeName, Notifications, Reply, Sent,
};
use tokio::time::Instant;

use faults::Dice;
use log::Log;
use rules::{Otherwise, Rule};
use state::{Health, State};
use wire::Receipt;

pub use connection::Connection;
pub use faults::Faults;
pub use log::{Delivery, Outcome};
pub use plan::Plan;

/// A network between the library and a backend, whose delays, losses and breaks a test decides.
///
/// It keeps the contract of [`Backend`]: commands of one connection are applied in the order of first polls, whatever
/// the delays; a caller hears by its deadline. A command that was sent arrives though its future was dropped or its
/// deadline is past, as over a socket: that is how late grants and ghosts come about.
///
/// A clone is another handle to the same link. Without a plan it delivers at once, in order.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// use std::time::Duration;
/// use redlock_core::{AdminCommand, Backend, FaultKind, TokioClock};
/// use redlock_memory::MemoryNode;
/// use redlock_testkit::{FaultyLink, Plan};
///
/// let link = FaultyLink::new(MemoryNode::new("memory-1"));
/// link.once("describe", Plan::new().lose_reply());
///
/// let describe = AdminCommand::Describe.into();
/// let deadline = tokio::time::Instant::now() + Duration::from_millis(50);
/// let error = link.execute(&describe, deadline).await.unwrap_err();
/// assert_eq!(error.kind(), FaultKind::Timeout);
/// assert!(link.log()[0].executed());
/// # }
/// ```
pub struct FaultyLink<B> {
    shared: Arc<Shared<B>>,
}

struct Shared<B> {
    inner: Arc<B>,
    log: Log,
    state: Mutex<State>,
}

impl<B: Backend> FaultyLink<B> {
    /// A link to `inner` without faults.
    pub fn new(inner: B) -> Self {
        let shared = Shared { inner: Arc::new(inner), log: Log::new(), state: Mutex::new(State::new()) };
        Self { shared: Arc::new(shared) }
    }

    /// The backend behind the link.
    pub fn inner(&self) -> &B {
        &self.shared.inner
    }

    /// The plan of every command that no rule fits.
    pub fn always(&self, plan: Plan) {
        self.state().rules.set_otherwise(Otherwise::Plan(plan));
    }

    /// The plan of every command of that [name](Command::name). Rules are asked in the order in which they were made.
    pub fn on(&self, name: &'static str, plan: Plan) {
        self.state().rules.add(Rule::named(name, plan));
    }

    /// The plan of the next command of that name, and no other.
    pub fn once(&self, name: &'static str, plan: Plan) {
        self.state().rules.add(Rule::named(name, plan).once());
    }

    /// The plan of every command that `fits`.
    pub fn when(&self, fits: impl Fn(&Command) -> bool + Send + 'static, plan: Plan) {
        self.state().rules.add(Rule::new(fits, plan));
    }

    /// Draws the plan of every command that no rule fits. The same seed draws the same plans in the same order of
    /// first polls.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use redlock_memory::MemoryNode;
    /// use redlock_testkit::{FaultyLink, Faults};
    /// let link = FaultyLink::new(MemoryNode::new("memory-1"));
    /// link.random(7, Faults::none().lose_commands(40).reconnects(5));
    /// # }
    /// ```
    pub fn random(&self, seed: u64, faults: Faults) {
        self.state().rules.set_otherwise(Otherwise::Random(Dice::new(seed, faults)));
    }

    /// Forgets all plans and the random faults.
    pub fn clear(&self) {
        self.state().rules.clear();
    }

    /// The present connection.
    pub fn connection(&self) -> Connection {
        self.state().wire.connection.clone()
    }

    /// [Holds](Connection::hold) what the present connection carries.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use redlock_core::{Acquire, Backend, Key, Keys, LockCommand, LockValue, Release, TokioClock, Ttl};
    /// use redlock_memory::MemoryNode;
    /// use redlock_testkit::FaultyLink;
    ///
    /// let link = FaultyLink::new(MemoryNode::new("memory-1"));
    /// let (keys, value) = (Keys::of(Key::new("a")), LockValue::from_bytes(*b"mine"));
    /// let soon = || tokio::time::Instant::now() + std::time::Duration::from_millis(50);
    ///
    /// // An acquire that lands after its release, which only a replaced connection allows.
    /// link.hold();
    /// let acquire = LockCommand::Acquire(Acquire::new(keys.clone(), value.clone(), Ttl::SECOND)).into();
    /// link.execute(&acquire, soon()).await.unwrap_err();
    /// let old = link.reconnect();
    /// let release = LockCommand::Release(Release::new(keys, value)).into();
    /// link.execute(&release, soon()).await.unwrap();
    /// old.resume();
    /// link.settle().await;
    /// assert_eq!(link.inner().len(), 1); // the ghost
    /// # }
    /// ```
    pub fn hold(&self) {
        self.connection().hold();
    }

    /// [Delivers](Connection::deliver) so many of what the present connection holds.
    pub fn deliver(&self, count: usize) {
        self.connection().deliver(count);
    }

    /// [Resumes](Connection::resume) the present connection.
    pub fn resume(&self) {
        self.connection().resume();
    }

    /// How many commands are [on their way](Connection::pending) over the present connection.
    pub fn pending(&self) -> usize {
        self.connection().pending()
    }

    /// Replaces the connection, which changes the epoch. Whoever waits hears [`FaultKind::Closed`], `Sent::Maybe`.
    ///
    /// Returns the old connection: what it carries still arrives, as it was planned or held, unless it is
    /// [discarded](Connection::discard).
    pub fn reconnect(&self) -> Connection {
        self.state().reconnect()
    }

    /// From now on connections are refused, as when the node's process is gone: what was on its way is lost, whoever
    /// waits hears [`FaultKind::Closed`], and new commands hear [`FaultKind::Unreachable`], `Sent::No`.
    pub fn refuse(&self) {
        self.state().refuse();
    }

    /// From now on all commands and replies vanish, over new connections too, and callers run into their deadlines.
    pub fn black_hole(&self) {
        self.state().go_dark();
    }

    /// Ends [`refuse`](Self::refuse), [`black_hole`](Self::black_hole) and [`hold`](Self::hold); plans stay.
    pub fn restore(&self) {
        self.state().restore();
    }

    /// Lets the tasks behind the link run until they have nothing to do at this moment. No time passes: commands that
    /// are delayed or held stay on their way.
    pub async fn settle(&self) {
        wire::settle().await;
    }

    /// What became of each command, in the order in which they ended.
    pub fn log(&self) -> Vec<Delivery> {
        self.shared.log.entries()
    }

    /// The log as text, a line for each command.
    pub fn timeline(&self) -> String {
        self.log().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// How many commands have been sent, those that were refused included.
    pub(crate) fn sent(&self) -> u64 {
        self.state().sent
    }

    /// All that must happen in the first poll: here the command takes its place in the order.
    fn send(&self, command: &Command, deadline: Instant) -> Result<Receipt, BackendError> {
        let mut state = self.state();
        state.sent = state.sent.saturating_add(1);
        if state.health == Health::Refusing {
            let number = state.wire.connection.number();
            let outcome = Outcome::Failed(FaultKind::Unreachable);
            self.shared.log.add(Instant::now(), number, command.clone(), outcome);
            return Err(BackendError::new(FaultKind::Unreachable, Sent::No, "connection refused"));
        }
        let plan = state.rules.plan(command);
        if plan.reconnect {
            state.reconnect();
        }
        Ok(state.wire.send(command, deadline, plan, (&self.shared.inner, &self.shared.log)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<B: Backend> Backend for FaultyLink<B> {
    fn node(&self) -> &NodeName {
        self.shared.inner.node()
    }

    fn capabilities(&self) -> Capabilities {
        self.shared.inner.capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.send(command, deadline)?.wait(deadline).await
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.shared.inner.notifications(inbox)
    }
}

impl<B> Clone for FaultyLink<B> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<B: Backend> fmt::Debug for FaultyLink<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyLink")
            .field("node", self.node())
            .field("state", &*self.state())
            .finish_non_exhaustive()
    }
}
