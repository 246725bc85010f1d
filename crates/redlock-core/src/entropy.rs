//! Where random bits come from: the operating system, or a seed.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bits for tokens and jitter. Injected, so that a test replays from one seed.
pub trait Entropy: fmt::Debug + Send + Sync + 'static {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The source failed; no lock can be taken, since a token that can be guessed or met again protects nothing.
#[derive(Clone, Debug, thiserror::Error)]
#[error("no random bits from the operating system: {0}")]
pub struct EntropyError(String);

impl EntropyError {
    /// The error with the source's words.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// The operating system's source: the default.
///
/// ```
/// use redlock_core::{Entropy, OsEntropy};
/// let mut bytes = [0; 16];
/// OsEntropy.fill(&mut bytes)?;
/// assert_ne!(bytes, [0; 16]);
/// # Ok::<(), redlock_core::EntropyError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|error| EntropyError::new(error.to_string()))
    }
}

/// A fixed sequence (SplitMix64), for tests. Never for production: its tokens can be guessed.
///
/// ```
/// use redlock_core::{Entropy, SeededEntropy};
/// let (mut first, mut second) = ([0; 16], [0; 16]);
/// SeededEntropy::new(7).fill(&mut first)?;
/// SeededEntropy::new(7).fill(&mut second)?;
/// assert_eq!(first, second);
/// # Ok::<(), redlock_core::EntropyError>(())
/// ```
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    fn next(&self) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
        Ok(())
    }
}
