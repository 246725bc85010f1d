//! The keys of a node: strings and foreign values with an expiry in whole milliseconds. No I/O, no clock: `now` is an
//! argument everywhere.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use redlock_core::{
    Announce, AnnouncedSet, Claim, Cursor, Key, KeyState, LockValue, Marker, Membership, Moment, NodeId,
    NodeSet, Scan, ScanPage, Ttl,
};

/// How many keys a scan looks at per page. Small, so that callers meet several pages, and pages with no match, in tests.
const PAGE: usize = 16;

/// The number of keys below which no sweep is worth its time.
const SWEEP_FLOOR: usize = 64;

/// The node's time in whole milliseconds, as Redis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Millis(u64);

impl Millis {
    fn after(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_add(ttl.as_millis()))
    }

    fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }
}

impl From<Moment> for Millis {
    fn from(moment: Moment) -> Self {
        Self(moment.as_nanos() / 1_000_000)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Text(LockValue),
    Foreign(String),
}

#[derive(Clone, Debug)]
struct Entry {
    content: Content,
    expires: Option<Millis>,
    serial: u64,
}

impl Entry {
    /// `now > when` is expired, as in `keyIsExpired` of Redis 7.
    fn lives(&self, now: Millis) -> bool {
        self.expires.is_none_or(|when| now <= when)
    }
}

/// The keys. An expired key is absent for every method.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    entries: HashMap<Key, Entry>,
    /// Keys by the serial of their creation. A scan follows it, so that a key which stands throughout a scan is met
    /// whatever is created and deleted meanwhile: a clean-up deletes what it scans.
    order: BTreeMap<u64, Key>,
    last_serial: u64,
    sweep_at: usize,
    /// What is about the deployment itself is no key: it is neither counted nor met by a scan.
    marker: Option<Marker>,
    sets: BTreeMap<NodeSet, Millis>,
    /// Who claims which run.
    claims: BTreeMap<NodeId, String>,
}

impl Store {
    pub(crate) fn state(&self, key: &Key, now: Millis) -> KeyState {
        let Some(entry) = self.live(key, now) else { return KeyState::Free };
        let remaining = entry.expires.map(|when| now.until(when));
        match &entry.content {
            Content::Text(value) => KeyState::Held { value: value.clone(), remaining },
            Content::Foreign(kind) => KeyState::Foreign { kind: kind.clone(), remaining },
        }
    }

    pub(crate) fn is_free(&self, key: &Key, now: Millis) -> bool {
        self.live(key, now).is_none()
    }

    pub(crate) fn holds(&self, key: &Key, value: &LockValue, now: Millis) -> bool {
        self.live(key, now)
            .is_some_and(|entry| matches!(&entry.content, Content::Text(text) if text == value))
    }

    /// Sets the key, whatever it held.
    pub(crate) fn set(&mut self, key: &Key, content: Content, ttl: Option<Ttl>, now: Millis) {
        self.delete(key, now);
        self.sweep_if_grown(now);
        self.last_serial = self.last_serial.saturating_add(1);
        let entry = Entry { content, expires: ttl.map(|ttl| now.after(ttl)), serial: self.last_serial };
        self.order.insert(entry.serial, key.clone());
        self.entries.insert(key.clone(), entry);
    }

    /// Makes a key that stands live for at least `ttl` from now; a key without an expiry stays without one.
    pub(crate) fn prolong(&mut self, key: &Key, ttl: Ttl, now: Millis) {
        if let Some(when) = self.entries.get_mut(key).and_then(|entry| entry.expires.as_mut()) {
            *when = (*when).max(now.after(ttl));
        }
    }

    /// Gives a key that stands `ttl` from now on, whatever it had.
    pub(crate) fn expire(&mut self, key: &Key, ttl: Ttl, now: Millis) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.expires = Some(now.after(ttl));
        }
    }

    /// Deletes the key, whatever it holds; whether there was one.
    pub(crate) fn delete(&mut self, key: &Key, now: Millis) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.order.remove(&entry.serial);
        entry.lives(now)
    }

    pub(crate) fn scan(&self, scan: &Scan, now: Millis) -> ScanPage {
        let mut rest = self.order.range(scan.cursor.0..);
        let keys = rest.by_ref().take(PAGE).map(|(_, key)| key);
        let matching = keys.filter(|key| key.as_str().starts_with(&scan.prefix) && !self.is_free(key, now));
        let keys = matching.cloned().collect();
        ScanPage::new(Cursor(rest.next().map_or(0, |(serial, _)| *serial)), keys)
    }

    pub(crate) fn membership(&self, now: Millis) -> Membership {
        Membership::new(self.marker.clone(), self.live_sets(now)).claimed(self.claims.values().cloned())
    }

    /// Notes a claim of the present run, which `run_id` names, or that it was given up.
    pub(crate) fn claim(&mut self, claim: &Claim, run_id: &str) -> bool {
        if !claim.stands {
            self.claims.remove(&claim.claimant);
            return true;
        }
        if claim.run_id != run_id || self.marker.as_ref().is_some_and(|marker| marker.run_id == run_id) {
            return false;
        }
        self.claims.retain(|_, run| run == run_id);
        self.claims.insert(claim.claimant.clone(), claim.run_id.clone());
        true
    }

    /// Writes the marker: an identity stays, and so does a longer `max_ttl`.
    pub(crate) fn mark(&mut self, marker: &Marker) -> Marker {
        self.claims.clear();
        let mut marker = marker.clone();
        if let Some(before) = self.marker.take() {
            marker.node_id = before.node_id;
            marker.max_ttl = marker.max_ttl.max(before.max_ttl);
        }
        self.marker.insert(marker).clone()
    }

    pub(crate) fn announce(&mut self, announce: &Announce, now: Millis) -> Vec<AnnouncedSet> {
        self.sets.retain(|_, end| *end > now);
        let end = self.sets.entry(announce.set.clone()).or_insert(now);
        *end = (*end).max(now.after(announce.hold));
        self.live_sets(now)
    }

    fn live_sets(&self, now: Millis) -> Vec<AnnouncedSet> {
        let live = self.sets.iter().filter(|(_, end)| **end > now);
        live.map(|(set, end)| AnnouncedSet::new(set.clone(), now.until(*end))).collect()
    }

    /// The same without the locks.
    pub(crate) fn without_locks(&self) -> Self {
        let (marker, sets, claims) = (self.marker.clone(), self.sets.clone(), self.claims.clone());
        Self { marker, sets, claims, ..Self::default() }
    }

    pub(crate) fn len(&self, now: Millis) -> usize {
        self.entries.values().filter(|entry| entry.lives(now)).count()
    }

    fn live(&self, key: &Key, now: Millis) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.lives(now))
    }

    /// Expired keys that nobody asks for again must not pile up. A sweep at each doubling costs a constant per key set.
    fn sweep_if_grown(&mut self, now: Millis) {
        if self.entries.len() < self.sweep_at.max(SWEEP_FLOOR) {
            return;
        }
        let order = &mut self.order;
        self.entries.retain(|_, entry| {
            let lives = entry.lives(now);
            if !lives {
                order.remove(&entry.serial);
            }
            lives
        });
        self.sweep_at = self.entries.len().saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Millis {
        Millis(millis)
    }

    fn text(value: &str) -> Content {
        Content::Text(LockValue::from_bytes(value.as_bytes()))
    }

    fn key(name: impl Into<String>) -> Key {
        Key::new(name.into())
    }

    /// As Redis 7: at `t + ttl` the key stands with nothing remaining, one millisecond later it is gone.
    #[test]
    fn a_key_is_gone_one_millisecond_after_its_time() {
        let mut store = Store::default();
        store.set(&key("a"), text("v"), Some(Ttl::SECOND), at(5));
        let KeyState::Held { remaining, .. } = store.state(&key("a"), at(1005)) else {
            panic!("gone too early")
        };
        assert_eq!(remaining, Some(Duration::ZERO));
        assert_eq!(store.state(&key("a"), at(1006)), KeyState::Free);
        assert!(!store.delete(&key("a"), at(1006)), "an expired key is not deleted, it is absent");
    }

    /// hazard: 10
    #[test]
    fn prolonging_never_shortens_and_gives_no_expiry_to_a_key_without() {
        let mut store = Store::default();
        store.set(&key("a"), text("v"), Some(Ttl::SECOND), at(0));
        let short = Ttl::from_duration(Duration::from_millis(10)).expect("in range");
        store.prolong(&key("a"), short, at(0));
        assert!(!store.is_free(&key("a"), at(1000)));
        store.set(&key("b"), text("v"), None, at(0));
        store.prolong(&key("b"), short, at(0));
        assert!(!store.is_free(&key("b"), at(u64::MAX)));
    }

    #[test]
    fn a_scan_meets_every_key_that_stands_though_others_are_deleted_under_it() {
        let mut store = Store::default();
        for number in 0..100 {
            store.set(&key(format!("k{number}")), text("v"), None, at(0));
        }
        let (mut seen, mut cursor) = (Vec::new(), Cursor::START);
        loop {
            let page = store.scan(&Scan::new("k").at(cursor), at(0));
            for found in &page.keys {
                store.delete(found, at(0));
            }
            seen.extend(page.keys);
            cursor = page.next;
            if cursor.is_end() {
                break;
            }
        }
        assert_eq!(seen.len(), 100);
        assert_eq!(store.len(at(0)), 0);
    }

    #[test]
    fn expired_keys_that_nobody_asks_for_do_not_pile_up() {
        let mut store = Store::default();
        for number in 0..10_000 {
            store.set(&key(format!("k{number}")), text("v"), Some(Ttl::SECOND), at(number * 100));
        }
        assert!(store.entries.len() < 2 * SWEEP_FLOOR, "{} kept", store.entries.len());
        assert_eq!(store.entries.len(), store.order.len());
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let mut store = Store::default();
        let longest = Ttl::from_duration(Duration::from_millis(u64::try_from(i64::MAX).expect("fits")))
            .expect("in range");
        store.set(&key("a"), text("v"), Some(longest), at(u64::MAX - 1));
        assert!(!store.is_free(&key("a"), at(u64::MAX)));
    }
}
