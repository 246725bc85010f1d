//! The other side of a fencing token, in SQL: data that refuses the holders of older locks.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redlock_core::{FencedStore, FencedStoreError, FencingToken, async_trait};
use rusqlite::{Connection, Error, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::task::spawn_blocking;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS fenced (key TEXT PRIMARY KEY, token INTEGER NOT NULL, value BLOB) WITHOUT ROWID";

/// The access and the comparison are one statement. It changes no row where a greater token has been here, and a reader's
/// token is kept as well as a writer's.
const SHOW: &str = "INSERT INTO fenced (key, token) VALUES (?1, ?2) \
                    ON CONFLICT (key) DO UPDATE SET token = excluded.token WHERE token <= excluded.token";

/// Values in the table `fenced` of a SQLite database.
#[derive(Clone, Debug)]
pub struct FencedTable(Arc<Mutex<Connection>>);

impl FencedTable {
    /// The table in that database; both are made where they are missing.
    ///
    /// # Errors
    ///
    /// Where there can be no such database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "synchronous", "EXTRA")?;
        connection.execute(TABLE, ())?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Shows the token and does the rest in one transaction.
    async fn access<T: Send + 'static>(
        &self,
        key: &str,
        token: FencingToken,
        act: impl FnOnce(&Transaction<'_>, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, FencedStoreError<Error>> {
        let (connection, key) = (Arc::clone(&self.0), key.to_owned());
        let access = spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // SQLite's integers have 64 bits, and a token is below 2^53.
            let shown = transaction.execute(SHOW, params![key, token.get()])?;
            if shown == 0 {
                return Err(stale(&transaction, &key, token)?);
            }
            let done = act(&transaction, &key)?;
            transaction.commit()?;
            Ok(done)
        });
        // It is cancelled only where it has not begun, and its runtime ends.
        access.await.unwrap_or_else(|ended| Err(Error::ToSqlConversionFailure(Box::new(ended)).into()))
    }
}

fn stale(
    transaction: &Transaction<'_>,
    key: &str,
    shown: FencingToken,
) -> Result<FencedStoreError<Error>, Error> {
    let seen: u64 =
        transaction.query_row("SELECT token FROM fenced WHERE key = ?1", [key], |row| row.get(0))?;
    let seen = FencingToken::new(seen).ok_or(Error::IntegralValueOutOfRange(0, seen.cast_signed()))?;
    Ok(FencedStoreError::Stale { shown, seen })
}

#[async_trait]
impl FencedStore for FencedTable {
    type Error = Error;

    async fn read(&self, key: &str, token: FencingToken) -> Result<Option<Vec<u8>>, FencedStoreError<Error>> {
        self.access(key, token, |transaction, key| {
            let value =
                transaction.query_row("SELECT value FROM fenced WHERE key = ?1", [key], |row| row.get(0));
            value.optional().map(Option::flatten)
        })
        .await
    }

    async fn write(
        &self,
        key: &str,
        token: FencingToken,
        value: &[u8],
    ) -> Result<(), FencedStoreError<Error>> {
        let value = value.to_vec();
        self.access(key, token, move |transaction, key| {
            transaction.execute("UPDATE fenced SET value = ?2 WHERE key = ?1", params![key, value]).map(drop)
        })
        .await
    }
}
