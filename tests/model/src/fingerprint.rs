//! The states that were seen, as 128 bits each. Among 100 million states, two with the same fingerprint are met with a
//! probability of about 10^-23; and a state that was taken for another could only hide a violation, never invent one.

use std::hash::{Hash, Hasher};

pub(crate) fn fingerprint(state: &impl Hash) -> u128 {
    let mut mixer = Mixer { high: 0x9e37_79b9_7f4a_7c15, low: 0xd1b5_4a32_d192_ed03, word: 0, filled: 0 };
    state.hash(&mut mixer);
    mixer.mix();
    mixer.mix();
    // Zero is a free place in the table.
    (u128::from(mixer.high) << 64 | u128::from(mixer.low)).max(1)
}

/// Two independent multiplications, folded, for each eight bytes.
struct Mixer {
    high: u64,
    low: u64,
    word: u64,
    filled: u32,
}

impl Mixer {
    fn mix(&mut self) {
        self.high = fold(self.high ^ self.word, 0xa076_1d64_78bd_642f) ^ self.low.rotate_left(23);
        self.low = fold(self.low ^ self.word.rotate_left(32), 0xe703_7ed1_a0b4_28db) ^ self.word;
        (self.word, self.filled) = (0, 0);
    }

    fn push(&mut self, value: u64, bits: u32) {
        if self.filled + bits > 64 {
            self.mix();
        }
        self.word |= value << self.filled;
        self.filled += bits;
    }
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    let [high, low] =
        [product >> 64, product & u128::from(u64::MAX)].map(|half| u64::try_from(half).unwrap_or_default());
    high ^ low
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.push(u64::from(value), 8);
    }

    fn write_u16(&mut self, value: u16) {
        self.push(u64::from(value), 16);
    }

    /// The variant of an enum; ours are few.
    fn write_isize(&mut self, value: isize) {
        self.write_u8(value.to_le_bytes()[0]);
    }

    /// The length of an array, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.high
    }
}

/// A set with open addressing: half of what the standard one would take, and no order that could differ between runs.
pub(crate) struct Seen {
    places: Vec<u128>,
    filled: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self { places: vec![0; 1 << 16], filled: 0 }
    }
}

impl Seen {
    /// False if it was there.
    pub(crate) fn insert(&mut self, fingerprint: u128) -> bool {
        if self.filled * 4 > self.places.len() * 3 {
            self.grow();
        }
        let is_new = self.place(fingerprint);
        self.filled += usize::from(is_new);
        is_new
    }

    fn place(&mut self, fingerprint: u128) -> bool {
        let mask = self.places.len() - 1;
        let mut at = fingerprint as usize & mask;
        while self.places[at] != 0 && self.places[at] != fingerprint {
            at = (at + 1) & mask;
        }
        let is_new = self.places[at] == 0;
        self.places[at] = fingerprint;
        is_new
    }

    fn grow(&mut self) {
        let larger = vec![0; self.places.len() * 2];
        for fingerprint in std::mem::replace(&mut self.places, larger) {
            if fingerprint != 0 {
                self.place(fingerprint);
            }
        }
    }
}
