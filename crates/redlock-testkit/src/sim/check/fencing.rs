//! Fencing tokens rise.
//!
//! Of two locks of one resource that were fenced, and of which one was won after the other, the later one has the greater
//! token: whatever the wall clocks say, whichever messages were lost, and whether the earlier one was released, ran out or
//! was lost sight of. (Their leases do not overlap, which the check of exclusion sees to.) A lock that is handed on keeps its
//! token.

use std::time::Duration;

use redlock_core::FencingToken;

use super::{Checker, Violation};

/// A lock that was won, in the order of winning.
pub(in crate::sim) struct Fenced<'a> {
    pub(in crate::sim) holder: String,
    pub(in crate::sim) resources: &'a [String],
    /// The same for the same lock in other hands.
    pub(in crate::sim) value: &'a [u8],
    pub(in crate::sim) won_at: Duration,
    pub(in crate::sim) token: Option<FencingToken>,
}

pub(in crate::sim) fn check(locks: &[Fenced<'_>]) -> Vec<Violation> {
    let pairs = locks
        .iter()
        .enumerate()
        .flat_map(|(index, later)| locks.iter().take(index).map(move |earlier| (earlier, later)));
    pairs.filter_map(|(earlier, later)| wrong(earlier, later)).collect()
}

fn wrong(earlier: &Fenced<'_>, later: &Fenced<'_>) -> Option<Violation> {
    let violation = |what| Some(Violation::new(Checker::Fencing, later.won_at, what));
    if earlier.value == later.value {
        let (was, is) = (earlier.token, later.token);
        let what = || format!("{} took over the token {was:?} of {} as {is:?}", later.holder, earlier.holder);
        return if was == is { None } else { violation(what()) };
    }
    let resource = earlier.resources.iter().find(|resource| later.resources.contains(resource))?;
    let (first, second) = (earlier.token?, later.token?);
    if first < second {
        return None;
    }
    violation(format!(
        "{} got {resource} with the token {second}, after {} had it with {first} at {:?}",
        later.holder, earlier.holder, earlier.won_at
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(locks: &[(&str, &[u8], u64)]) -> usize {
        let resources: Vec<_> = locks.iter().map(|(name, ..)| vec![(*name).to_owned()]).collect();
        let locks = locks.iter().zip(&resources).map(|((_, value, token), resources)| Fenced {
            holder: "c".to_owned(),
            resources,
            value,
            won_at: Duration::ZERO,
            token: FencingToken::new(*token),
        });
        check(&locks.collect::<Vec<_>>()).len()
    }

    /// hazard: 27
    #[test]
    fn a_token_that_does_not_rise_is_found_also_over_others() {
        assert_eq!(found(&[("a", b"1", 5), ("a", b"2", 5)]), 1);
        assert_eq!(found(&[("a", b"1", 5), ("b", b"2", 7), ("a", b"3", 0), ("a", b"4", 4)]), 1);
        assert_eq!(found(&[("a", b"1", 5), ("b", b"2", 5), ("a", b"3", 6), ("b", b"4", 9)]), 0);
    }

    #[test]
    fn a_lock_that_is_handed_on_keeps_its_token() {
        assert_eq!(found(&[("a", b"1", 5), ("a", b"1", 5)]), 0);
        assert_eq!(found(&[("a", b"1", 5), ("a", b"1", 6)]), 1);
        assert_eq!(found(&[("a", b"1", 5), ("a", b"1", 0)]), 1);
    }
}
