//! What is done, by dice, and what is answered.

use std::time::Duration;

use redlock_core::{
    Acquire, Blocker, Evict, Extend, FaultKind, FenceCommit, FenceProposal, FencingToken, Grant, Inspect,
    Key, KeyState, Keys, Lift, LockCommand, LockReply, LockValue, Ownership, RePlant, Refusal, Release,
    Released, Ttl,
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
        Step::Command(match self.dice.below(44) {
            0..12 => LockCommand::Acquire(self.acquire()),
            12..19 => LockCommand::Extend(self.extend()),
            19..21 => LockCommand::RePlant(self.re_plant()),
            21..27 => LockCommand::Lift(self.lift()),
            27..32 => self.release(),
            32..36 => LockCommand::Inspect(Inspect::new(self.keys())),
            36 => LockCommand::Inspect(Inspect::new(self.counters())),
            37 => LockCommand::Evict(Evict::new(self.keys())),
            38..41 => return self.plant_counter(),
            _ => return self.plant(),
        })
    }

    fn acquire(&mut self) -> Acquire {
        let mut acquire = Acquire::new(self.keys(), self.value(), self.ttl());
        if self.dice.below(2) == 0 {
            let older = (0..=self.dice.below(2)).map(|_| self.value()).collect();
            acquire = acquire.replacing(older);
        }
        if self.dice.below(2) == 0 { acquire.fenced(self.proposal()) } else { acquire }
    }

    fn extend(&mut self) -> Extend {
        let extend = Extend::new(self.some(&[1, 1, 1, 2]), self.value(), self.ttl());
        if self.dice.below(2) == 0 { extend.fenced(self.commit()) } else { extend }
    }

    fn re_plant(&mut self) -> RePlant {
        let plant = RePlant::new(self.keys(), self.value(), self.ttl());
        if self.dice.below(2) == 0 { plant.fenced(self.commit()) } else { plant }
    }

    fn lift(&mut self) -> Lift {
        // Hardly any key would be its caller's, were the value any of the three.
        let value = LockValue::from_bytes(*b"one");
        Lift::new(self.some(&[1, 1, 1, 2]), value, self.commit())
    }

    /// Behind every clock: how far ahead a candidate may be is the conformance suite's to compare.
    fn proposal(&mut self) -> FenceProposal {
        FenceProposal::new(self.token()).retention(self.retention())
    }

    fn commit(&mut self) -> FenceCommit {
        FenceCommit::new(self.token()).retention(self.retention())
    }

    fn token(&mut self) -> FencingToken {
        let digits = self.dice.one_of(&[1, 20, 1_763_793_226_000_001]);
        FencingToken::new(digits + self.dice.below(9)).expect("in range")
    }

    /// As a ttl, so that counters are forgotten too.
    fn retention(&mut self) -> Ttl {
        let halves = self.dice.one_of(&[5, 9, 15]);
        Ttl::from_duration(self.turn * halves / 2).expect("in range")
    }

    fn counters(&mut self) -> Keys {
        Keys::from_vec(self.keys().iter().map(Key::fence).collect()).expect("a key")
    }

    /// What is no number, or the last there is, for as long as anything lasts here.
    fn plant_counter(&mut self) -> Step {
        let key = self.key().fence();
        let text = self.dice.one_of(&["nonsense", "9007199254740991"]);
        let content = Content::Text(LockValue::from_bytes(text.as_bytes()));
        Step::Plant(key, content, Ttl::from_duration(self.turn * 15 / 2))
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
pub(super) const KINDS: [&str; 23] = [
    "granted",
    "granted with a token",
    "an error: no number",
    "an error: used up",
    "lifted",
    "lifted: absent",
    "lifted: another's",
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

/// What a node said: an answer, or an error that both sides must give alike.
pub(super) type Said = Result<LockReply, FaultKind>;

pub(super) fn kind(said: &Said) -> &'static str {
    match said {
        Ok(reply) => kind_of(reply),
        Err(FaultKind::ForeignFormat) => "an error: no number",
        Err(FaultKind::FencingExhausted) => "an error: used up",
        Err(other) => panic!("an error that this test does not know: {other:?}"),
    }
}

fn kind_of(reply: &LockReply) -> &'static str {
    match reply {
        LockReply::Granted(Grant { fence: None, .. }) => "granted",
        LockReply::Granted(_) => "granted with a token",
        LockReply::Lifted(Ownership::Mine) => "lifted",
        LockReply::Lifted(Ownership::Absent) => "lifted: absent",
        LockReply::Lifted(Ownership::Other) => "lifted: another's",
        LockReply::Refused(Refusal { blocker: None, .. }) => "refused",
        LockReply::Refused(Refusal { blocker: Some(blocker), .. }) => match blocker.state {
            KeyState::Foreign { .. } => "refused by a foreign type",
            _ => "refused by a value",
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
pub(super) fn agree(one: &Said, other: &Said, tolerance: Duration) -> bool {
    match (one, other) {
        (Ok(LockReply::Refused(one)), Ok(LockReply::Refused(other))) => {
            match (&one.blocker, &other.blocker) {
                (Some(Blocker { key, state }), Some(other)) => {
                    *key == other.key && alike(state, &other.state, tolerance)
                }
                (one, other) => one == other,
            }
        }
        (Ok(LockReply::Inspected(one)), Ok(LockReply::Inspected(other))) => {
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
