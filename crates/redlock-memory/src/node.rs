use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redlock_core::{Clock, Durability, Epoch, Key, KeyState, LockValue, NodeName, Role, Ttl};

use crate::MemoryNodeBuilder;
use crate::state::{Health, Shared, State, next_run};
use crate::store::{Content, Millis, Store};

/// A node in this process.
///
/// A clone is another handle to the same node (the same vote), so a test keeps one to look inside and to break it while
/// the library uses another.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use redlock_core::{AdminCommand, Backend, Command, FaultKind};
/// use redlock_memory::MemoryNode;
/// let node = MemoryNode::new("memory-1");
/// let handle = node.clone();
/// handle.fail();
/// let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(50);
/// let error = node.execute(&Command::Admin(AdminCommand::Describe), deadline).await.unwrap_err();
/// assert_eq!(error.kind(), FaultKind::Unreachable);
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryNode {
    pub(crate) shared: Arc<Shared>,
}

impl MemoryNode {
    /// A node of that name with the default settings: it counts suspended time, and forgets its keys in a restart.
    ///
    /// ```
    /// use redlock_core::Backend;
    /// assert_eq!(redlock_memory::MemoryNode::new("memory-1").node().as_str(), "memory-1");
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self::builder(name).build()
    }

    /// A node with other settings.
    ///
    /// ```
    /// let node = redlock_memory::MemoryNode::builder("memory-1").durable(true).build();
    /// assert!(node.is_empty());
    /// ```
    pub fn builder(name: impl Into<Arc<str>>) -> MemoryNodeBuilder {
        MemoryNodeBuilder::new(NodeName::new(name))
    }

    /// So many nodes, named `memory-1`, `memory-2`, and so on: for examples and tests.
    ///
    /// ```
    /// use redlock_core::Backend;
    /// let nodes = redlock_memory::MemoryNode::cluster(3);
    /// assert_eq!(nodes[2].node().as_str(), "memory-3");
    /// ```
    pub fn cluster(nodes: usize) -> Vec<Self> {
        (1..=nodes).map(|number| Self::new(format!("memory-{number}"))).collect()
    }

    /// As [`cluster`](Self::cluster), all on one clock.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use redlock_core::TokioClock;
    /// let nodes = redlock_memory::MemoryNode::cluster_on(TokioClock::new(), 3);
    /// assert_eq!(nodes.len(), 3);
    /// # }
    /// ```
    pub fn cluster_on(clock: impl Clock, nodes: usize) -> Vec<Self> {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let build = |number| Self::builder(format!("memory-{number}")).clock(Arc::clone(&clock)).build();
        (1..=nodes).map(build).collect()
    }

    pub(crate) fn start(
        name: NodeName,
        clock: Arc<dyn Clock>,
        (durability, replicas): (Durability, u64),
        unix_time: Duration,
    ) -> Self {
        let now = clock.now();
        let state = State {
            store: Store::default(),
            health: Health::Up,
            epoch: Epoch::FIRST,
            run: next_run(),
            started: now,
            role: Role::Master,
        };
        let shared =
            Shared { name, clock, durability, replicas, built: (now, unix_time), state: Mutex::new(state) };
        Self { shared: Arc::new(shared) }
    }

    /// From now on connections are refused: commands fail at once, unsent. The keys stay, and go on expiring.
    ///
    /// The example of [`MemoryNode`] shows it.
    pub fn fail(&self) {
        self.state().set_health(Health::Down);
    }

    /// From now on nothing is answered and nothing executed, as on a machine that was unplugged: a command runs into
    /// its deadline, also when the node recovers meanwhile.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use redlock_core::{AdminCommand, Backend, Command, FaultKind, Sent};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.hang();
    /// let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(50);
    /// let error = node.execute(&Command::Admin(AdminCommand::Describe), deadline).await.unwrap_err();
    /// assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::Maybe));
    /// # }
    /// ```
    pub fn hang(&self) {
        self.state().set_health(Health::Silent);
    }

    /// Ends [`fail`](Self::fail) and [`hang`](Self::hang). After `fail`, commands run over a new connection.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use redlock_core::{AdminCommand, Backend, Command, Epoch};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.fail();
    /// node.recover();
    /// let deadline = tokio::time::Instant::now() + std::time::Duration::from_millis(50);
    /// let reply = node.execute(&Command::Admin(AdminCommand::Describe), deadline).await;
    /// assert_eq!(reply.map(|reply| reply.epoch).ok(), Some(Epoch::FIRST.next()));
    /// # }
    /// ```
    pub fn recover(&self) {
        self.state().set_health(Health::Up);
    }

    /// The process behind the node is another: new run id, new connection, and no key unless the node is
    /// [durable](MemoryNodeBuilder::durable). A node that was down is up again.
    ///
    /// ```
    /// use redlock_core::{Key, LockValue};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.insert(&Key::new("a"), LockValue::from_bytes(*b"mine"), None);
    /// node.restart();
    /// assert!(node.is_empty());
    /// ```
    pub fn restart(&self) {
        let mut state = self.state();
        if self.shared.durability != Durability::Always {
            state.store = Store::default();
        }
        state.health = Health::Up;
        state.epoch = state.epoch.next();
        state.run = next_run();
        state.started = self.shared.clock.now();
        state.role = Role::Master;
    }

    /// The node is, from now on, one that was a replica and was promoted: another process, on another machine perhaps, that
    /// has been up for as long, and has none of the keys.
    ///
    /// ```
    /// use redlock_core::{Key, LockValue};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.insert(&Key::new("a"), LockValue::from_bytes(*b"mine"), None);
    /// node.fail_over();
    /// assert!(node.is_empty());
    /// ```
    pub fn fail_over(&self) {
        let mut state = self.state();
        // What a replica has of its master is what had come when the link broke: the marker, and none of the late locks.
        state.store = state.store.without_locks();
        state.health = Health::Up;
        state.epoch = state.epoch.next();
        state.run = next_run();
        state.role = Role::Promoted;
    }

    /// Forgets every key without a restart, as `FLUSHALL` does.
    ///
    /// ```
    /// use redlock_core::{Key, LockValue};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.insert(&Key::new("a"), LockValue::from_bytes(*b"mine"), None);
    /// node.flush();
    /// assert!(node.is_empty());
    /// ```
    pub fn flush(&self) {
        self.state().store = Store::default();
    }

    /// How many keys stand.
    ///
    /// ```
    /// assert_eq!(redlock_memory::MemoryNode::new("memory-1").len(), 0);
    /// ```
    pub fn len(&self) -> usize {
        self.state().store.len(self.now())
    }

    /// Whether no key stands.
    ///
    /// ```
    /// assert!(redlock_memory::MemoryNode::new("memory-1").is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stands in a key, also while the node is down.
    ///
    /// ```
    /// use redlock_core::{Key, KeyState};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// assert_eq!(node.peek(&Key::new("a")), KeyState::Free);
    /// ```
    pub fn peek(&self, key: &Key) -> KeyState {
        self.state().store.state(key, self.now())
    }

    /// Sets a key behind the library's back, as another program would; `None` for no expiry.
    ///
    /// ```
    /// use redlock_core::{Key, KeyState, LockValue};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// let value = LockValue::from_bytes(*b"someone else's");
    /// node.insert(&Key::new("a"), value.clone(), None);
    /// assert_eq!(node.peek(&Key::new("a")), KeyState::Held { value, remaining: None });
    /// ```
    pub fn insert(&self, key: &Key, value: LockValue, ttl: Option<Ttl>) {
        self.set(key, Content::Text(value), ttl);
    }

    /// Sets a key to something that is no string, of the type `kind` (`hash`, `list`), as the application's own data
    /// or another library's lock would be; `None` for no expiry.
    ///
    /// ```
    /// use redlock_core::{Key, KeyState};
    /// let node = redlock_memory::MemoryNode::new("memory-1");
    /// node.insert_foreign(&Key::new("a"), "hash", None);
    /// assert!(matches!(node.peek(&Key::new("a")), KeyState::Foreign { kind, .. } if kind == "hash"));
    /// ```
    pub fn insert_foreign(&self, key: &Key, kind: impl Into<String>, ttl: Option<Ttl>) {
        self.set(key, Content::Foreign(kind.into()), ttl);
    }

    fn set(&self, key: &Key, content: Content, ttl: Option<Ttl>) {
        self.state().store.set(key, content, ttl, self.now());
    }

    fn now(&self) -> Millis {
        self.shared.clock.now().into()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Every step leaves the state whole, so that of a thread that panicked is as good as any.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryNode")
            .field("name", &self.shared.name)
            .field("health", &state.health)
            .field("epoch", &state.epoch)
            .finish_non_exhaustive()
    }
}
