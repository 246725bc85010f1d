//! The published suite on this backend, with all that it can use.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions, and this is what those share"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redlock_core::{Backend, Key, async_trait};
use redlock_testkit::conformance::{self, Harness, Plant, Verdict, assert_lock_family};
use rusqlite::{Connection, params};
use sqlite_backend::{FencedTable, SqliteStore};

struct OnDatabase {
    path: PathBuf,
    backend: Arc<dyn Backend>,
    /// Another process, in the middle of a transaction.
    other: Mutex<Option<Connection>>,
}

impl OnDatabase {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("redlock-sqlite-{}.db", std::process::id()));
        Self { backend: Arc::new(SqliteStore::open(&path).unwrap()), path, other: Mutex::default() }
    }

    fn connection(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection
    }
}

#[async_trait]
impl Harness for OnDatabase {
    fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The suite sends up to fifty commands at once, and each of them waits for the disk.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn plant(&self, key: &Key, plant: Plant) -> bool {
        let insert = "INSERT INTO locks (key, value, expiry) VALUES (?1, ?2, NULL)";
        let planted = match plant {
            Plant::Forever(value) => {
                self.connection().execute(insert, params![key.as_str(), value.as_bytes()])
            }
            Plant::Foreign => self.connection().execute(insert, params![key.as_str(), 7]),
            _ => return false,
        };
        planted.unwrap() == 1
    }

    async fn stall(&self, stalled: bool) -> bool {
        let other = stalled.then(|| self.connection());
        if let Some(connection) = &other {
            connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        }
        *self.other.lock().unwrap() = other;
        true
    }
}

impl Drop for OnDatabase {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[tokio::test]
async fn it_conforms_and_no_check_is_skipped_but_of_what_it_does_not_claim() {
    let report = assert_lock_family(&OnDatabase::new()).await;
    let beside =
        |verdict: &Verdict| matches!(verdict, Verdict::Skipped(why) if !why.contains("does not claim"));
    assert!(!report.checks().any(|(_, verdict)| beside(verdict)), "{report}");
}

/// hazard: 25, 28
#[tokio::test]
async fn the_table_of_data_refuses_older_tokens() {
    let path = std::env::temp_dir().join(format!("redlock-fenced-{}.db", std::process::id()));
    let report = conformance::fenced_store(&FencedTable::open(&path).unwrap()).await;
    let reopened = conformance::fenced_store(&FencedTable::open(&path).unwrap()).await;
    fs::remove_file(&path).unwrap();
    report.and(reopened).unwrap();
}
