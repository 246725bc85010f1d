//! The other half of a fencing token: the store that refuses older ones.

use async_trait::async_trait;

use crate::FencingToken;

/// Where the data is that a fenced lock protects. It keeps the greatest token that it has been shown for each key, in the same
/// atomic step as the access, and refuses an older one.
///
/// This closes what no lock can close: a holder that is paused between its last look at the lock and its write, and goes on
/// when the lock is another's. Its write arrives; the store has seen a greater token, and refuses it.
///
/// Three rules make it so, and every implementation must keep them:
///
/// - The token is compared and remembered where the data is, in one atomic step with the access. A check before the write is
///   one more place to be paused at.
/// - Reads show their token too. A holder that has read is protected from an older write that comes before its own.
/// - What was remembered is never forgotten, as long as an older holder may still be alive: not by an expiry, an eviction, a
///   restart, or a failover to a replica that lags behind.
///
/// The same token may come any number of times: it is the same holder. The trait shows the shape; a program may do the same
/// with a condition of its own (in SQL, `… WHERE token <= ?`).
///
/// ```
/// use std::collections::HashMap;
/// use std::convert::Infallible;
/// use std::sync::Mutex;
/// use redlock_core::{FencedStore, FencedStoreError, FencingToken, async_trait};
///
/// #[derive(Default)]
/// struct InMemory(Mutex<HashMap<String, (FencingToken, Option<Vec<u8>>)>>);
///
/// impl InMemory {
///     /// One atomic step: nobody else has the map meanwhile.
///     fn access<T>(
///         &self,
///         key: &str,
///         token: FencingToken,
///         act: impl FnOnce(&mut Option<Vec<u8>>) -> T,
///     ) -> Result<T, FencedStoreError<Infallible>> {
///         let mut map = self.0.lock().unwrap();
///         let (seen, value) = map.entry(key.to_owned()).or_insert((token, None));
///         if *seen > token {
///             return Err(FencedStoreError::Stale { shown: token, seen: *seen });
///         }
///         *seen = token;
///         Ok(act(value))
///     }
/// }
///
/// #[async_trait]
/// impl FencedStore for InMemory {
///     type Error = Infallible;
///
///     async fn read(
///         &self,
///         key: &str,
///         token: FencingToken,
///     ) -> Result<Option<Vec<u8>>, FencedStoreError<Infallible>> {
///         self.access(key, token, |value| value.clone())
///     }
///
///     async fn write(
///         &self,
///         key: &str,
///         token: FencingToken,
///         value: &[u8],
///     ) -> Result<(), FencedStoreError<Infallible>> {
///         self.access(key, token, |slot| *slot = Some(value.to_vec()))
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// let store = InMemory::default();
/// let [first, second] = [1, 2].map(|number| FencingToken::new(number).unwrap());
/// store.write("report", first, b"of the first").await.unwrap();
/// // The second holder has only read so far, and the first is refused already.
/// store.read("report", second).await.unwrap();
/// let late = store.write("report", first, b"late").await;
/// assert!(matches!(late, Err(FencedStoreError::Stale { .. })));
/// # }
/// ```
#[async_trait]
pub trait FencedStore: Send + Sync {
    /// What may go wrong in the store itself.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What stands in the key; `None` where nothing was written yet. The token is remembered from now on.
    async fn read(
        &self,
        key: &str,
        token: FencingToken,
    ) -> Result<Option<Vec<u8>>, FencedStoreError<Self::Error>>;

    /// Puts the value into the key. The token is remembered from now on.
    async fn write(
        &self,
        key: &str,
        token: FencingToken,
        value: &[u8],
    ) -> Result<(), FencedStoreError<Self::Error>>;
}

/// Why a [`FencedStore`] did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FencedStoreError<E> {
    /// A later holder has been there. This one has lost its lock, whatever it believes: it must stop.
    #[error("fencing token {shown} is stale: a holder with {seen} has been here")]
    Stale {
        /// The token of the access.
        shown: FencingToken,
        /// The greatest token so far.
        seen: FencingToken,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(#[from] E),
}
