//! How a node serves commands.

use std::time::Duration;

use async_trait::async_trait;
use redlock_core::{
    AdminCommand, AdminReply, Answer, Backend, BackendError, Capabilities, Command, Description, FaultKind,
    Inbox, Moment, NodeName, Notifications, Reply, Sent,
};
use tokio::time::Instant;

use crate::MemoryNode;
use crate::fence::Latest;
use crate::state::{Health, State};

#[async_trait]
impl Backend for MemoryNode {
    fn node(&self) -> &NodeName {
        &self.shared.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LOCK
            | Capabilities::FENCE
            | Capabilities::SCAN
            | Capabilities::DESCRIBE
            | Capabilities::MEMBER
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        if let Some(result) = self.apply(command) {
            return result;
        }
        tokio::time::sleep_until(deadline).await;
        Err(BackendError::timeout())
    }

    /// None: a memory node does not push yet; waiters poll.
    fn notifications(&self, _inbox: &Inbox) -> Option<Notifications> {
        None
    }
}

impl MemoryNode {
    /// One atomic step; `None` while the node is silent.
    fn apply(&self, command: &Command) -> Option<Result<Reply, BackendError>> {
        let mut state = self.state();
        // Read under the lock, so that time never runs back between two steps.
        let now = self.shared.clock.now();
        match state.health {
            Health::Up => {}
            Health::Down => {
                let error = BackendError::new(FaultKind::Unreachable, Sent::No, "connection refused");
                return Some(Err(error));
            }
            Health::Silent => return None,
        }
        let unsupported = || BackendError::unsupported(command.name());
        let answer = match command {
            Command::Lock(command) => {
                let latest = Latest(self.unix_time(now));
                state.store.lock(command, now.into(), latest).map(Answer::from)
            }
            Command::Admin(command) => {
                self.admin(&mut state, command, now).map(Answer::from).ok_or_else(unsupported)
            }
            _ => Err(unsupported()),
        };
        Some(answer.map(|answer| Reply::new(state.epoch, answer)))
    }

    /// The node's wall clock.
    fn unix_time(&self, now: Moment) -> Duration {
        let (built, unix_time) = self.shared.built;
        unix_time.saturating_add(now.saturating_since(built))
    }

    fn admin(&self, state: &mut State, command: &AdminCommand, now: Moment) -> Option<AdminReply> {
        match command {
            AdminCommand::ReadMember => Some(AdminReply::Member(state.store.membership(now.into()))),
            AdminCommand::Claim(claim) => {
                let run_id = run_id(state);
                Some(AdminReply::Claimed(state.store.claim(claim, &run_id)))
            }
            AdminCommand::Mark(marker) if marker.run_id != run_id(state) => Some(AdminReply::Marked(None)),
            AdminCommand::Mark(marker) => Some(AdminReply::Marked(Some(state.store.mark(marker)))),
            AdminCommand::Announce(announce) => {
                Some(AdminReply::Announced(state.store.announce(announce, now.into())))
            }
            AdminCommand::Describe => Some(AdminReply::Described(Box::new(self.describe(state, now)))),
            AdminCommand::Scan(scan) => Some(AdminReply::Scanned(state.store.scan(scan, now.into()))),
            _ => None,
        }
    }

    fn describe(&self, state: &State, now: Moment) -> Description {
        let mut description = Description::default();
        description.run_id = Some(run_id(state));
        description.uptime = Some(now.saturating_since(state.started));
        description.role = Some(state.role);
        description.version = Some(concat!("redlock-memory ", env!("CARGO_PKG_VERSION")).to_owned());
        description.durability = Some(self.shared.durability);
        description.replicas = Some(self.shared.replicas);
        description.eviction = Some("noeviction".to_owned());
        description.time = Some(self.unix_time(now));
        description
    }
}

/// As long as a run id of Redis.
fn run_id(state: &State) -> String {
    format!("{:040x}", state.run)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redlock_core::{Acquire, Epoch, Key, Keys, LockCommand, LockValue, Scan, TokioClock, Ttl};

    use super::*;

    fn node(durable: bool) -> MemoryNode {
        MemoryNode::builder("n").clock(std::sync::Arc::new(TokioClock::new())).durable(durable).build()
    }

    fn acquire() -> Command {
        let value = LockValue::from_bytes(*b"v");
        LockCommand::Acquire(Acquire::new(Keys::of(Key::new("a")), value, Ttl::SECOND)).into()
    }

    async fn run(node: &MemoryNode, command: &Command) -> Result<Reply, BackendError> {
        node.execute(command, Instant::now() + Duration::from_millis(20)).await
    }

    async fn describe(node: &MemoryNode) -> (Epoch, Description) {
        let reply = run(node, &AdminCommand::Describe.into()).await.expect("up");
        let epoch = reply.epoch;
        match reply.into_admin().expect("admin") {
            AdminReply::Described(description) => (epoch, *description),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_node_refuses_at_once_and_executes_nothing() {
        let node = node(false);
        node.fail();
        let start = Instant::now();
        let error = run(&node, &acquire()).await.expect_err("down");
        assert_eq!((error.kind(), error.sent()), (FaultKind::Unreachable, Sent::No));
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(node.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_node_runs_into_the_deadline_and_executes_nothing() {
        let node = node(false);
        node.hang();
        let start = Instant::now();
        let error = run(&node, &acquire()).await.expect_err("silent");
        assert_eq!((error.kind(), error.sent()), (FaultKind::Timeout, Sent::Maybe));
        assert_eq!(start.elapsed(), Duration::from_millis(20));
        node.recover();
        assert!(node.is_empty());
    }

    /// hazard: 13
    #[tokio::test(start_paused = true)]
    async fn a_restart_forgets_unless_durable_and_shows_as_another_run() {
        for durable in [false, true] {
            let node = node(durable);
            run(&node, &acquire()).await.expect("granted");
            let (epoch, before) = describe(&node).await;
            tokio::time::advance(Duration::from_millis(500)).await;
            node.restart();
            let (new_epoch, after) = describe(&node).await;
            assert_ne!((epoch, &before.run_id), (new_epoch, &after.run_id));
            assert_eq!(after.uptime, Some(Duration::ZERO));
            assert_eq!(node.len(), usize::from(durable));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_of_a_node_goes_by_its_clock() {
        let node = MemoryNode::builder("n")
            .clock(std::sync::Arc::new(TokioClock::new()))
            .unix_time(Duration::from_secs(1_700_000_000))
            .build();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(describe(&node).await.1.time, Some(Duration::from_secs(1_700_000_005)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_is_applied_in_the_first_poll_though_its_future_is_dropped() {
        let node = node(false);
        let command = acquire();
        let mut future = node.execute(&command, Instant::now());
        std::future::poll_fn(|cx| {
            let _ = future.as_mut().poll(cx);
            std::task::Poll::Ready(())
        })
        .await;
        drop(future);
        assert_eq!(node.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_down_or_silent_still_expires_its_keys() {
        let node = node(false);
        run(&node, &acquire()).await.expect("granted");
        node.fail();
        tokio::time::advance(Duration::from_millis(1001)).await;
        node.recover();
        let reply = run(&node, &AdminCommand::Scan(Scan::new("")).into()).await.expect("up");
        let AdminReply::Scanned(page) = reply.into_admin().expect("admin") else { panic!("no page") };
        assert!(page.keys.is_empty());
    }
}
