//! Asking the nodes who they are, and writing down who counts.
//!
//! Each node is asked once over each connection, in the background, as soon as anything was heard over it; again while its
//! votes are withheld and somebody wants them; and every quarter of the hold-off.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::fresh::ToMark;
use super::known::Said;
use super::members::News;
use crate::quorum::InFlight;
use crate::shared::{Shared, deadline};
use crate::{
    AdminCommand, AdminReply, Announce, BackendError, Capabilities, Description, Event, FaultKind,
    Membership, Moment, Reply, Sent, Ttl,
};

impl Shared {
    /// Asks those nodes who they are whose connection is new. Nobody waits for it.
    pub(crate) fn meet_new_nodes(self: &Arc<Self>, limit: Duration) {
        for node in 0..self.nodes.len() {
            if let Some(epoch) = self.nodes.epoch(node)
                && self.members.is_stranger(node, epoch)
            {
                self.ask(node, limit);
            }
        }
        self.keep(limit);
    }

    /// Asks one node, unless somebody does already.
    pub(crate) fn ask(self: &Arc<Self>, node: usize, limit: Duration) {
        if !self.members.has(node, Capabilities::DESCRIBE) || !self.members.begin(node) {
            return;
        }
        let question = Question { shared: Arc::clone(self), nodes: vec![node], failed: None };
        if let Ok(runtime) = Handle::try_current() {
            // Not a counted task: a shutdown need not wait for it.
            runtime.spawn(question.run(node, limit));
        }
    }

    /// Asks every node that can describe itself, and waits for the answers.
    pub(crate) async fn ask_all(self: &Arc<Self>, limit: Duration) {
        let mut heard = self.members.news.listen();
        for node in 0..self.nodes.len() {
            self.ask(node, limit);
        }
        // A question and the two writes that may follow it each take their limit.
        let answered = async {
            while self.members.is_asking() {
                self.members.news.rung_since(&mut heard).await;
            }
        };
        let _ = timeout(limit.saturating_mul(4), answered).await;
    }

    /// Reads every node again each quarter of the hold-off, for as long as this client and the runtime live.
    fn keep(self: &Arc<Self>, limit: Duration) {
        let guarded = (0..self.nodes.len()).any(|node| self.members.guards(node));
        if !guarded || std::mem::replace(&mut self.members.state().keeper, true) {
            return;
        }
        let keeper = Keeper(Arc::downgrade(self));
        let over = self.members.over.clone();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                over.run_until_cancelled_owned(keeper.run(limit)).await;
            });
        }
    }

    pub(super) fn tell(&self, node: usize, news: &News) {
        for problem in &news.problems {
            self.observers.emit(|| Event::NodeProblem { problem });
        }
        if let Some(conflict) = &news.conflict {
            self.observers.emit(|| Event::NodeSetConflict { conflict });
        }
        if let Some(withheld) = &news.withheld {
            self.observers.emit(|| Event::VotesWithheld { withheld });
        }
        if news.counts_again {
            let node = &self.nodes.name(node);
            self.observers.emit(|| Event::VotesCount { node });
        }
        if news.forgot {
            self.registry.leases().iter().for_each(|lease| lease.node_forgot());
        }
    }

    /// Tells the nodes which set of nodes this client uses, where it is time for it.
    fn announce(self: &Arc<Self>, limit: Duration) {
        let Some((set, hold)) = self.members.to_announce(self.now()) else { return };
        let (Some(hold), Ok(runtime)) = (Ttl::from_duration(hold), Handle::try_current()) else { return };
        let shared = Arc::clone(self);
        let nodes = (0..self.nodes.len()).filter(|node| self.members.has(*node, Capabilities::MEMBER));
        let command = AdminCommand::Announce(Announce::new(set, hold));
        let mut told = self.nodes.send_to(nodes, command.into(), deadline(limit));
        runtime.spawn(async move {
            while let Some((node, reply)) = told.next().await {
                let conflict = match reply.and_then(announced) {
                    Ok(sets) => shared.members.heard_sets(node, sets, shared.now()),
                    Err(error) => {
                        shared.fault(node, error, "announce");
                        None
                    }
                };
                shared.tell(node, &News { conflict, ..News::default() });
            }
        });
    }
}

/// Where, of what, in which command.
pub(super) type Failure = (usize, BackendError, &'static str);

/// A question on its way, and the nodes that count as being asked until it is over; where its runtime drops it, too.
pub(super) struct Question {
    pub(super) shared: Arc<Shared>,
    nodes: Vec<usize>,
    failed: Option<(usize, BackendError)>,
}

impl Question {
    async fn run(mut self, node: usize, limit: Duration) {
        if let Err((node, error, command)) = self.ask(node, limit).await {
            self.shared.fault(node, error.clone(), command);
            self.failed = Some((node, error));
        }
        let shared = Arc::clone(&self.shared);
        drop(self);
        shared.announce(limit);
    }

    async fn ask(&mut self, node: usize, limit: Duration) -> Result<(), Failure> {
        let shared = Arc::clone(&self.shared);
        let at = shared.now();
        let said =
            self.described(node, at, limit).await.map_err(|(error, command)| (node, error, command))?;
        let news = shared.members.learn(node, said, shared.now());
        shared.tell(node, &news);
        match shared.members.to_mark(node, shared.now(), limit) {
            ToMark::Nothing => Ok(()),
            ToMark::One(run) => {
                self.mark(vec![run], limit).await.map_err(|(node, error)| (node, error, "mark"))
            }
            ToMark::New(all) => {
                self.nodes.extend(all.iter().map(|(node, ..)| *node));
                self.nodes.sort_unstable();
                self.nodes.dedup();
                if self.claim(&all, limit).await? {
                    self.mark(all, limit).await.map_err(|(node, error)| (node, error, "mark"))
                } else {
                    self.wait_for_marks(&all, limit).await
                }
            }
        }
    }

    /// Both questions go over the same connection at once.
    async fn described(
        &self,
        node: usize,
        at: Moment,
        limit: Duration,
    ) -> Result<Said, (BackendError, &'static str)> {
        let (shared, guards) = (&self.shared, self.shared.members.guards(node));
        let send = |command: AdminCommand| shared.nodes.send_to([node], command.into(), deadline(limit));
        let mut describe = send(AdminCommand::Describe);
        describe.launch().await;
        let mut member = guards.then(|| send(AdminCommand::ReadMember));
        let reply = answer(&mut describe).await;
        let epoch = reply.as_ref().map(|reply| reply.epoch).ok().or_else(|| shared.nodes.epoch(node));
        let description = reply.and_then(described).inspect_err(|error| {
            // It will not know better over this connection.
            let lasting = !error.is_retryable();
            if let Some(known) = shared.members.state().known.get_mut(node) {
                known.mute = epoch.filter(|_| lasting);
            }
        });
        let description = description.map_err(|error| (error, "describe"))?;
        let epoch = epoch.ok_or_else(|| (moved(), "describe"))?;
        let membership = match &mut member {
            None => Membership::default(),
            Some(member) => {
                let reply = answer(member).await.map_err(|error| (for_the_guard(&error), "read-member"))?;
                if reply.epoch != epoch {
                    return Err((moved(), "read-member"));
                }
                reply.into_admin().and_then(membership).map_err(|error| (error, "read-member"))?
            }
        };
        let Membership { marker, sets, claims } = membership;
        Ok(Said { epoch, at, description, marker, sets, sets_at: shared.now(), claims })
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        for node in std::mem::take(&mut self.nodes) {
            let failed = self.failed.as_ref().filter(|(at, _)| *at == node).map(|(_, error)| error.clone());
            let news = self.shared.members.settle(node, failed, self.shared.now());
            self.shared.tell(node, &news);
        }
    }
}

/// The task that reads again; one for each client, in the runtime of its first acquisition or, when that is gone, of the next.
struct Keeper(Weak<Shared>);

impl Keeper {
    async fn run(self, limit: Duration) {
        while let Some(pause) = self.0.upgrade().map(|shared| shared.members.hold_off() / 4) {
            sleep(pause).await;
            let Some(shared) = self.0.upgrade() else { break };
            for node in 0..shared.nodes.len() {
                // A node of which nothing was ever heard is nobody's yet.
                if shared.nodes.epoch(node).is_some() {
                    shared.ask(node, limit);
                }
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            shared.members.state().keeper = false;
        }
    }
}

pub(super) async fn answer(call: &mut InFlight) -> Result<Reply, BackendError> {
    match call.next().await {
        Some((_, reply)) => reply,
        None => Err(BackendError::timeout()),
    }
}

fn described(reply: Reply) -> Result<Description, BackendError> {
    match reply.into_admin()? {
        AdminReply::Described(description) => Ok(*description),
        _ => Err(BackendError::protocol("not an answer to a description")),
    }
}

pub(super) fn membership(reply: AdminReply) -> Result<Membership, BackendError> {
    match reply {
        AdminReply::Member(membership) => Ok(membership),
        _ => Err(BackendError::protocol("not an answer to the reading of a marker")),
    }
}

fn announced(reply: Reply) -> Result<Vec<crate::AnnouncedSet>, BackendError> {
    match reply.into_admin()? {
        AdminReply::Announced(sets) => Ok(sets),
        _ => Err(BackendError::protocol("not an answer to an announcement")),
    }
}

/// What is true of one connection is not mixed with what is true of another.
pub(super) fn moved() -> BackendError {
    BackendError::new(FaultKind::Closed, Sent::Maybe, "another run or connection answered than was described")
}

/// A user who may not read or write the marker is to know for what it is wanted.
pub(super) fn for_the_guard(error: &BackendError) -> BackendError {
    let why = format!(
        "{} (the restart guard keeps {{redlock}}:member, {{redlock}}:claims and {{redlock}}:configs on each node; grant the keys, or choose \
         RestartGuard::Off)",
        error.message()
    );
    if error.kind() == FaultKind::Permission {
        BackendError::new(error.kind(), error.sent(), why)
    } else {
        error.clone()
    }
}
