//! Writing markers: on a node that counts, or on all nodes of a new deployment.

use std::time::Duration;

use tokio::time::sleep;

use super::ask::{Failure, Question, answer, for_the_guard, membership, moved};
use super::fresh::Run;
use crate::shared::deadline;
use crate::{AdminCommand, AdminReply, BackendError, Claim, Epoch, FaultKind, Marker, NodeId, Sent};

/// How often a mark is sent.
const TRIES: u32 = 3;
/// How often it is looked whether another client has marked the nodes.
const LOOKS: u32 = 8;

impl Question {
    /// Before a new deployment is marked: whether all nodes are still blank now that all are known, and whether all have noted
    /// that they are claimed, so that nobody else finds them blank from here on.
    ///
    /// Without the second look, a node that was found blank may have come into use meanwhile, and the last one may have restarted
    /// under a lease. Without the claims, a node that was marked and counted could restart, and would be found blank together
    /// with those that the marks have not reached yet. Both were found by the exhaustive model.
    pub(super) async fn claim(&self, all: &[Run], limit: Duration) -> Result<bool, Failure> {
        let shared = &self.shared;
        self.read_again(all, limit).await?;
        if !shared.members.are_new(all) {
            return Ok(false);
        }
        let claimant = self.fresh_id().map_err(|error| (0, error, "claim"))?;
        let claim = |run_id: &str| Claim::new(run_id, claimant.clone());
        let claims = to_all(all, |run_id| AdminCommand::Claim(claim(run_id)));
        let mut noted = Ok(true);
        for (node, _, reply) in self.each(claims, limit).await {
            match reply.and_then(|reply| claimed(&reply)) {
                Ok(true) => {}
                // Another client has marked it meanwhile, or it has restarted.
                Ok(false) => noted = noted.map(|_| false),
                Err(error) => noted = Err((node, for_the_guard(&error), "claim")),
            }
        }
        if !matches!(noted, Ok(true)) {
            let given_up = to_all(all, |run_id| AdminCommand::Claim(claim(run_id).given_up()));
            // Where this is lost, the nodes count when the hold-off is over.
            drop(self.each(given_up, limit).await);
        }
        noted
    }

    /// Another client is declaring the deployment new: its marks are a few moments away.
    pub(super) async fn wait_for_marks(&self, all: &[Run], limit: Duration) -> Result<(), Failure> {
        for _ in 0..LOOKS {
            sleep(limit / LOOKS).await;
            self.read_again(all, limit).await?;
            if self.shared.members.are_marked(all) {
                break;
            }
        }
        Ok(())
    }

    async fn read_again(&self, all: &[Run], limit: Duration) -> Result<(), Failure> {
        let shared = &self.shared;
        for (node, epoch, reply) in self.each(to_all(all, |_| AdminCommand::ReadMember), limit).await {
            let stands = reply.and_then(membership).map_err(|error| (node, error, "read-member"))?;
            let news = shared.members.read_again(node, epoch, stands, shared.now());
            shared.tell(node, &news);
        }
        Ok(())
    }

    /// Marks one node, or all of a new deployment: these count when all are marked, over the connections over which they were
    /// described; otherwise all are read again.
    pub(super) async fn mark(&self, runs: Vec<Run>, limit: Duration) -> Result<(), (usize, BackendError)> {
        let shared = &self.shared;
        let mut marks = Vec::with_capacity(runs.len());
        for (node, epoch, run_id) in runs {
            let marker = Marker {
                run_id,
                node_id: self.fresh_id().map_err(|error| (node, error))?,
                max_ttl: shared.members.own_max_ttl(),
                durability: shared.members.durability(node),
            };
            marks.push((node, epoch, AdminCommand::Mark(marker)));
        }
        let mut written = Vec::with_capacity(marks.len());
        let mut failed = Ok(());
        // A mark that comes late, or twice, is bound to the run all the same; one that is given up costs the hold-off.
        for _ in 0..TRIES {
            failed = Ok(());
            let mut again = Vec::new();
            for (node, epoch, reply) in self.each(marks.clone(), limit).await {
                match reply.and_then(marked).and_then(|marker| marker.ok_or_else(moved)) {
                    Ok(marker) => written.push((node, epoch, marker)),
                    Err(error) => {
                        failed = Err((node, for_the_guard(&error)));
                        again.push(node);
                    }
                }
            }
            marks.retain(|(node, ..)| again.contains(node));
            if marks.is_empty() {
                break;
            }
        }
        for (node, ..) in &marks {
            shared.members.doubt(*node);
        }
        match &failed {
            Ok(()) => shared.members.marked(written),
            Err(_) => written.iter().for_each(|(node, ..)| shared.members.doubt(*node)),
        }
        failed
    }

    /// Sends each node its command, and waits for all answers. One over another connection is none.
    async fn each(
        &self,
        commands: Vec<(usize, Epoch, AdminCommand)>,
        limit: Duration,
    ) -> Vec<(usize, Epoch, Result<AdminReply, BackendError>)> {
        let mut calls = Vec::new();
        for (node, epoch, command) in commands {
            let mut call = self.shared.nodes.send_to([node], command.into(), deadline(limit));
            call.launch().await;
            calls.push((node, epoch, call));
        }
        let mut answers = Vec::with_capacity(calls.len());
        for (node, epoch, mut call) in calls {
            let reply = answer(&mut call).await;
            let same =
                reply.and_then(|reply| if reply.epoch == epoch { reply.into_admin() } else { Err(moved()) });
            answers.push((node, epoch, same));
        }
        answers
    }

    fn fresh_id(&self) -> Result<NodeId, BackendError> {
        let mut random = [0; 16];
        let filled = self.shared.entropy.fill(&mut random);
        filled.map_err(|error| BackendError::new(FaultKind::Rejected, Sent::No, error.to_string()))?;
        Ok(NodeId::from_random(random))
    }
}

fn to_all(all: &[Run], command: impl Fn(&str) -> AdminCommand) -> Vec<(usize, Epoch, AdminCommand)> {
    all.iter().map(|(node, epoch, run_id)| (*node, *epoch, command(run_id))).collect()
}

fn claimed(reply: &AdminReply) -> Result<bool, BackendError> {
    match reply {
        AdminReply::Claimed(noted) => Ok(*noted),
        _ => Err(BackendError::protocol("not an answer to a claim")),
    }
}

fn marked(reply: AdminReply) -> Result<Option<Marker>, BackendError> {
    match reply {
        AdminReply::Marked(marker) => Ok(marker),
        _ => Err(BackendError::protocol("not an answer to the writing of a marker")),
    }
}
