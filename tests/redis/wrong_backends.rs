//! The published suite catches each way in which a backend over a network can break the contract: one test each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock_core::{
    Acquire, Answer, Backend, BackendError, Capabilities, Command, Evict, FaultKind, Inbox, LockCommand,
    LockReply, NodeName, Notifications, Ownership, Released, Reply, Sent, async_trait,
};
use redlock_redis_rs::RedisNode;
use redlock_testkit::conformance::{NetworkHarness, only};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, timeout_at};

use super::support::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    SendsAgainAfterAReset,
    SendsAgainAfterASilence,
    WaitsPastTheDeadline,
    NeverComesBack,
    ReadsTheNextReply,
    RefusesByError,
    ReleasesWithoutComparing,
    ExtendsShorter,
    UsesAPool,
    CallsATimeoutUnsent,
}

/// A backend that is right but for one flaw.
struct Flawed {
    flaw: Flaw,
    nodes: [RedisNode; 2],
    calls: AtomicUsize,
    single_file: SingleFile,
}

impl Flawed {
    fn new(flaw: Flaw, url: &str) -> Self {
        let node = || RedisNode::from_url(url).expect("a node");
        Self {
            flaw,
            nodes: [node(), node()],
            calls: AtomicUsize::new(0),
            single_file: SingleFile::new(node()),
        }
    }

    fn node(&self) -> &RedisNode {
        &self.nodes[0]
    }

    async fn run(&self, command: impl Into<Command>, deadline: Instant) -> Result<Reply, BackendError> {
        self.node().execute(&command.into(), deadline).await
    }

    async fn again(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        match self.run(command.clone(), deadline).await {
            Err(error) if error.kind() == FaultKind::Closed => self.run(command.clone(), deadline).await,
            outcome => outcome,
        }
    }

    async fn impatient(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let half = Instant::now() + (deadline - Instant::now()) / 2;
        match self.run(command.clone(), half).await {
            Err(error) if error.kind() == FaultKind::Timeout => self.run(command.clone(), deadline).await,
            outcome => outcome,
        }
    }

    async fn lock(&self, command: &LockCommand, deadline: Instant) -> Result<Reply, BackendError> {
        let reply = self.run(command.clone(), deadline).await?;
        match (self.flaw, command, &reply.answer) {
            (Flaw::RefusesByError, _, Answer::Lock(LockReply::Refused(_))) => {
                Err(BackendError::new(FaultKind::Rejected, Sent::Replied, "held"))
            }
            (Flaw::ReleasesWithoutComparing, LockCommand::Release(release), _) => {
                self.run(LockCommand::Evict(Evict::new(release.keys.clone())), deadline).await?;
                let removed = release.keys.len() as u64;
                Ok(Reply::new(reply.epoch, LockReply::Released(Released::new(removed, 0))))
            }
            (
                Flaw::ExtendsShorter,
                LockCommand::Extend(extend),
                Answer::Lock(LockReply::Extended(Ownership::Mine)),
            ) => {
                self.run(LockCommand::Evict(Evict::new(extend.keys.clone())), deadline).await?;
                let anew = Acquire::new(extend.keys.clone(), extend.value.clone(), extend.ttl);
                self.run(LockCommand::Acquire(anew), deadline).await?;
                Ok(reply)
            }
            _ => Ok(reply),
        }
    }
}

#[async_trait]
impl Backend for Flawed {
    fn node(&self) -> &NodeName {
        self.nodes[0].node()
    }

    fn capabilities(&self) -> Capabilities {
        self.nodes[0].capabilities()
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        match (self.flaw, command) {
            (Flaw::SendsAgainAfterAReset, _) => self.again(command, deadline).await,
            (Flaw::SendsAgainAfterASilence, _) => self.impatient(command, deadline).await,
            (Flaw::WaitsPastTheDeadline, _) => {
                self.run(command.clone(), deadline + Duration::from_secs(60)).await
            }
            (Flaw::NeverComesBack, _) if self.calls.load(Ordering::Relaxed) > 0 => {
                Err(BackendError::new(FaultKind::Closed, Sent::No, "once closed, always closed"))
            }
            (Flaw::NeverComesBack, _) => self.run(command.clone(), deadline).await.inspect_err(|error| {
                let closed = [FaultKind::Closed, FaultKind::Unreachable].contains(&error.kind());
                self.calls.fetch_add(usize::from(closed), Ordering::Relaxed);
            }),
            (Flaw::ReadsTheNextReply, _) => self.single_file.execute(command, deadline).await,
            (Flaw::UsesAPool, _) => {
                let node = &self.nodes[self.calls.fetch_add(1, Ordering::Relaxed) % 2];
                node.execute(command, deadline).await
            }
            (Flaw::CallsATimeoutUnsent, _) => self
                .run(command.clone(), deadline)
                .await
                .map_err(|error| BackendError::new(error.kind(), Sent::No, error.to_string())),
            (_, Command::Lock(command)) => self.lock(command, deadline).await,
            _ => self.run(command.clone(), deadline).await,
        }
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.node().notifications(inbox)
    }
}

/// A connection on which whoever waits is given the next reply that comes.
struct SingleFile {
    commands: mpsc::UnboundedSender<(Command, Instant)>,
    replies: Mutex<mpsc::UnboundedReceiver<Result<Reply, BackendError>>>,
}

impl SingleFile {
    fn new(node: RedisNode) -> Self {
        let (commands, mut queue) = mpsc::unbounded_channel::<(Command, Instant)>();
        let (answer, replies) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some((command, deadline)) = queue.recv().await {
                let _ = answer.send(node.execute(&command, deadline).await);
            }
        });
        Self { commands, replies: Mutex::new(replies) }
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        self.commands.send((command.clone(), deadline)).expect("the task lives");
        let next = async { self.replies.lock().await.recv().await.expect("the task lives") };
        timeout_at(deadline, next).await.unwrap_or_else(|_| Err(BackendError::timeout()))
    }
}

async fn caught(flaw: Flaw, check: &str) {
    let harness = NetworkHarness::new(server(), |url| Flawed::new(flaw, &url)).expect("a harness");
    let error = only(&harness, check).await.expect_err("the flaw was not found");
    assert_eq!(error.report().failures(), [check], "{flaw:?}: {error}");
}

macro_rules! wrong {
    ($($(#[$attribute:meta])+ $name:ident: $flaw:ident by $check:literal;)+) => {
        $($(#[$attribute])+
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            caught(Flaw::$flaw, $check).await;
        })+
    };
}

wrong! {
    /// hazard: 62
    a_resend_after_a_reset: SendsAgainAfterAReset by "network::a_lost_reply_is_no_reason_to_send_again";
    /// hazard: 62
    a_resend_after_a_silence: SendsAgainAfterASilence by "network::silence_is_no_reason_to_send_again";
    /// hazard: 50
    a_deadline_ignored_before_a_stopped_node: WaitsPastTheDeadline by "network::a_stopped_node_costs_no_more_than_the_deadline";
    /// hazard: 50
    a_deadline_ignored_before_a_black_hole: WaitsPastTheDeadline by "network::a_black_hole_costs_no_more_than_the_deadline";
    /// hazard: 50
    a_connection_that_is_never_made_again: NeverComesBack by "network::a_dead_node_costs_no_more_than_the_deadline";
    /// hazard: 62
    a_reply_given_to_the_next: ReadsTheNextReply by "network::a_command_dropped_while_its_reply_travels_gives_it_to_nobody";
    /// hazard: 77
    a_refusal_as_an_error: RefusesByError by "acquire::a_held_key_is_refused_and_the_refusal_is_an_answer";
    /// hazard: 5
    a_release_without_comparing: ReleasesWithoutComparing by "release::a_release_compares";
    /// hazard: 10
    an_extension_that_shortens: ExtendsShorter by "lease::an_extension_never_shortens";
    /// hazard: 8
    a_pool_of_connections: UsesAPool by "contract::commands_are_applied_in_the_order_of_first_polls";
    /// hazard: 7
    a_timeout_called_unsent: CallsATimeoutUnsent by "network::what_is_said_to_be_unsent_is_never_executed";
}

/// The control: without a flaw the same backend passes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_flaw_nothing_is_found() {
    let connect = |url: String| Flawed::new(Flaw::None, &url);
    let harness = NetworkHarness::new(server(), connect).expect("a harness");
    let report = only(&harness, "network::").await.expect("no flaw");
    assert!(report.skipped().is_empty(), "{report}");
}
