//! Fencing tokens: numbers that rise with every fenced lock of a resource.

use std::fmt;
use std::num::NonZeroU64;

/// The number of a fenced lock: greater than that of every fenced lock of the same resource that ended before it was acquired.
///
/// A store that keeps the greatest token it has seen, and refuses a smaller one, is safe from a holder that lost its lock
/// without noticing. It must take note of the token at the first contact with a holder, when it *reads* too: a token that it has
/// not seen keeps nobody out.
///
/// From 1 to 2^53 − 1, so that every language and every script has it exactly, usually sixteen digits: it begins with the wall
/// clock, in microseconds. Nothing but its order means anything, and numbers are left out.
///
/// ```
/// use redlock_core::FencingToken;
/// let token = FencingToken::new(1_763_793_226_000_001).expect("in range");
/// assert!(token > FencingToken::MIN && token < FencingToken::MAX);
/// assert_eq!(token.to_string(), "1763793226000001");
/// assert_eq!(FencingToken::new(1 << 53), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u64", into = "u64"))]
pub struct FencingToken(NonZeroU64);

impl FencingToken {
    /// The least token: 1.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// The greatest: 2^53 − 1, the last of the whole numbers that a double holds one by one.
    pub const MAX: Self = Self(NonZeroU64::MIN.saturating_add((1 << 53) - 2));

    /// The token with that number; `None` for 0 and from 2^53 on.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(whole) if number <= Self::MAX.get() => Some(Self(whole)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The next greater token; `None` after [`MAX`](Self::MAX).
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::new(self.get().saturating_add(1))
    }
}

/// A number that is no [`FencingToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no fencing token: it must be at least 1 and below 2^53")]
pub struct FencingTokenError(u64);

impl TryFrom<u64> for FencingToken {
    type Error = FencingTokenError;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        Self::new(number).ok_or(FencingTokenError(number))
    }
}

impl From<FencingToken> for u64 {
    fn from(token: FencingToken) -> Self {
        token.get()
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FencingToken({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// hazard: 28
    #[test]
    fn a_token_is_a_whole_number_that_a_double_holds() {
        assert_eq!(FencingToken::new(0), None);
        assert_eq!(FencingToken::new(1), Some(FencingToken::MIN));
        assert_eq!(FencingToken::new((1 << 53) - 1), Some(FencingToken::MAX));
        assert_eq!(FencingToken::new(1 << 53), None);
        assert_eq!(FencingToken::MAX.next(), None);
        assert_eq!(FencingToken::MIN.next(), FencingToken::new(2));
        let error = FencingToken::try_from(u64::MAX).expect_err("out of range");
        assert!(error.to_string().contains("18446744073709551615"), "{error}");
    }
}
