//! What is done, by dice, and what is answered.

use std::time::Duration;

use redlock_core::{
    Acquire, Blocker, Evict, Extend, Inspect, Key, KeyState, Keys, LockCommand, LockReply, LockValue,
    Ownership, RePlant, Refusal, Release, Released, Ttl,
};

/// SplitMix64: small, and the same everywhere.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len() as u64);
        items[usize::try_from(index).expect("an index")]
    }
}

/// One step of both sides.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Command(LockCommand),
    /// Behind the backend's back.
    Plant(Key, Content, Option<Ttl>),
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Text(LockValue),
    Hash,
}

/// Rolls steps over three keys and three values.
#[derive(Debug)]
pub(super) struct Roller {
    pub(super) dice: Dice,
    pub(super) prefix: String,
    pub(super) turn: Duration,
}

impl Roller {
    pub(super) fn step(&mut self) -> Step {
        Step::Command(match self.dice.below(30) {
            0..4 => LockCommand::Acquire(Acquire::new(self.keys(), self.value(), self.ttl())),
            4..8 => self.replacing(),
            8..15 => LockCommand::Extend(Extend::new(self.some(&[1, 1, 1, 2]), self.value(), self.ttl())),
            15..17 => LockCommand::RePlant(RePlant::new(self.keys(), self.value(), self.ttl())),
            17..22 => self.release(),
            22..26 => LockCommand::Inspect(Inspect::new(self.keys())),
            26 => LockCommand::Evict(Evict::new(self.keys())),
            _ => return self.plant(),
        })
    }

    fn replacing(&mut self) -> LockCommand {
        let older = (0..=self.dice.below(2)).map(|_| self.value()).collect();
        LockCommand::Acquire(Acquire::new(self.keys(), self.value(), self.ttl()).replacing(older))
    }

    fn release(&mut self) -> LockCommand {
        let mut release = Release::new(self.some(&[2, 3, 3]), self.value());
        if self.dice.below(3) > 0 {
            release.values.push(self.value());
        }
        LockCommand::Release(release)
    }

    fn plant(&mut self) -> Step {
        let content = if self.dice.below(3) > 0 { Content::Hash } else { Content::Text(self.value()) };
        let ttl = (self.dice.below(3) > 0).then(|| self.ttl());
        let key = self.key();
        Step::Plant(key, content, ttl)
    }

    fn keys(&mut self) -> Keys {
        self.some(&[1, 1, 2, 3])
    }

    /// One of these numbers of keys, in any order.
    fn some(&mut self, numbers: &[usize]) -> Keys {
        let wanted = self.dice.one_of(numbers);
        let mut keys: Vec<Key> = Vec::new();
        while keys.len() < wanted {
            let key = self.key();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Keys::from_vec(keys).expect("a key")
    }

    fn key(&mut self) -> Key {
        Key::new(format!("{}{}", self.prefix, self.dice.one_of(&["a", "b", "c"])))
    }

    fn value(&mut self) -> LockValue {
        // One more often than the others: else hardly any key would hold what an extension asks for.
        LockValue::from_bytes(self.dice.one_of(&[b"one".as_slice(), b"one", b"two", b"three"]))
    }

    /// So that a lease ends in the middle of a turn, three turns from now at the latest.
    fn ttl(&mut self) -> Ttl {
        let halves = self.dice.one_of(&[1, 3, 5, 7]);
        Ttl::from_duration(self.turn * halves / 2).expect("in range")
    }
}

/// All that [`kind`] gives.
pub(super) const KINDS: [&str; 17] = [
    "granted",
    "refused",
    "refused by a value",
    "refused by a foreign type",
    "extended",
    "extended: absent",
    "extended: another's",
    "re-planted",
    "not re-planted",
    "released",
    "released: another's",
    "released: some, and some are another's",
    "released: absent",
    "inspected: free",
    "inspected: held",
    "inspected: foreign",
    "evicted",
];

pub(super) fn kind(reply: &LockReply) -> &'static str {
    match reply {
        LockReply::Granted(_) => "granted",
        LockReply::Refused(Refusal { blocker: None, .. }) => "refused",
        LockReply::Refused(Refusal { blocker: Some(blocker), .. }) => match blocker.state {
            KeyState::Foreign { .. } => "refused by a foreign type",
            KeyState::Held { .. } | KeyState::Free => "refused by a value",
        },
        LockReply::Extended(Ownership::Mine) => "extended",
        LockReply::Extended(Ownership::Absent) => "extended: absent",
        LockReply::Extended(Ownership::Other) => "extended: another's",
        LockReply::RePlanted(true) => "re-planted",
        LockReply::RePlanted(false) => "not re-planted",
        LockReply::Released(Released { removed: 0, taken: 0, .. }) => "released: absent",
        LockReply::Released(Released { taken: 0, .. }) => "released",
        LockReply::Released(Released { removed: 0, .. }) => "released: another's",
        LockReply::Released(_) => "released: some, and some are another's",
        LockReply::Inspected(states) => {
            if states.iter().any(|state| matches!(state, KeyState::Foreign { .. })) {
                "inspected: foreign"
            } else if states.iter().any(|state| matches!(state, KeyState::Held { .. })) {
                "inspected: held"
            } else {
                "inspected: free"
            }
        }
        LockReply::Evicted(_) => "evicted",
        other => panic!("an answer that this test does not know: {other:?}"),
    }
}

/// Whether two answers are the same, but for so much of the remaining time.
pub(super) fn agree(one: &LockReply, other: &LockReply, tolerance: Duration) -> bool {
    match (one, other) {
        (LockReply::Refused(one), LockReply::Refused(other)) => match (&one.blocker, &other.blocker) {
            (Some(Blocker { key, state }), Some(other)) => {
                *key == other.key && alike(state, &other.state, tolerance)
            }
            (one, other) => one == other,
        },
        (LockReply::Inspected(one), LockReply::Inspected(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| alike(one, other, tolerance))
        }
        (one, other) => one == other,
    }
}

fn alike(one: &KeyState, other: &KeyState, tolerance: Duration) -> bool {
    let near = |one: &Option<Duration>, other: &Option<Duration>| match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(*other) <= tolerance,
        (one, other) => one == other,
    };
    match (one, other) {
        (
            KeyState::Held { value, remaining },
            KeyState::Held { value: other_value, remaining: other_remaining },
        ) => value == other_value && near(remaining, other_remaining),
        (
            KeyState::Foreign { kind, remaining },
            KeyState::Foreign { kind: other_kind, remaining: other_remaining },
        ) => kind == other_kind && near(remaining, other_remaining),
        (one, other) => one == other,
    }
}
