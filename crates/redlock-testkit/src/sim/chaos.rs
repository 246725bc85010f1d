//! Breaks nodes, and ways to them, for a while.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, sleep_until};

use super::journal::name;
use super::rare::Rare;
use super::schedule::{Break, BreakKind};
use super::world::{Link, World};
use crate::Connection;

/// Runs until it is dropped or all is done. What is broken then is healed by [`heal`](super::ending::heal).
pub(super) async fn run(world: Arc<World>, breaks: Vec<Break>) {
    let origin = tokio::time::Instant::now();
    let mut running = Vec::new();
    for each in breaks {
        sleep_until(origin + each.at).await;
        running.push(tokio::spawn(one(Arc::clone(&world), each)));
    }
    for task in running {
        // A break that panics shows as a violation elsewhere or not at all: there is nothing in it that can.
        let _ = task.await;
    }
}

/// Stops a client's process again and again.
pub(super) async fn stop(world: Arc<World>, client: usize, times: Vec<(Duration, Duration)>) {
    let Some(process) = world.clients.get(client).map(|client| Arc::clone(&client.process)) else { return };
    for (after, lasts) in times {
        sleep(after).await;
        world.journal.fault();
        world.journal.note(&name(client), || format!("is stopped for {lasts:?}"));
        process.stop(world.journal.now());
        sleep(lasts).await;
        world.journal.note(&name(client), || "goes on".to_owned());
        world.journal.goes_on(client);
        process.go_on(world.journal.now());
    }
}

async fn one(world: Arc<World>, each: Break) {
    let links: Vec<_> = links(&world, each).collect();
    world.journal.fault();
    world.journal.note(&subject(each), || format!("{:?} for {:?}", each.kind, each.lasts));
    if forgets(each.kind) {
        return forget(&world, each, &links);
    }
    world.journal.count(Rare::NodeCrash);
    let held: Vec<_> = links.iter().filter_map(|link| begin(link, each.kind)).collect();
    sleep(each.lasts).await;
    world.journal.note(&subject(each), || format!("{:?} ends", each.kind));
    end(&world, each, &held);
}

fn links(world: &World, each: Break) -> impl Iterator<Item = Link> {
    let affected =
        world.living().filter(move |(number, _)| each.client.is_none_or(|client| client == *number));
    affected.filter_map(move |(_, client)| client.links.get(each.node).cloned())
}

fn begin(link: &Link, kind: BreakKind) -> Option<Connection> {
    match kind {
        BreakKind::Refuse => link.refuse(),
        BreakKind::BlackHole => link.black_hole(),
        BreakKind::Stop => {
            let connection = link.connection();
            connection.hold();
            return Some(connection);
        }
        BreakKind::Forget | BreakKind::Restart | BreakKind::FailOver | BreakKind::Flush => {}
    }
    None
}

fn end(world: &World, each: Break, held: &[Connection]) {
    for connection in held {
        connection.resume();
    }
    if each.kind != BreakKind::Stop {
        // Not those of a client that has crashed meanwhile.
        links(world, each).for_each(|link| link.restore());
    }
}

fn forgets(kind: BreakKind) -> bool {
    match kind {
        BreakKind::Forget | BreakKind::Restart | BreakKind::FailOver | BreakKind::Flush => true,
        BreakKind::Refuse | BreakKind::BlackHole | BreakKind::Stop => false,
    }
}

fn forget(world: &World, each: Break, links: &[Link]) {
    let Some(node) = world.nodes.get(each.node) else { return };
    let rare = match each.kind {
        BreakKind::Restart if node.durable => Rare::DurableRestart,
        BreakKind::Restart => Rare::Amnesia,
        BreakKind::FailOver if !node.replicated => return,
        BreakKind::FailOver if node.durable => Rare::DurableFailOver,
        BreakKind::FailOver => Rare::FailOver,
        _ if !world.is_dispensable(each.node) => return,
        BreakKind::Flush => Rare::Flush,
        _ => Rare::Restart,
    };
    world.journal.count(rare);
    match each.kind {
        BreakKind::Flush => return node.memory.flush(),
        BreakKind::FailOver => node.memory.fail_over(),
        _ => node.memory.restart(),
    }
    for link in links {
        link.refuse();
        link.restore();
    }
}

fn subject(each: Break) -> String {
    match each.client {
        Some(client) => format!("c{client}-n{}", each.node),
        None => format!("n{}", each.node),
    }
}
