//! Blocking work in the order of the first polls, and by the deadlines.

use std::io::{self, ErrorKind};
use std::sync::mpsc;
use std::thread;

use redlock_toolkit::{BackendError, Command, Epoch, FaultKind, LockCommand, LockReply, Reply, Sent};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// What runs the commands, one at a time, and may block.
pub trait Store: Send + 'static {
    /// Waits until nobody else is in the store; asks whether the command is still wanted, since that may have taken
    /// long; and runs it as one atomic step.
    fn run(&mut self, command: &LockCommand, wanted: &dyn Fn() -> bool) -> Result<LockReply, Undone>;
}

/// Why a command has no reply.
#[derive(Debug)]
pub enum Undone {
    /// Nobody waits for it any more, and it was not begun.
    Unwanted,
    /// The store does not know the command.
    Unknown,
    /// It was not begun.
    Before(io::Error),
    /// It was begun, and may be half done.
    Within(io::Error),
}

/// A thread of its own for a store.
#[derive(Debug)]
pub struct Worker {
    line: mpsc::Sender<Job>,
}

struct Job {
    command: LockCommand,
    deadline: Instant,
    answer: oneshot::Sender<Result<LockReply, BackendError>>,
}

impl Worker {
    /// Starts the thread, which ends when the worker is dropped.
    pub fn start(mut store: impl Store) -> io::Result<Self> {
        let (line, jobs) = mpsc::channel::<Job>();
        thread::Builder::new().spawn(move || jobs.into_iter().for_each(|job| job.run(&mut store)))?;
        Ok(Self { line })
    }

    /// A backend's `execute`.
    pub async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let Command::Lock(command) = command else {
            return Err(BackendError::unsupported(command.name()));
        };
        let (answer, answered) = oneshot::channel();
        // Before the first await: a place in the line is the place of a first poll.
        self.line.send(Job { command: command.clone(), deadline, answer }).map_err(|_| ended(Sent::No))?;
        let answer = timeout_at(deadline, answered).await.map_err(|_| BackendError::timeout())?;
        let reply = answer.map_err(|_| ended(Sent::Maybe))??;
        Ok(Reply::new(Epoch::FIRST, reply))
    }
}

impl Job {
    fn run(self, store: &mut impl Store) {
        let wanted = || !self.answer.is_closed() && Instant::now() < self.deadline;
        // What came too late behind a slow one must not cost a turn of its own.
        let done = if wanted() { store.run(&self.command, &wanted) } else { Err(Undone::Unwanted) };
        let result = done.map_err(|undone| undone.into_error(&self.command));
        // Whoever asked may have given up; then the answer goes nowhere.
        let _ = self.answer.send(result);
    }
}

impl Undone {
    fn into_error(self, command: &LockCommand) -> BackendError {
        let (error, sent) = match self {
            Self::Unwanted => {
                return BackendError::new(FaultKind::Timeout, Sent::No, "it had to wait too long");
            }
            Self::Unknown => return BackendError::unsupported(command.name()),
            Self::Before(error) => (error, Sent::No),
            Self::Within(error) => (error, Sent::Maybe),
        };
        let kind = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FaultKind::OutOfMemory,
            ErrorKind::ReadOnlyFilesystem => FaultKind::ReadOnly,
            ErrorKind::PermissionDenied => FaultKind::Permission,
            ErrorKind::NotFound => FaultKind::Unreachable,
            ErrorKind::ResourceBusy => FaultKind::Busy,
            _ => FaultKind::Rejected,
        };
        BackendError::new(kind, sent, error.to_string()).with_source(error)
    }
}

fn ended(sent: Sent) -> BackendError {
    BackendError::new(FaultKind::Closed, sent, "the store's thread has ended")
}
