//! Where everything random in a schedule comes from: one seed.

/// `SplitMix64`: small, fast, and every seed is as good as any other.
#[derive(Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own, so that what one part of a schedule draws does not depend on the others.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    pub(super) fn within(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least.saturating_add(self.next().checked_rem(span).unwrap_or(0))
    }

    /// As [`within`](Self::within), for the index of something.
    pub(super) fn index(&mut self, length: usize) -> usize {
        let most = u64::try_from(length).unwrap_or(u64::MAX).saturating_sub(1);
        usize::try_from(self.within(0, most)).unwrap_or(0)
    }

    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.within(1, 1000) <= per_mille
    }

    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.index(choices.len());
        choices.get(index).copied().unwrap_or_default()
    }

    /// One of the choices, each as likely as its weight says.
    pub(super) fn weighted<T: Copy + Default>(&mut self, choices: &[(u64, T)]) -> T {
        let total: u64 = choices.iter().map(|(weight, _)| weight).sum();
        let mut left = self.within(1, total.max(1));
        for (weight, choice) in choices {
            if left <= *weight {
                return *choice;
            }
            left = left.saturating_sub(*weight);
        }
        T::default()
    }
}
