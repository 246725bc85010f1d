//! Keys as they stand on the nodes. How a resource becomes one is `key_format`'s job.

use std::fmt;
use std::sync::Arc;

/// The full name under which one resource's lock stands on every node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key of that name, prefix included.
    pub fn new(key: impl Into<Arc<str>>) -> Self {
        Self(key.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slot of a Redis Cluster in which the key lies, 0 to 16383: CRC-16/XMODEM of its hash tag, or of the whole key
    /// where it has none (Redis Cluster specification, "Hash tags").
    ///
    /// ```
    /// use redlock_core::Key;
    /// assert_eq!(Key::new("123456789").slot(), 12739);
    /// assert_eq!(Key::new("lock:{user7}:a").slot(), Key::new("lock:{user7}:b").slot());
    /// ```
    pub fn slot(&self) -> u16 {
        crc16(self.hash_tag().unwrap_or(&self.0).as_bytes()) % 16_384
    }

    /// Where the key's fencing counter stands: `{key}:fence`, or `key:fence` where the key has a hash tag of its own, so that
    /// the two lie in one slot of a cluster. (A key with braces and no hash tag, such as `a}b`, has no such name; fenced locks
    /// of it are refused on a cluster.)
    ///
    /// No lock's key ends so: such resources are refused. Under [`KeyFormat::Raw`](crate::KeyFormat) the resources `a` and `{a}`
    /// share a counter, which harms nothing: the tokens of both rise.
    ///
    /// ```
    /// use redlock_core::Key;
    /// assert_eq!(Key::new("lock:a").fence().as_str(), "{lock:a}:fence");
    /// assert_eq!(Key::new("lock:{user7}:a").fence().as_str(), "lock:{user7}:a:fence");
    /// ```
    #[must_use]
    pub fn fence(&self) -> Self {
        Self::new(self.fence_name())
    }

    /// The name of [`fence`](Self::fence), for whoever needs it once: it is made by one allocation.
    pub fn fence_name(&self) -> String {
        let key = self.as_str();
        match self.hash_tag() {
            Some(_) => [key, ":fence"].concat(),
            None => ["{", key, "}:fence"].concat(),
        }
    }

    /// What stands between the first `{` and the next `}`, where that is not empty.
    pub fn hash_tag(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once('{')?;
        let (tag, _) = rest.split_once('}')?;
        (!tag.is_empty()).then_some(tag)
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The keys of one command: at least one, cheap to clone.
///
/// Core sorts and deduplicates the keys of an acquisition before it sends them, so that two clients that name the same
/// resources in another order send the same command.
///
/// ```
/// use redlock_core::{Key, Keys};
/// let keys = Keys::of(Key::new("a")).and(Key::new("b"));
/// assert_eq!(keys.len(), 2);
/// assert!(keys.single().is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keys(Arc<[Key]>);

impl Keys {
    /// One key.
    pub fn of(key: Key) -> Self {
        Self(Arc::new([key]))
    }

    /// Those keys, in their order; `None` where there are none.
    pub fn from_vec(keys: Vec<Key>) -> Option<Self> {
        (!keys.is_empty()).then(|| Self(keys.into()))
    }

    /// These keys and one more.
    #[must_use]
    pub fn and(&self, key: Key) -> Self {
        Self(self.iter().cloned().chain([key]).collect())
    }

    /// The key, where there is only one.
    pub fn single(&self) -> Option<&Key> {
        match &*self.0 {
            [key] => Some(key),
            _ => None,
        }
    }

    /// The keys in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Key> {
        self.0.iter()
    }

    /// The keys in order.
    pub fn as_slice(&self) -> &[Key] {
        &self.0
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Keys {
    type Item = &'a Key;
    type IntoIter = std::slice::Iter<'a, Key>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
