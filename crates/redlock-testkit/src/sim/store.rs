//! A store that the locks protect: it keeps the greatest fencing token that it has seen, and refuses a smaller one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use redlock_core::FencingToken;

#[derive(Debug, Default)]
pub(super) struct Store(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    greatest: FencingToken,
    /// The latest lease that wrote; leases are numbered in the order in which they were won.
    latest: usize,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Accepted,
    /// A holder of that later lease has been here before.
    AcceptedAfter(usize),
    Refused,
}

impl Store {
    /// A write under a lease, whether the holder still believes in it or not.
    pub(super) fn write(&self, resource: &str, lease: usize, token: FencingToken) -> Written {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(resource.to_owned()).or_insert(Entry { greatest: token, latest: lease });
        if token < entry.greatest {
            return Written::Refused;
        }
        let before = entry.latest;
        *entry = Entry { greatest: token, latest: lease.max(before) };
        if before > lease { Written::AcceptedAfter(before) } else { Written::Accepted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(store: &Store, lease: usize, token: u64) -> Written {
        store.write("a", lease, FencingToken::new(token).expect("in range"))
    }

    /// hazard: 25
    #[test]
    fn a_late_write_is_refused_where_the_later_holder_has_a_greater_token() {
        let store = Store::default();
        assert_eq!(write(&store, 0, 5), Written::Accepted);
        assert_eq!(write(&store, 1, 6), Written::Accepted);
        assert_eq!(write(&store, 0, 5), Written::Refused);
        assert_eq!(write(&store, 2, 4), Written::Refused, "and so is a holder whose token did not rise");
    }

    #[test]
    fn a_late_write_with_the_same_token_is_seen() {
        let store = Store::default();
        assert_eq!(write(&store, 1, 5), Written::Accepted);
        assert_eq!(write(&store, 0, 5), Written::AcceptedAfter(1));
    }
}
