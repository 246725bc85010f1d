//! A table of a SQLite database as a redlock node, for the processes of one host: one transaction for each command.
//!
//! The steps and the worker are those of the store of files that `docs/backends.md` builds. Beside it, what has nothing to do with
//! nodes: a table of data that compares fencing tokens.

mod fenced;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

use file_store::{Records, Store, Undone, Worker, step};
use redlock_core::{
    Backend, BackendError, Capabilities, Command, Inbox, Key, KeyState, LockCommand, LockReply, LockValue,
    NodeName, Notifications, Reply, async_trait,
};
use rusqlite::{Connection, Error, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::time::Instant;

pub use fenced::FencedTable;

/// How long a command waits for another process's transaction; then it fails, unsent.
const BUSY: Duration = Duration::from_secs(2);

/// `expiry` counts milliseconds since 1970, and is null for a key that does not expire.
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS locks (key TEXT PRIMARY KEY, value, expiry INTEGER) WITHOUT ROWID";

/// A database as a redlock node.
#[derive(Debug)]
pub struct SqliteStore {
    name: NodeName,
    worker: Worker,
}

impl SqliteStore {
    /// The node in that database, which is made where it is missing, with the table `locks`.
    ///
    /// # Errors
    ///
    /// Where there can be no such database, or no thread to work in it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // What was granted must outlive a power cut. With `FULL`, one that follows at once may undo a commit.
        connection.pragma_update(None, "synchronous", "EXTRA").map_err(failed)?;
        connection.execute(TABLE, ()).map_err(failed)?;
        let name = NodeName::new(path.as_ref().canonicalize()?.display().to_string());
        Ok(Self { name, worker: Worker::start(Database(connection))? })
    }
}

struct Database(Connection);

impl Store for Database {
    fn run(&mut self, command: &LockCommand, wanted: &dyn Fn() -> bool) -> Result<LockReply, Undone> {
        // From its beginning nobody else writes: what it reads is what it changes.
        let begun = self.0.transaction_with_behavior(TransactionBehavior::Immediate);
        let rows = Rows(begun.map_err(|error| Undone::Before(failed(error)))?);
        if !wanted() {
            return Err(Undone::Unwanted);
        }
        // Without the commit, all of it is undone.
        let reply = step(&rows, command).map_err(Undone::Before)?.ok_or(Undone::Unknown)?;
        rows.0.commit().map_err(|error| Undone::Within(failed(error)))?;
        Ok(reply)
    }
}

struct Rows<'a>(Transaction<'a>);

impl Records for Rows<'_> {
    fn state(&self, key: &Key, now: SystemTime) -> io::Result<KeyState> {
        let select = "SELECT value, expiry FROM locks WHERE key = ?1 AND (expiry IS NULL OR expiry > ?2)";
        let now = millis(now)?;
        let row = self.0.query_row(select, params![key.as_str(), now], |row| {
            let value = row.get_ref(0)?;
            let expiry: Option<i64> = row.get(1)?;
            Ok((value.data_type(), value.as_blob().ok().map(LockValue::from_bytes), expiry))
        });
        let Some((kind, value, expiry)) = row.optional().map_err(failed)? else { return Ok(KeyState::Free) };
        let remaining = expiry.map(|expiry| Duration::from_millis(expiry.abs_diff(now)));
        Ok(match value {
            Some(value) => KeyState::Held { value, remaining },
            None => KeyState::Foreign { kind: kind.to_string(), remaining },
        })
    }

    fn put(&self, key: &Key, value: &LockValue, expiry: SystemTime) -> io::Result<()> {
        let insert = "INSERT OR REPLACE INTO locks (key, value, expiry) VALUES (?1, ?2, ?3)";
        self.0.execute(insert, params![key.as_str(), value.as_bytes(), millis(expiry)?]).map_err(failed)?;
        Ok(())
    }

    fn prolong(&self, key: &Key, expiry: SystemTime) -> io::Result<()> {
        let update = "UPDATE locks SET expiry = ?2 WHERE key = ?1";
        self.0.execute(update, params![key.as_str(), millis(expiry)?]).map_err(failed)?;
        Ok(())
    }

    fn remove(&self, key: &Key) -> io::Result<()> {
        self.0.execute("DELETE FROM locks WHERE key = ?1", [key.as_str()]).map_err(failed)?;
        Ok(())
    }
}

fn millis(time: SystemTime) -> io::Result<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    i64::try_from(since.as_millis()).map_err(io::Error::other)
}

fn failed(error: Error) -> io::Error {
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::StorageFull,
        Some(ErrorCode::ReadOnly) => ErrorKind::ReadOnlyFilesystem,
        Some(ErrorCode::PermissionDenied) => ErrorKind::PermissionDenied,
        Some(ErrorCode::CannotOpen) => ErrorKind::NotFound,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::ResourceBusy,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

#[async_trait]
impl Backend for SqliteStore {
    fn node(&self) -> &NodeName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LOCK | Capabilities::DURABLE
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.worker.execute(command, deadline).await
    }

    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}
