//! The marker and the sets of nodes: a node in memory and every server answer alike.

use std::time::Duration;

use redlock_core::{
    AdminCommand, AdminReply, Announce, AnnouncedSet, Backend, Claim, Command, Durability, Marker, NodeId,
    NodeSet, Ttl,
};
use redlock_memory::MemoryNode;
use redlock_tests::one_of_each;

use super::support::*;

/// The same commands in the same order. Nothing expires in between.
#[tokio::test]
async fn a_node_in_memory_answers_as_every_real_server_does() {
    for server in one_of_each() {
        let (memory, redis) = (MemoryNode::new("memory"), node(&server));
        for step in 0..STEPS {
            let in_memory = run(&memory, step).await;
            let on_server = run(&redis, step).await;
            assert_eq!(in_memory, on_server, "step {step} on {}", server.edition().expect("an edition"));
        }
    }
}

const STEPS: u64 = 200;

/// Steps that follow from their number, the same for each backend but for the name of its run.
async fn run(node: &dyn Backend, step: u64) -> String {
    let run_id = description_of(node).await.run().expect("a run");
    let dice = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let id = |salt: u64| NodeId::from_random([u8::try_from((dice >> salt) % 5).expect("small"); 16]);
    let durability = [Some(Durability::Always), Some(Durability::Partial), Some(Durability::Nothing), None];
    let command = match dice % 6 {
        0 => AdminCommand::ReadMember,
        4 | 5 => {
            let claim = Claim::new(if dice.is_multiple_of(7) { "another" } else { &run_id }, id(3));
            AdminCommand::Claim(if dice.is_multiple_of(5) { claim.given_up() } else { claim })
        }
        1 | 2 => {
            let run_id = if dice.is_multiple_of(7) { "another" } else { &run_id };
            let durability = durability[usize::try_from(dice / 6 % 4).expect("small")];
            AdminCommand::Mark(Marker::new(run_id, id(3), ttl(1 + dice % 1_000), durability))
        }
        _ => {
            let hold = ttl(60_000 * (1 + dice % 3));
            AdminCommand::Announce(Announce::new(NodeSet::new([id(3), id(5), id(9)], 2), hold))
        }
    };
    let reply = node.execute(&Command::Admin(command), within(AMPLE)).await.expect("a reply");
    match reply.into_admin().expect("admin") {
        AdminReply::Member(membership) => {
            let claims = membership.claims.iter().filter(|run| **run == run_id).count();
            format!("{:?} {:?} {claims}", plain(membership.marker, &run_id), rounded(membership.sets))
        }
        AdminReply::Claimed(noted) => noted.to_string(),
        AdminReply::Marked(marker) => format!("{:?}", plain(marker, &run_id)),
        AdminReply::Announced(sets) => format!("{:?}", rounded(sets)),
        other => panic!("{other:?}"),
    }
}

fn plain(marker: Option<Marker>, run_id: &str) -> Option<(bool, NodeId, Ttl, Option<Durability>)> {
    marker.map(|marker| (marker.run_id == run_id, marker.node_id, marker.max_ttl, marker.durability))
}

/// In order, and to the next minute: no run takes longer than one.
fn rounded(sets: Vec<AnnouncedSet>) -> Vec<(NodeSet, u64)> {
    let minutes = |rest: Duration| rest.as_millis().div_ceil(60_000);
    let round = |one: AnnouncedSet| (one.set, u64::try_from(minutes(one.remaining)).expect("minutes"));
    let mut sets: Vec<_> = sets.into_iter().map(round).collect();
    sets.sort();
    sets
}

async fn description_of(node: &dyn Backend) -> redlock_core::Description {
    let reply = node.execute(&Command::Admin(AdminCommand::Describe), within(AMPLE)).await;
    match reply.expect("a reply").into_admin().expect("admin") {
        AdminReply::Described(description) => *description,
        other => panic!("{other:?}"),
    }
}
