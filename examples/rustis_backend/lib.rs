//! A Redis or Valkey server as a redlock node, on the client `rustis`: what a backend on one more client takes.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use redlock_core::{
    Answer, Backend, BackendError, Capabilities, Command, Epoch, FaultKind, Inbox, NodeName, Notifications,
    Reply, Sent, async_trait,
};
use redlock_lua::{Value, Word, classify, decode, plan};
use rustis::client::{Client, Config};
use rustis::resp::{CommandBuilder, RefBulkString};
use rustis::{Error, ErrorKind};
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// After so many commands in turn without an answer the connection is given up, since it may lead nowhere.
const SILENCE: u32 = 3;

/// A server, over one multiplexed connection.
pub struct RustisNode {
    name: NodeName,
    config: Config,
    slot: Mutex<Slot>,
}

struct Slot {
    epoch: Epoch,
    current: Option<Arc<Connection>>,
    connecting: Option<JoinHandle<rustis::Result<Client>>>,
}

impl RustisNode {
    /// The node that the client reaches with that configuration, under a name that no other node has. It connects at
    /// its first command, within a tokio runtime.
    pub fn new(name: NodeName, config: Config) -> Self {
        Self { name, config, slot: Mutex::new(Slot { epoch: Epoch::FIRST, current: None, connecting: None }) }
    }

    /// Whoever gives up while it connects loses nothing: the next command waits for the same connection.
    async fn connection(&self, slot: &mut Slot) -> Result<Arc<Connection>, BackendError> {
        if let Some(connection) = slot.current.as_ref().filter(|connection| connection.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        slot.current = None;
        let connecting =
            slot.connecting.get_or_insert_with(|| tokio::spawn(Client::connect(self.config.clone())));
        let made = connecting.await;
        slot.connecting = None;
        let client = made.map_err(|error| not_connected(error.into()))?.map_err(not_connected)?;
        slot.epoch = slot.epoch.next();
        let replaced = client.on_reconnect();
        let connection = Arc::new(Connection { client, replaced, silence: AtomicU32::new(0) });
        slot.current = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

struct Connection {
    client: Client,
    /// The client tells of a new connection here, before it sends anything over it.
    replaced: Receiver<()>,
    silence: AtomicU32,
}

impl Connection {
    fn is_usable(&self) -> bool {
        self.replaced.is_empty()
            && self.client.is_connected()
            && self.silence.load(Ordering::Relaxed) < SILENCE
    }

    async fn answer(&self, command: &Command, deadline: Instant) -> Result<Answer, BackendError> {
        let mut replies = Vec::new();
        for request in plan(command)? {
            let mut reply = self.send(request.words()).await?;
            if let Some(words) = request.resend(&reply) {
                in_time(deadline)?;
                reply = self.send(&words).await?;
            }
            replies.push(reply);
        }
        self.silence.store(0, Ordering::Relaxed);
        if !self.replaced.is_empty() {
            return Err(BackendError::new(FaultKind::Closed, Sent::Maybe, "the connection was replaced"));
        }
        decode(command, replies)
    }

    async fn send(&self, words: &[Word<'_>]) -> Result<Value, BackendError> {
        let mut words = words.iter().map(|word| RefBulkString::new(word));
        let name = words.next().ok_or_else(|| BackendError::protocol("a request without words"))?;
        let command = words.fold(CommandBuilder::new(&name), CommandBuilder::arg);
        // Whatever the configuration says: nothing is sent twice.
        self.client.send(command, Some(false)).await.map_or_else(failure, value)
    }
}

#[async_trait]
impl Backend for RustisNode {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LOCK
            | Capabilities::FENCE
            | Capabilities::SCAN
            | Capabilities::DESCRIBE
            | Capabilities::MEMBER
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        // The lock is fair, and kept until the client has the command: so the order is that of the first polls.
        let mut slot = timeout_at(deadline, self.slot.lock()).await.map_err(|_| late())?;
        let connection = timeout_at(deadline, self.connection(&mut slot)).await.map_err(|_| late())??;
        in_time(deadline)?;
        let epoch = slot.epoch;
        let mut answer = pin!(connection.answer(command, deadline));
        let begun = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await;
        drop(slot);
        let answer = match begun {
            Poll::Ready(answer) => answer?,
            Poll::Pending => timeout_at(deadline, answer).await.map_err(|_| {
                connection.silence.fetch_add(1, Ordering::Relaxed);
                BackendError::timeout()
            })??,
        };
        Ok(Reply { epoch, answer })
    }

    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}

fn in_time(deadline: Instant) -> Result<(), BackendError> {
    if Instant::now() < deadline { Ok(()) } else { Err(late()) }
}

fn late() -> BackendError {
    BackendError::new(FaultKind::Timeout, Sent::No, "the deadline was past")
}

fn not_connected(error: Error) -> BackendError {
    let kind = match error.kind() {
        ErrorKind::Redis(error) => classify(&error.kind.to_string(), &error.description()),
        _ => FaultKind::Unreachable,
    };
    BackendError::new(kind, Sent::No, error.to_string()).with_source(error)
}

fn value(reply: rustis::resp::Value) -> Result<Value, BackendError> {
    use rustis::resp::Value as Theirs;
    Ok(match reply {
        Theirs::Null => Value::Nil,
        Theirs::Integer(number) => Value::Int(number),
        Theirs::SimpleString(text) => Value::Bytes(text.into_bytes()),
        Theirs::BulkString(bytes) => Value::Bytes(bytes),
        Theirs::Array(values) => array(values)?,
        Theirs::Map(pairs) => array(pairs.into_iter().flat_map(|(key, value)| [key, value]))?,
        Theirs::Error(error) => Value::error_from_text(&error.to_string()),
        _ => return Err(BackendError::protocol("a reply of an unknown type")),
    })
}

fn array(values: impl IntoIterator<Item = rustis::resp::Value>) -> Result<Value, BackendError> {
    values.into_iter().map(value).collect::<Result<_, _>>().map(Value::Array)
}

/// What the server answered is a reply. All else may have been executed: the client does not say what it has sent.
fn failure(error: Error) -> Result<Value, BackendError> {
    match error.kind() {
        ErrorKind::Redis(error) => Ok(Value::error_from_text(&error.to_string())),
        kind => Err(BackendError::new(FaultKind::Closed, Sent::Maybe, kind.to_string()).with_source(error)),
    }
}

impl fmt::Debug for RustisNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RustisNode").field("name", &self.name).finish_non_exhaustive()
    }
}
