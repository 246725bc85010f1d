//! A store that refuses the holders of older locks.

use async_trait::async_trait;
use redis::Cmd;
use redis::aio::ConnectionLike;
use redlock_core::{BackendError, FencedStore, FencedStoreError, FencingToken};
use redlock_lua::{Request, Value, Word, decode_store, store_read, store_write};

use crate::convert;

/// Values on a Redis server that a fenced lock protects: each is a hash with the fields `token` and `value`, and an access
/// that shows an older token than one before is refused.
///
/// It takes whatever connection the application has. It may be one of the nodes of the lock, and any other server as well.
/// The server must not forget: let it write to disk before it answers (`appendonly yes`, `appendfsync always`), and let it
/// evict nothing (`noeviction`). One round trip an access, and one more after a server's restart.
///
/// ```no_run
/// # async fn f(token: redlock_core::FencingToken) -> Result<(), Box<dyn std::error::Error>> {
/// use redlock_core::FencedStore;
/// use redlock_redis_rs::RedisStore;
///
/// let client = redis::Client::open("redis://10.0.0.9")?;
/// let store = RedisStore::new(client.get_multiplexed_async_connection().await?);
/// let before = store.read("balance", token).await?;
/// store.write("balance", token, b"7").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RedisStore<C> {
    connection: C,
}

impl<C: ConnectionLike + Clone + Send + Sync> RedisStore<C> {
    /// The store behind that connection.
    pub fn new(connection: C) -> Self {
        Self { connection }
    }

    async fn run(
        &self,
        request: Request<'_>,
        token: FencingToken,
    ) -> Result<Option<Vec<u8>>, FencedStoreError<BackendError>> {
        let mut reply = self.send(request.words()).await?;
        if let Some(words) = request.resend(&reply) {
            reply = self.send(&words).await?;
        }
        decode_store(reply, token)
    }

    async fn send(&self, words: &[Word<'_>]) -> Result<Value, BackendError> {
        let mut command = Cmd::new();
        for word in words {
            command.arg(&**word);
        }
        let mut connection = self.connection.clone();
        convert::reply(connection.req_packed_command(&command).await)
    }
}

#[async_trait]
impl<C: ConnectionLike + Clone + Send + Sync> FencedStore for RedisStore<C> {
    type Error = BackendError;

    async fn read(
        &self,
        key: &str,
        token: FencingToken,
    ) -> Result<Option<Vec<u8>>, FencedStoreError<BackendError>> {
        self.run(store_read(key.as_bytes(), token), token).await
    }

    async fn write(
        &self,
        key: &str,
        token: FencingToken,
        value: &[u8],
    ) -> Result<(), FencedStoreError<BackendError>> {
        self.run(store_write(key.as_bytes(), token, value), token).await.map(drop)
    }
}
