//! Commands that are dropped at random points over one connection.

use std::sync::Arc;
use std::time::Duration;

use redlock_core::{Backend, Command, KeyState, LockReply};
use redlock_tests::support::*;
use tokio::time::timeout;

use super::subjects::*;

each_client_and_cluster! {
    dropped_commands_never_shift_the_replies,
}

const TASKS: u64 = 32;
const ROUNDS: usize = 150;

/// Nobody ever gets the reply of another.
///
/// hazard: 62
async fn dropped_commands_never_shift_the_replies<S: Subject>() {
    let seed = std::env::var("REDLOCK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(62);
    println!("REDLOCK_SEED={seed}");
    let (server, node) = server_and_node::<S>().await;
    let node = Arc::new(node);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(storm(Arc::clone(&node), task, Dice(seed + task * 1_000_003))))
        .collect();
    let mut finished = 0;
    for task in tasks {
        finished += task.await.expect("a task");
    }
    assert!(finished > 100, "only {finished} commands were not dropped");
    assert_eq!(server.keys().expect("keys"), 0);
}

/// Takes, inspects and releases a lock of its own, over and over, dropping commands on the way. Answers how many
/// inspections were not dropped.
async fn storm(node: Arc<Node>, task: u64, mut dice: Dice) -> usize {
    let mut finished = 0;
    for round in 0..ROUNDS {
        let name = format!("k:{task}");
        let mine = format!("{task}:{round}");
        drop_some(&node, acquire(&[&name], &mine, 600_000), &mut dice).await;
        if let Some(reply) = drop_some(&node, inspect(&[&name]), &mut dice).await {
            finished += 1;
            match reply {
                LockReply::Inspected(states) => match &states[..] {
                    // A dropped acquire may not have been sent.
                    [KeyState::Free] => {}
                    [KeyState::Held { value: held, .. }] => assert!(*held == value(&mine), "another's value"),
                    other => panic!("{other:?}"),
                },
                other => panic!("the reply to another command: {other:?}"),
            }
        }
        let given = ask(&node, release(&[&name], &mine)).await;
        assert!([released(0, 0), released(1, 0)].contains(&given), "{given:?}");
    }
    finished
}

/// Runs the command, dropping it unpolled, after its first poll, or after a moment; or not at all.
async fn drop_some(node: &Node, command: redlock_core::LockCommand, dice: &mut Dice) -> Option<LockReply> {
    let command = Command::Lock(command);
    let mut execution = node.execute(&command, within(AMPLE));
    match dice.throw(4) {
        0 => None,
        1 => poll_once(&mut execution).await.map(|reply| reply.expect("a reply").into_lock().expect("lock")),
        2 => {
            let moment = Duration::from_micros(dice.throw(3_000));
            let reply = timeout(moment, execution).await.ok()?;
            Some(reply.expect("a reply").into_lock().expect("lock"))
        }
        _ => Some(execution.await.expect("a reply").into_lock().expect("lock")),
    }
}

/// Repeatable chance (splitmix64).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) >> 7) % sides
    }
}
