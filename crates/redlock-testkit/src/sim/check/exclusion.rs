//! Mutual exclusion, by what each holder itself believed.

use super::{Checker, Violation};
use crate::sim::belief::Belief;

/// A holder and what it believed to hold.
pub(in crate::sim) struct Holding<'a> {
    pub(in crate::sim) holder: String,
    pub(in crate::sim) resources: &'a [String],
    pub(in crate::sim) belief: &'a Belief,
}

/// Every pair of holders that believed at the same time to hold one resource.
pub(in crate::sim) fn check(holdings: &[Holding<'_>]) -> Vec<Violation> {
    let pairs = holdings.iter().enumerate().flat_map(|(index, first)| {
        holdings.iter().skip(index.saturating_add(1)).map(move |second| (first, second))
    });
    pairs.filter_map(|(first, second)| clash(first, second)).collect()
}

fn clash(first: &Holding<'_>, second: &Holding<'_>) -> Option<Violation> {
    let resource = first.resources.iter().find(|resource| second.resources.contains(resource))?;
    let spans = first.belief.spans().flat_map(|one| second.belief.spans().map(move |other| (one, other)));
    let (one, other) = spans.into_iter().find(|(one, other)| one.overlaps(*other))?;
    let what = format!(
        "{} held {resource} from {:?} to {:?}, and {} from {:?} to {:?}",
        first.holder, one.from, one.until, second.holder, other.from, other.until,
    );
    Some(Violation::new(Checker::Exclusion, one.from.max(other.from), what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::schedule::millis as ms;

    fn found(first: (u64, u64, &str), second: (u64, u64, &str)) -> usize {
        let all = [first, second].map(|(from, until, name)| {
            (vec![name.to_owned(), "z".to_owned()], Belief::new(ms(from), ms(until)))
        });
        let holdings: Vec<_> = all
            .iter()
            .map(|(resources, belief)| Holding {
                holder: "c".to_owned(),
                resources: resources.get(..1).unwrap_or_default(),
                belief,
            })
            .collect();
        check(&holdings).len()
    }

    #[test]
    fn two_holders_at_once_are_found() {
        assert_eq!(found((0, 10, "a"), (9, 20, "a")), 1);
    }

    #[test]
    fn holders_after_each_other_or_of_other_resources_are_none() {
        assert_eq!(found((0, 10, "a"), (10, 20, "a")), 0);
        assert_eq!(found((0, 10, "a"), (5, 20, "b")), 0);
    }
}
