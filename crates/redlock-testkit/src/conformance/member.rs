//! What a node keeps about its deployment: the marker, and the sets of nodes in use.

use std::time::Duration;

use redlock_core::{
    AdminCommand, AdminReply, Announce, AnnouncedSet, Capabilities, Claim, Durability, Marker, Membership,
    NodeSet, Ttl,
};

use super::admin::{claimed, describe};
use super::bench::{Bench, SHORT, Stop, checks, ensure, same, ttl};

checks!("member":
    a_claim_is_read_until_it_is_given_up_or_the_node_is_marked,
    a_marker_of_another_run_is_not_written,
    a_marker_is_read_as_it_was_written,
    a_marker_keeps_its_identity_and_its_longest_ttl,
    an_announced_set_is_told_to_others_until_its_time_is_over,
    an_announcement_never_shortens_another,
);

async fn a_marker_of_another_run_is_not_written(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    let before = read(bench).await?.marker;
    let mut stranger = marker(bench, Ttl::SECOND).await?;
    "another".clone_into(&mut stranger.run_id);
    same("another run", &mark(bench, stranger).await?, &None)?;
    same("the marker", &read(bench).await?.marker, &before)
}

async fn a_marker_is_read_as_it_was_written(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    for durability in [Some(Durability::Always), Some(Durability::Partial), Some(Durability::Nothing), None] {
        let mut marker = marker(bench, Ttl::SECOND).await?;
        marker.durability = durability;
        let written = mark(bench, marker.clone()).await?;
        same("what is read", &read(bench).await?.marker, &written)?;
        let written = written.ok_or_else(|| Stop::Fail("the present run was not marked".to_owned()))?;
        same("the run", &written.run_id, &marker.run_id)?;
        same("the durability", &written.durability, &durability)?;
    }
    Ok(())
}

async fn a_marker_keeps_its_identity_and_its_longest_ttl(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    let first = mark(bench, marker(bench, Ttl::SECOND).await?).await?;
    let first = first.ok_or_else(|| Stop::Fail("the present run was not marked".to_owned()))?;
    let longer = ttl(first.max_ttl.as_duration().saturating_add(Duration::from_millis(1)))?;
    for (max_ttl, expected) in [(longer, longer), (Ttl::SECOND.min(longer), longer)] {
        let written = mark(bench, marker(bench, max_ttl).await?).await?;
        let expected = Marker::new(first.run_id.as_str(), first.node_id.clone(), expected, first.durability);
        same("the marker", &written, &Some(expected))?;
    }
    Ok(())
}

async fn a_claim_is_read_until_it_is_given_up_or_the_node_is_marked(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    let marker = marker(bench, Ttl::SECOND).await?;
    let [one, other] = [bench.node_id(), bench.node_id()].map(|id| Claim::new(&marker.run_id, id));
    let stranger = Claim::new("another", bench.node_id());
    same("a claim of another run", &claim(bench, stranger).await?, &false)?;
    if read(bench).await?.marker.is_none_or(|before| before.run_id != marker.run_id) {
        for claimed in [&one, &other] {
            same("a claim", &claim(bench, claimed.clone()).await?, &true)?;
        }
        claim(bench, one.clone().given_up()).await?;
        same("what is claimed", &read(bench).await?.claims, &vec![marker.run_id.clone()])?;
        claim(bench, other.given_up()).await?;
        same("what is claimed", &read(bench).await?.claims, &Vec::new())?;
        same("a claim", &claim(bench, one.clone()).await?, &true)?;
    }
    mark(bench, marker).await?;
    same("what is claimed of a marked run", &read(bench).await?.claims, &Vec::new())?;
    same("a claim of a marked run", &claim(bench, one).await?, &false)
}

async fn an_announced_set_is_told_to_others_until_its_time_is_over(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    let set = NodeSet::new([bench.node_id()], QUORUM);
    let told = announce(bench, &set, ttl(SHORT)?).await?;
    let stands = |sets: &[AnnouncedSet]| {
        sets.iter().any(|one| one.set == set && !one.remaining.is_zero() && one.remaining <= SHORT)
    };
    ensure(stands(&told), || format!("announced, but not told: {told:?}"))?;
    let read_back = read(bench).await?.sets;
    ensure(stands(&read_back), || format!("announced, but not read: {read_back:?}"))?;
    bench.outlive_short().await;
    let left = read(bench).await?.sets;
    ensure(left.iter().all(|one| one.set != set), || format!("its time is over: {left:?}"))
}

async fn an_announcement_never_shortens_another(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::MEMBER)?;
    let (one, other) = (NodeSet::new([bench.node_id()], QUORUM), NodeSet::new([bench.node_id()], QUORUM));
    announce(bench, &one, ttl(SHORT * 3)?).await?;
    announce(bench, &one, ttl(SHORT)?).await?;
    announce(bench, &other, ttl(SHORT)?).await?;
    bench.outlive_short().await;
    let left = read(bench).await?.sets;
    ensure(left.iter().any(|left| left.set == one), || format!("gone too early: {left:?}"))
}

/// So that no set of this run is in conflict with anybody's.
const QUORUM: usize = 1_000;

async fn marker(bench: &Bench<'_>, max_ttl: Ttl) -> Result<Marker, Stop> {
    let run_id = describe(bench).await?.run();
    let run_id = run_id.ok_or_else(|| Stop::Skip("the node does not tell its run".to_owned()))?;
    Ok(Marker::new(run_id, bench.node_id(), max_ttl, None))
}

async fn mark(bench: &Bench<'_>, marker: Marker) -> Result<Option<Marker>, Stop> {
    match bench.admin(AdminCommand::Mark(marker)).await? {
        AdminReply::Marked(marker) => Ok(marker),
        other => Err(Stop::Fail(format!("marking gave {other:?}"))),
    }
}

async fn claim(bench: &Bench<'_>, claim: Claim) -> Result<bool, Stop> {
    match bench.admin(AdminCommand::Claim(claim)).await? {
        AdminReply::Claimed(noted) => Ok(noted),
        other => Err(Stop::Fail(format!("claiming gave {other:?}"))),
    }
}

async fn read(bench: &Bench<'_>) -> Result<Membership, Stop> {
    match bench.admin(AdminCommand::ReadMember).await? {
        AdminReply::Member(membership) => Ok(membership),
        other => Err(Stop::Fail(format!("reading the marker gave {other:?}"))),
    }
}

async fn announce(bench: &Bench<'_>, set: &NodeSet, hold: Ttl) -> Result<Vec<AnnouncedSet>, Stop> {
    match bench.admin(AdminCommand::Announce(Announce::new(set.clone(), hold))).await? {
        AdminReply::Announced(sets) => Ok(sets),
        other => Err(Stop::Fail(format!("announcing gave {other:?}"))),
    }
}
