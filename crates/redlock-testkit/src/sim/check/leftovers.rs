//! Nothing is left behind: on each way to a node, what was planted and given up was also released.
//!
//! It judges by what was sent, so that a leftover is found though its ttl is short. That a release is lost, or that a new
//! connection lets it overtake, is the network's fault; that it is not repeated while the key stands is the library's.

use std::collections::BTreeMap;
use std::time::Duration;

use redlock_core::{Answer, Command, LockCommand, LockReply, LockValue};

use super::{Checker, Violation};
use crate::{Delivery, Outcome};

/// Between two repeats of a release that is not answered.
const RETRY: Duration = Duration::from_millis(200);
/// After a release that was answered, and may have overtaken what it was to remove.
const AGAIN: Duration = Duration::from_secs(1);
/// For timers, and for steps from task to task.
const ROUNDING: Duration = Duration::from_millis(10);

/// What is known of a way.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Way<'a> {
    pub(in crate::sim) name: &'a str,
    pub(in crate::sim) node_timeout: Duration,
    /// When its process was stopped, and until when.
    pub(in crate::sim) stops: &'a [(Duration, Duration)],
    /// Whether its node may have forgotten meanwhile what was planted: then no repeat is asked for.
    pub(in crate::sim) forgets: bool,
}

/// What became of one value on one way to a node.
#[derive(Debug, Default)]
struct Trace {
    planted: Option<Sent>,
    lasts: Duration,
    /// At least so long; a node's clock is fast by a fifth at most.
    stands_until: Duration,
    releases: Vec<(Sent, bool)>,
    /// A release has removed it, and it was planted again by what an older connection carried: after a re-plant, the library
    /// takes the removal for the end of it.
    removed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Duration,
    connection: u64,
}

/// What one way left on its node, of all that `must_go`. The log is complete, and in the order in which the node
/// executed.
pub(in crate::sim) fn check(
    way: &Way<'_>,
    log: &[Delivery],
    must_go: impl Fn(&LockValue) -> bool,
) -> Vec<Violation> {
    let mut traces: BTreeMap<&[u8], (&LockValue, Trace)> = BTreeMap::new();
    let mut sent = Vec::new();
    for delivery in log {
        let Command::Lock(command) = &delivery.command else { continue };
        if matches!(command, LockCommand::Release(_)) {
            sent.push(delivery.sent);
        }
        for value in values(command) {
            let (_, trace) = traces.entry(value.as_bytes()).or_insert_with(|| (value, Trace::default()));
            trace.follow(command, delivery);
        }
    }
    sent.sort_unstable();
    let given_up = traces.into_values().filter(|(value, _)| must_go(value));
    let found = given_up.filter_map(|(value, trace)| Some((value, trace.wrong(way, &sent)?)));
    let violation = |(value, (at, what)): (&LockValue, (Duration, String))| {
        let what = format!("{}: {} was planted, and {what}", way.name, short(value));
        Violation::new(Checker::Leftovers, at, what)
    };
    found.map(violation).collect()
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
                self.removed |= removes(&delivery.outcome);
                self.releases.push((sent, true));
            }
            LockCommand::Release(_) => self.releases.push((sent, false)),
            _ if plants(&delivery.outcome) => {
                self.planted = Some(sent);
                self.lasts = ttl(command);
                self.stands_until = delivery.at.saturating_add(self.lasts.saturating_mul(5) / 6);
            }
            _ => {}
        }
    }

    /// `sent` is when any release was sent on this way: of many that are not answered, one is repeated.
    fn wrong(&self, way: &Way<'_>, sent: &[Duration]) -> Option<(Duration, String)> {
        let planted = self.planted?;
        let behind = |(release, _): &&(Sent, bool)| release.at >= planted.at;
        let lost = self.releases.iter().filter(behind).find(|(_, arrived)| !arrived);
        let overtook =
            |(release, arrived): &&(Sent, bool)| *arrived && release.connection != planted.connection;
        let overtook = self.releases.iter().filter(behind).find(overtook);
        let (from, pause) = match (lost, overtook) {
            (None, None) => return Some((planted.at, "no release sent after it".to_owned())),
            (Some((lost, _)), None) => (lost.at, RETRY),
            (_, Some((overtook, _))) => (overtook.at, AGAIN),
        };
        let pause = pause.saturating_add(way.node_timeout.saturating_mul(4)).saturating_add(ROUNDING);
        // Nor longer than the lease would have lasted, had it been granted with the release.
        let first = self.releases.iter().map(|(release, _)| release.at).min().unwrap_or(from);
        let until = self.stands_until.min(first.saturating_add(self.lasts));
        let until = if way.forgets || self.removed { from } else { until };
        let repeats = sent.iter().copied().filter(|at| (from..until).contains(at));
        let times: Vec<_> = std::iter::once(from).chain(repeats).chain([until]).collect();
        let silent = times.windows(2).find_map(|pair| {
            let [last, next] = *pair else { return None };
            (next.saturating_sub(last).saturating_sub(way.stopped(last, next)) > pause).then_some(last)
        })?;
        Some((silent, format!("no release repeated from {silent:?} until {until:?}")))
    }
}

impl Way<'_> {
    fn stopped(&self, from: Duration, until: Duration) -> Duration {
        self.stops.iter().map(|(begin, end)| (*end).min(until).saturating_sub((*begin).max(from))).sum()
    }
}

fn ttl(command: &LockCommand) -> Duration {
    match command {
        LockCommand::Acquire(acquire) => acquire.ttl.as_duration(),
        LockCommand::RePlant(re_plant) => re_plant.ttl.as_duration(),
        _ => Duration::ZERO,
    }
}

fn removes(outcome: &Outcome) -> bool {
    let (Outcome::Answered(Answer::Lock(reply)) | Outcome::AnswerLost(Answer::Lock(reply))) = outcome else {
        return false;
    };
    matches!(reply, LockReply::Released(released) if released.removed > 0)
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
        check(&WAY, log, |_| true).len()
    }

    const WAY: Way<'_> =
        Way { name: "c0-n0", node_timeout: Duration::from_millis(5), stops: &[], forgets: false };

    /// hazard: 6
    #[test]
    fn a_grant_that_nobody_releases_is_found() {
        assert_eq!(found(&[grant(1, 0)]), 1);
        assert_eq!(found(&[release(0, 0, true), grant(1, 0)]), 1);
        assert!(check(&WAY, &[grant(1, 0)], |_| false).is_empty(), "a lock that is held must not go");
    }

    #[test]
    fn a_release_that_arrived_is_none() {
        assert_eq!(found(&[grant(1, 0), release(2, 0, true)]), 0);
    }

    #[test]
    fn a_release_that_was_lost_must_be_repeated_while_the_key_stands() {
        let lost = [grant(1, 0), release(2, 0, false)];
        assert_eq!(found(&lost), 1);
        let repeats: Vec<_> = (1..5).map(|turn| release(2 + turn * 205, 0, false)).collect();
        assert_eq!(found(&[lost.to_vec(), repeats.clone()].concat()), 0);
        assert_eq!(found(&[lost.to_vec(), repeats[1..].to_vec()].concat()), 1);
        let stopped = Way { stops: &[(ms(100), ms(320))], ..WAY };
        assert!(check(&stopped, &[lost.to_vec(), repeats[1..].to_vec()].concat(), |_| true).is_empty());
    }

    /// The key has a second, and that is when it would be repeated.
    #[test]
    fn a_release_that_overtook_is_none() {
        assert_eq!(found(&[release(2, 1, true), grant(1, 0)]), 0);
    }
}
