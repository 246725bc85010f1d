//! What a lock's key holds: a fresh token, and who took it.

use std::fmt;
use std::sync::Arc;

use crate::Holder;

/// The value of a lock's key: `<token>|<holder>`, opaque to other libraries.
///
/// Whoever knows it can release the lock, so `Debug` never shows it. The token is 128 random bits in hexadecimal,
/// fresh for **each attempt**: with one token over several attempts the late release of the first frees the second, and
/// two clients hold (found by model, and in every library read).
///
/// ```
/// use redlock_core::{Holder, LockValue};
/// let value = LockValue::compose("", [7; 16], Some(&Holder::named("importer")));
/// assert_eq!(value.holder().and_then(|holder| holder.name), Some("importer".to_owned()));
/// assert!(!format!("{value:?}").contains("0707"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LockValue(Arc<[u8]>);

impl LockValue {
    /// The value of one attempt: `label`, the random bits in hexadecimal, and the holder.
    pub fn compose(label: &str, random: [u8; 16], holder: Option<&Holder>) -> Self {
        use fmt::Write;
        let mut text = String::with_capacity(label.len() + 96);
        text.push_str(label);
        // Writing to a String cannot fail.
        let _ = write!(text, "{:032x}", u128::from_be_bytes(random));
        if let Some(holder) = holder {
            text.push('|');
            holder.encode(&mut text);
        }
        Self(text.into_bytes().into())
    }

    /// A value as a node tells it; it may be another library's.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they stand on the node.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Who took the lock, where the value is one of ours and says so.
    pub fn holder(&self) -> Option<Holder> {
        let text = std::str::from_utf8(&self.0).ok()?;
        let (token, metadata) = text.split_once('|')?;
        ends_with_token(token).then(|| Holder::decode(metadata))?
    }
}

fn ends_with_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    let start = bytes.len().checked_sub(32);
    start.and_then(|start| bytes.get(start..)).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
}

impl fmt::Debug for LockValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holder() {
            Some(holder) => write!(f, "LockValue(… {holder})"),
            None => f.write_str("LockValue(…)"),
        }
    }
}
