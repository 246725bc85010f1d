use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock_core::{Answer, Command, FaultKind};
use tokio::time::Instant;

/// What became of one command: an entry of a link's log.
///
/// Its `Display` is a line of a timeline: `12ms #0 acquire: answered Lock(Granted(Grant))`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// When, since the link was made: the moment of arrival at the node, or of the loss.
    pub at: Duration,
    /// When the command was sent, since the link was made.
    pub sent: Duration,
    /// The link's connection: 0, and one more at each reconnection.
    pub connection: u64,
    /// What was sent.
    pub command: Command,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a command ended, as the node saw it. Whether the caller still waited for the answer is another matter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The node executed it, and its answer was sent back.
    Answered(Answer),
    /// The node executed it, and the answer was lost.
    AnswerLost(Answer),
    /// The node, or the link for it, gave an error.
    Failed(FaultKind),
    /// The command never arrived.
    Lost,
}

impl Delivery {
    /// Whether the node executed the command.
    pub fn executed(&self) -> bool {
        matches!(self.outcome, Outcome::Answered(_) | Outcome::AnswerLost(_))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} #{} {}: ", self.at, self.connection, self.command.name())?;
        match &self.outcome {
            Outcome::Answered(answer) => write!(f, "answered {answer:?}"),
            Outcome::AnswerLost(answer) => write!(f, "answer lost {answer:?}"),
            Outcome::Failed(kind) => write!(f, "failed: {kind}"),
            Outcome::Lost => f.write_str("lost"),
        }
    }
}

/// The log that a link and its connections write, in the order in which commands ended.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    origin: Instant,
    entries: Arc<Mutex<Vec<Delivery>>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), entries: Arc::default() }
    }

    pub(crate) fn add(&self, sent: Instant, connection: u64, command: Command, outcome: Outcome) {
        let sent = sent.saturating_duration_since(self.origin);
        let delivery = Delivery { at: self.origin.elapsed(), sent, connection, command, outcome };
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    }

    pub(crate) fn entries(&self) -> Vec<Delivery> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
