//! What went wrong at one node.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::NodeName;

/// Whether the node can have executed a command that gave an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sent {
    /// Nothing left this process: the node has not executed the command and will not.
    No,
    /// The command may have been executed, or may yet be (a reply lost, a deadline passed).
    Maybe,
    /// The node answered with an error: it has seen the command and did not do it.
    Replied,
}

/// The kind of a node's fault, by what someone must do about it.
///
/// Open for extension: a new client may tell apart what the others cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// No connection could be made: refused, no route, name not found.
    Unreachable,
    /// The connection ended before the reply.
    Closed,
    /// No answer by the deadline.
    Timeout,
    /// The node is starting up and loads its data (`LOADING`).
    Loading,
    /// A script blocks the node (`BUSY`).
    Busy,
    /// The node is a read-only replica (`READONLY`).
    ReadOnly,
    /// The node is out of memory (`OOM`).
    OutOfMemory,
    /// The node refuses writes because of its persistence or its replicas (`MISCONF`, `NOREPLICAS`).
    WritesRefused,
    /// A cluster that is down or has moved the slot (`CLUSTERDOWN`, `MOVED`, `ASK`, `TRYAGAIN`, `MASTERDOWN`).
    ClusterState,
    /// User or password are wrong or missing (`NOAUTH`, `WRONGPASS`).
    Authentication,
    /// The user lacks a right (`NOPERM`).
    Permission,
    /// The keys of one command lie in different hash slots (`CROSSSLOT`).
    CrossSlot,
    /// A key holds what no lock of this kind is (`WRONGTYPE`).
    ForeignFormat,
    /// The fencing counter of a key has come to its end, 2^53: no greater token can be given.
    FencingExhausted,
    /// The peer does not speak the protocol, or answered what the command cannot be answered with.
    Protocol,
    /// The backend does not know this command.
    Unsupported,
    /// Any other error that the node answered.
    Rejected,
}

impl FaultKind {
    /// Whether the same command may succeed later without anybody's help.
    pub fn is_retryable(self) -> bool {
        !matches!(
            self,
            Self::Authentication
                | Self::Permission
                | Self::CrossSlot
                | Self::ForeignFormat
                | Self::FencingExhausted
                | Self::Protocol
                | Self::Unsupported
        )
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Closed => "connection closed",
            Self::Timeout => "no answer in time",
            Self::Loading => "loading its data",
            Self::Busy => "busy with a script",
            Self::ReadOnly => "a read-only replica",
            Self::OutOfMemory => "out of memory",
            Self::WritesRefused => "refusing writes",
            Self::ClusterState => "cluster not serving the slot",
            Self::Authentication => "authentication failed",
            Self::Permission => "permission missing",
            Self::CrossSlot => "keys in different hash slots",
            Self::ForeignFormat => "key in a foreign format",
            Self::FencingExhausted => "no greater fencing token possible",
            Self::Protocol => "unexpected answer",
            Self::Unsupported => "command not supported",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

/// A node's failure to answer a command.
///
/// ```
/// use redlock_core::{BackendError, FaultKind, Sent};
/// let error = BackendError::new(FaultKind::Unreachable, Sent::No, "connection refused");
/// assert!(error.is_retryable());
/// assert_eq!(error.to_string(), "unreachable: connection refused");
/// ```
#[derive(Clone, Debug)]
pub struct BackendError {
    kind: FaultKind,
    sent: Sent,
    message: Arc<str>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl BackendError {
    /// An error of that kind; `message` says it in the client's or the server's words.
    pub fn new(kind: FaultKind, sent: Sent, message: impl Into<Arc<str>>) -> Self {
        Self { kind, sent, message: message.into(), source: None }
    }

    /// No answer by the deadline: whether the command was executed is unknown.
    pub fn timeout() -> Self {
        Self::new(FaultKind::Timeout, Sent::Maybe, "")
    }

    /// What a backend answers to a command that it does not know.
    pub fn unsupported(command: &str) -> Self {
        Self::new(FaultKind::Unsupported, Sent::No, command)
    }

    /// An answer that does not fit the command.
    pub fn protocol(message: impl Into<Arc<str>>) -> Self {
        Self::new(FaultKind::Protocol, Sent::Maybe, message)
    }

    /// Keeps the client's error as the [source](Error::source).
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// The kind, to match on.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// Whether the node can have executed the command.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// The client's or the server's words; may be empty.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same command may succeed later without anybody's help.
    pub fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(f, "{}", self.kind)
        } else {
            write!(f, "{}: {}", self.kind, self.message)
        }
    }
}

impl Error for BackendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A fault and the node that it happened at.
///
/// ```
/// use redlock_core::{BackendError, NodeFault, NodeName};
/// let fault = NodeFault::new(NodeName::new("a:6379"), BackendError::timeout());
/// assert_eq!(fault.to_string(), "a:6379: no answer in time");
/// ```
#[derive(Clone, Debug)]
pub struct NodeFault {
    /// Where.
    pub node: NodeName,
    /// What.
    pub error: BackendError,
}

impl NodeFault {
    /// That fault at that node.
    pub fn new(node: NodeName, error: BackendError) -> Self {
        Self { node, error }
    }
}

impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.node, self.error)
    }
}

impl Error for NodeFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
