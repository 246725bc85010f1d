//! Whether a node's granting votes count: the decision, without I/O and without a clock.

use std::time::Duration;

use crate::mutants::{self, Mutant};
use crate::{Description, Durability, Marker, RestartGuard, Role, WithheldReason};

/// What is known of a node when it is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// What it said of itself over its present connection.
    pub(super) description: &'a Description,
    /// Its marker, read over the same connection.
    pub(super) marker: Option<&'a Marker>,
    /// For how long this process has seen this run take writes and keep its data.
    pub(super) watched: Duration,
    /// How old the run can be at most: its predecessor was heard of so long ago.
    pub(super) at_most: Option<Duration>,
    /// A marker of this run was seen, and is gone or another: what stood beside it may be gone too.
    pub(super) emptied: bool,
}

/// What a node's grants are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Its marker names its present run: whoever wrote it knew that nothing was forgotten.
    Member,
    /// Durable: its data, the marker among it, has survived. Counts when it is marked.
    Survivor,
    /// Older than every lease that it can have forgotten. Counts when it is marked.
    Old,
    /// It may have forgotten a lease that lives.
    Blank(Blank),
}

/// A node whose grants do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blank {
    pub(super) reason: WithheldReason,
    /// Until they count, where time alone decides.
    pub(super) remaining: Option<Duration>,
}

impl Blank {
    /// Whether it may be one that was never in use, as all of a fresh deployment are.
    pub(super) fn may_be_fresh(self) -> bool {
        matches!(self.reason, WithheldReason::Restarted { .. })
    }
}

/// Judges one node; `hold_off` is the time after which nothing that it may have forgotten is still held.
pub(super) fn judge(guard: RestartGuard, facts: Facts<'_>, hold_off: Duration) -> Judgement {
    if forgives(facts) {
        return Judgement::Member;
    }
    let said = facts.description;
    let wait = |reason, age: Duration| match hold_off.checked_sub(age).filter(|rest| !rest.is_zero()) {
        None => Judgement::Old,
        remaining => Judgement::Blank(Blank { reason, remaining }),
    };
    if said.run_id.is_none() {
        return wait(WithheldReason::Unidentified, facts.watched);
    }
    if said.role == Some(Role::Replica) {
        return Judgement::Blank(Blank { reason: WithheldReason::Replica, remaining: None });
    }
    if facts.emptied {
        return wait(WithheldReason::Emptied, facts.watched);
    }
    let by_marker = guard == RestartGuard::Member;
    if by_marker && facts.marker.is_some_and(|marker| is_of_present_run(said, marker)) {
        return Judgement::Member;
    }
    // Replication is asynchronous: neither its disk nor its age says what a replica had when it was promoted.
    if said.role == Some(Role::Promoted) {
        return wait(WithheldReason::Promoted, facts.watched);
    }
    if by_marker && survived(said, facts.marker) {
        return Judgement::Survivor;
    }
    wait(WithheldReason::Restarted { uptime: age(facts) }, age(facts).unwrap_or(facts.watched))
}

/// Whether the marker is of this run of the node's process, and of this part of it in the replication. A master that was a replica
/// in between is the same process. Otherwise its replication id says nothing: it also changes when the first replica comes.
pub(super) fn is_of_present_run(said: &Description, marker: &Marker) -> bool {
    match said.role {
        Some(Role::Promoted) => said.run().as_ref() == Some(&marker.run_id),
        Some(Role::Master | Role::Replica) | None => is_of_process(said, &marker.run_id),
    }
}

/// Whether that run is of this process, whatever its part in the replication.
pub(super) fn is_of_process(said: &Description, run: &str) -> bool {
    let rest = said.run_id.as_deref().and_then(|run_id| run.strip_prefix(run_id));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Every acknowledged write was on the disk when the marker was written and is so now, with no replica that could take the node's
/// place, its marker with it; and the marker is still there.
pub(super) fn survived(said: &Description, marker: Option<&Marker>) -> bool {
    let always = Some(Durability::Always);
    said.role != Some(Role::Promoted)
        && said.survival() == always
        && marker.is_some_and(|marker| marker.durability == always)
}

/// How old the run is at least, by its own clock, by when its predecessor was last heard of, and by how long it was seen.
/// A wall clock that is set makes an uptime wrong: then this process's own clock knows better.
fn age(facts: Facts<'_>) -> Option<Duration> {
    let told = facts.description.uptime?;
    let told = facts.at_most.map_or(told, |at_most| told.min(at_most));
    Some(told.max(facts.watched))
}

/// The deliberate defects.
fn forgives(facts: Facts<'_>) -> bool {
    let seen_to_restart = facts.at_most.is_some();
    mutants::active(Mutant::ForgetfulNodesCount)
        || mutants::active(Mutant::ObservedRestartsOnly) && !seen_to_restart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeId, Ttl};

    const HOLD_OFF: Duration = Duration::from_secs(10);

    fn said(uptime: u64) -> Description {
        Description {
            run_id: Some("this".to_owned()),
            uptime: Some(Duration::from_secs(uptime)),
            role: Some(Role::Master),
            durability: Some(Durability::Nothing),
            ..Description::default()
        }
    }

    fn marker(run: &str, durability: Durability) -> Marker {
        let node_id = NodeId::from_random([1; 16]);
        Marker { run_id: run.to_owned(), node_id, max_ttl: Ttl::SECOND, durability: Some(durability) }
    }

    fn facts<'a>(description: &'a Description, marker: Option<&'a Marker>) -> Facts<'a> {
        Facts { description, marker, watched: Duration::ZERO, at_most: None, emptied: false }
    }

    fn member(description: &Description, marker: Option<&Marker>) -> Judgement {
        judge(RestartGuard::Member, facts(description, marker), HOLD_OFF)
    }

    fn blank(reason: WithheldReason, remaining: u64) -> Judgement {
        Judgement::Blank(Blank { reason, remaining: Some(Duration::from_secs(remaining)) })
    }

    fn restarted(uptime: u64) -> WithheldReason {
        WithheldReason::Restarted { uptime: Some(Duration::from_secs(uptime)) }
    }

    /// hazard: 13
    #[test]
    fn a_young_node_counts_only_with_a_marker_of_its_run() {
        assert_eq!(member(&said(3), None), blank(restarted(3), 7));
        assert_eq!(member(&said(3), Some(&marker("this", Durability::Nothing))), Judgement::Member);
        assert_eq!(member(&said(10), None), Judgement::Old);
    }

    /// hazard: 16
    #[test]
    fn a_marker_of_an_earlier_run_says_nothing_but_where_every_write_was_on_the_disk() {
        let mut always = said(0);
        always.durability = Some(Durability::Always);
        let old = |durability| marker("earlier", durability);
        assert_eq!(member(&said(0), Some(&old(Durability::Partial))), blank(restarted(0), 10));
        assert_eq!(member(&always, Some(&old(Durability::Partial))), blank(restarted(0), 10));
        assert_eq!(member(&said(0), Some(&old(Durability::Always))), blank(restarted(0), 10));
        assert_eq!(member(&always, None), blank(restarted(0), 10), "its data is gone, disk or not");
        assert_eq!(member(&always, Some(&old(Durability::Always))), Judgement::Survivor);
        always.replicas = Some(1);
        let replicated = member(&always, Some(&old(Durability::Always)));
        assert_eq!(replicated, blank(restarted(0), 10), "it may be the one that was promoted meanwhile");
    }

    /// hazard: 15
    #[test]
    fn neither_age_nor_disk_speaks_for_a_promoted_replica() {
        let mut promoted = said(1_000);
        (promoted.role, promoted.durability) = (Some(Role::Promoted), Some(Durability::Always));
        let masters = marker("the master's", Durability::Always);
        assert_eq!(member(&promoted, Some(&masters)), blank(WithheldReason::Promoted, 10));
        let watched = Facts { watched: HOLD_OFF, ..facts(&promoted, Some(&masters)) };
        assert_eq!(judge(RestartGuard::Member, watched, HOLD_OFF), Judgement::Old);
        let own = marker("this", Durability::Always);
        assert_eq!(member(&promoted, Some(&own)), Judgement::Member, "somebody has waited already");
        promoted.replication_id = Some("its second".to_owned());
        let first = marker("this.its first", Durability::Always);
        assert_eq!(
            member(&promoted, Some(&first)),
            blank(WithheldReason::Promoted, 10),
            "a replica in between"
        );
        promoted.role = Some(Role::Master);
        assert_eq!(member(&promoted, Some(&first)), Judgement::Member, "its first replica came");
        promoted.role = Some(Role::Replica);
        let replica = Blank { reason: WithheldReason::Replica, remaining: None };
        assert_eq!(member(&promoted, Some(&own)), Judgement::Blank(replica));
    }

    /// hazard: 17
    #[test]
    fn a_node_that_was_emptied_waits_although_it_is_old_and_marked_again() {
        let (said, own) = (said(1_000), marker("this", Durability::Nothing));
        let emptied = |watched| Facts { emptied: true, watched, ..facts(&said, Some(&own)) };
        let after = |secs| judge(RestartGuard::Member, emptied(Duration::from_secs(secs)), HOLD_OFF);
        assert_eq!(after(4), blank(WithheldReason::Emptied, 6));
        assert_eq!(after(10), Judgement::Old);
    }

    #[test]
    fn a_node_that_does_not_tell_its_run_waits_after_each_connection() {
        let unknown = Description::default();
        assert_eq!(member(&unknown, None), blank(WithheldReason::Unidentified, 10));
        let watched = Facts { watched: HOLD_OFF, ..facts(&unknown, None) };
        assert_eq!(judge(RestartGuard::Member, watched, HOLD_OFF), Judgement::Old);
    }

    #[test]
    fn strict_goes_by_age_alone() {
        let mut always = said(3);
        always.durability = Some(Durability::Always);
        let own = marker("this", Durability::Always);
        let strict = |said: &Description| judge(RestartGuard::Strict, facts(said, Some(&own)), HOLD_OFF);
        assert_eq!(strict(&always), blank(restarted(3), 7));
        assert_eq!(strict(&said(10)), Judgement::Old);
    }

    /// The uptime of a server goes by its wall clock.
    /// hazard: 22
    #[test]
    fn a_clock_that_is_set_makes_no_run_older_than_its_predecessors_end() {
        let said = said(3_600);
        let seen = Facts { at_most: Some(Duration::from_secs(2)), ..facts(&said, None) };
        assert_eq!(judge(RestartGuard::Member, seen, HOLD_OFF), blank(restarted(2), 8));
        let mut back = said.clone();
        back.uptime = None;
        let reason = WithheldReason::Restarted { uptime: None };
        assert_eq!(member(&back, None), blank(reason, 10), "before its own start");
        let watched = Facts { watched: HOLD_OFF, ..facts(&back, None) };
        assert_eq!(judge(RestartGuard::Member, watched, HOLD_OFF), Judgement::Old);
    }

    #[test]
    fn only_a_node_that_is_young_may_be_fresh() {
        let fresh = |judgement| matches!(judgement, Judgement::Blank(blank) if blank.may_be_fresh());
        assert!(fresh(member(&said(0), None)));
        assert!(!fresh(member(&Description::default(), None)), "it may be in use under another run");
    }
}
