//! Nothing is left behind: on each way to a node, what was planted and given up was also released.
//!
//! It judges by what was sent, so that a leftover is found though its ttl is short. A release that was sent and lost, or
//! that a new connection let overtake, is the network's fault.

use std::collections::BTreeMap;
use std::time::Duration;

use redlock_core::{Answer, Command, LockCommand, LockReply, LockValue};

use super::{Checker, Violation};
use crate::{Delivery, Outcome};

/// What became of one value on one way to a node.
#[derive(Debug, Default)]
struct Trace {
    planted: Option<Sent>,
    releases: Vec<(Sent, bool)>,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Duration,
    connection: u64,
}

/// What one way left on its node, of all that `must_go`. The log is complete, and in the order in which the node
/// executed.
pub(in crate::sim) fn check(
    way: &str,
    log: &[Delivery],
    must_go: impl Fn(&LockValue) -> bool,
) -> Vec<Violation> {
    let mut traces: BTreeMap<&[u8], (&LockValue, Trace)> = BTreeMap::new();
    for delivery in log {
        let Command::Lock(command) = &delivery.command else { continue };
        for value in values(command) {
            let (_, trace) = traces.entry(value.as_bytes()).or_insert_with(|| (value, Trace::default()));
            trace.follow(command, delivery);
        }
    }
    let left = traces.into_values().filter(|(value, trace)| trace.is_left() && must_go(value));
    left.map(|(value, trace)| {
        let at = trace.planted.map_or(Duration::ZERO, |planted| planted.at);
        let what = format!("{way}: {} was planted, and no release sent after it", short(value));
        Violation::new(Checker::Leftovers, at, what)
    })
    .collect()
}

fn values(command: &LockCommand) -> &[LockValue] {
    match command {
        LockCommand::Acquire(acquire) => std::slice::from_ref(&acquire.value),
        LockCommand::RePlant(re_plant) => std::slice::from_ref(&re_plant.value),
        LockCommand::Release(release) => &release.values,
        _ => &[],
    }
}

/// Enough of a value to tell it from the others.
pub(in crate::sim) fn short(value: &LockValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).chars().take(4).collect()
}

impl Trace {
    fn follow(&mut self, command: &LockCommand, delivery: &Delivery) {
        let sent = Sent { at: delivery.sent, connection: delivery.connection };
        match command {
            LockCommand::Release(_) if delivery.executed() => {
                self.planted = None;
                self.releases.push((sent, true));
            }
            LockCommand::Release(_) => self.releases.push((sent, false)),
            _ if plants(&delivery.outcome) => self.planted = Some(sent),
            _ => {}
        }
    }

    fn is_left(&self) -> bool {
        let Some(planted) = self.planted else { return false };
        let excuse = |(release, arrived): &(Sent, bool)| {
            release.at >= planted.at && (!arrived || release.connection != planted.connection)
        };
        !self.releases.iter().any(excuse)
    }
}

fn plants(outcome: &Outcome) -> bool {
    let (Outcome::Answered(Answer::Lock(reply)) | Outcome::AnswerLost(Answer::Lock(reply))) = outcome else {
        return false;
    };
    matches!(reply, LockReply::Granted(_) | LockReply::RePlanted(true))
}

#[cfg(test)]
mod tests {
    use redlock_core::{Acquire, FaultKind, Grant, Key, Keys, Release, Released, Ttl};

    use super::*;
    use crate::sim::schedule::millis as ms;

    fn entry(sent: u64, connection: u64, command: LockCommand, outcome: Outcome) -> Delivery {
        Delivery { at: ms(sent), sent: ms(sent), connection, command: command.into(), outcome }
    }

    fn keys() -> Keys {
        Keys::of(Key::new("a"))
    }

    fn value() -> LockValue {
        LockValue::from_bytes(*b"mine")
    }

    fn grant(sent: u64, connection: u64) -> Delivery {
        let reply = Answer::Lock(LockReply::Granted(Grant::new()));
        let command = LockCommand::Acquire(Acquire::new(keys(), value(), Ttl::SECOND));
        entry(sent, connection, command, Outcome::AnswerLost(reply))
    }

    fn release(sent: u64, connection: u64, arrives: bool) -> Delivery {
        let reply = Answer::Lock(LockReply::Released(Released::default()));
        let outcome = if arrives { Outcome::Answered(reply) } else { Outcome::Failed(FaultKind::Closed) };
        entry(sent, connection, LockCommand::Release(Release::new(keys(), value())), outcome)
    }

    fn found(log: &[Delivery]) -> usize {
        check("c0-n0", log, |_| true).len()
    }

    /// hazard: 6
    #[test]
    fn a_grant_that_nobody_releases_is_found() {
        assert_eq!(found(&[grant(1, 0)]), 1);
        assert_eq!(found(&[release(0, 0, true), grant(1, 0)]), 1);
        assert!(check("c0-n0", &[grant(1, 0)], |_| false).is_empty(), "a lock that is held must not go");
    }

    #[test]
    fn a_release_that_arrived_or_was_lost_or_overtook_is_none() {
        assert_eq!(found(&[grant(1, 0), release(2, 0, true)]), 0);
        assert_eq!(found(&[grant(1, 0), release(2, 0, false)]), 0);
        assert_eq!(found(&[release(2, 1, true), grant(1, 0)]), 0);
    }
}
