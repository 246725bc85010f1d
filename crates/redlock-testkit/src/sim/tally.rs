//! What only the links saw: losses, late grants, reordering.

use std::collections::BTreeMap;
use std::time::Duration;

use redlock_core::{Answer, Command, LockCommand, LockReply};

use super::journal::LeaseRecord;
use super::rare::{Counters, Rare};
use crate::{Delivery, Outcome};

/// Counts what one way met, and gives the number of its faults.
pub(super) fn way(log: &[Delivery], leases: &[LeaseRecord], counters: &mut Counters) -> u32 {
    let won: BTreeMap<_, _> = leases.iter().map(|lease| (lease.value.as_bytes(), lease.won_at)).collect();
    let lost = given_up(log);
    for (value, at) in log.iter().filter_map(granted) {
        if won.get(value).is_some_and(|won_at| at > *won_at) {
            counters.add(Rare::LateGrantAfterWin, 1);
        } else if !won.contains_key(value) && lost.get(value).is_some_and(|lost_at| at > *lost_at) {
            counters.add(Rare::LateGrantAfterLoss, 1);
        }
    }
    let overtaken = log.windows(2).filter(|pair| {
        matches!(pair, [first, second] if second.connection < first.connection && first.executed() && second.executed())
    });
    counters.add(Rare::Reordering, u64::try_from(overtaken.count()).unwrap_or(0));
    faults(log)
}

fn granted(delivery: &Delivery) -> Option<(&[u8], Duration)> {
    let Command::Lock(LockCommand::Acquire(acquire)) = &delivery.command else { return None };
    let (Outcome::Answered(answer) | Outcome::AnswerLost(answer)) = &delivery.outcome else { return None };
    let granted = matches!(answer, Answer::Lock(LockReply::Granted(_)));
    granted.then(|| (acquire.value.as_bytes(), delivery.at))
}

/// When each value's first release was sent.
fn given_up(log: &[Delivery]) -> BTreeMap<&[u8], Duration> {
    let mut first = BTreeMap::new();
    for delivery in log {
        let Command::Lock(LockCommand::Release(release)) = &delivery.command else { continue };
        for value in &release.values {
            let at: &mut Duration = first.entry(value.as_bytes()).or_insert(delivery.sent);
            *at = delivery.sent.min(*at);
        }
    }
    first
}

fn faults(log: &[Delivery]) -> u32 {
    let losses = log.iter().filter(|delivery| !matches!(delivery.outcome, Outcome::Answered(_))).count();
    let connections = log.iter().map(|delivery| delivery.connection).max().unwrap_or(0);
    u32::try_from(losses).unwrap_or(u32::MAX).saturating_add(u32::try_from(connections).unwrap_or(u32::MAX))
}
