//! The suite catches each of these wrong backends: one test each, over a node in memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use redlock_core::*;
use redlock_memory::MemoryNode;
use tokio::time::Instant;

use super::{OnMemory, lock_family};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    ReleasesWithoutComparing,
    CountsReleasesWrong,
    ExtendsShorter,
    ExtendsByCreating,
    ExtendsWhatIsAbsent,
    RefusesByError,
    AcquiresInPart,
    ForgetsReplaces,
    ReplantsOverOthers,
    NeverExpires,
    LosesBytes,
    ForgetsStates,
    ScansByPattern,
    ScansOnePage,
    ReordersCommands,
    HangsPastTheDeadline,
    ClaimsTooMuch,
    ClaimsTooLittle,
    ChangesEpochs,
    WritesBehind,
    MixesReplies,
    ForgetsCounters,
    LiftsWithoutOwner,
    LosesDigits,
    MarksAnyRun,
    ForgetsMarkers,
    RenamesNodes,
    HidesSets,
    ShortensSets,
}

struct Flawed {
    node: MemoryNode,
    flaw: Flaw,
    count: AtomicU64,
    stale: std::sync::Mutex<Option<Reply>>,
}

/// The suite must fail on the flaw, and name the check.
async fn caught(flaw: Flaw, check: &str) {
    let wrap = |node| Flawed { node, flaw, count: AtomicU64::new(0), stale: std::sync::Mutex::default() };
    let harness = OnMemory::wrapped(wrap);
    let error = lock_family(&harness).await.expect_err("the flaw was not found");
    assert!(error.report().failures().contains(&check), "{flaw:?}: {error}");
}

macro_rules! mutants {
    ($($name:ident: $flaw:ident by $check:literal;)+) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            caught(Flaw::$flaw, $check).await;
        })+
    };
}

mutants! {
    a_release_without_comparing: ReleasesWithoutComparing by "release::a_release_compares";
    a_wrong_count_of_releases: CountsReleasesWrong by "release::a_release_goes_key_by_key";
    an_extension_that_shortens: ExtendsShorter by "lease::an_extension_never_shortens";
    an_extension_that_creates: ExtendsByCreating by "lease::an_extension_of_absent_keys_creates_nothing";
    an_absence_taken_for_ownership: ExtendsWhatIsAbsent by "lease::an_extension_is_of_all_keys_or_none";
    a_refusal_as_an_error: RefusesByError by "acquire::a_held_key_is_refused_and_the_refusal_is_an_answer";
    an_acquire_in_part: AcquiresInPart by "acquire::several_keys_are_taken_all_or_none";
    replaced_values_ignored: ForgetsReplaces by "acquire::a_replaced_value_is_overwritten";
    a_re_plant_over_others: ReplantsOverOthers by "lease::a_re_plant_beside_anothers_key_changes_nothing";
    a_lease_without_end: NeverExpires by "acquire::an_expired_key_is_free";
    values_read_as_text: LosesBytes by "data::any_bytes_survive_as_a_value";
    states_without_time: ForgetsStates by "acquire::a_free_key_is_granted";
    a_prefix_read_as_a_pattern: ScansByPattern by "admin::a_scan_finds_every_key_with_a_literal_prefix";
    a_scan_that_stops_early: ScansOnePage by "admin::a_scan_finds_every_key_with_a_literal_prefix";
    a_layer_that_reorders: ReordersCommands by "contract::commands_are_applied_in_the_order_of_first_polls";
    a_deadline_ignored: HangsPastTheDeadline by "contract::a_silent_node_costs_no_more_than_the_deadline";
    a_claim_too_much: ClaimsTooMuch by "admin::each_command_is_answered_or_not_claimed";
    a_claim_too_little: ClaimsTooLittle by "admin::each_command_is_answered_or_not_claimed";
    an_epoch_for_each_reply: ChangesEpochs by "contract::the_epoch_of_a_steady_connection_is_constant";
    a_write_behind_that_outlives_its_caller: WritesBehind by "contract::a_dropped_command_is_not_overtaken_either";
    a_counter_that_goes_with_its_lock: ForgetsCounters by "fence::tokens_rise_whatever_becomes_of_the_lock";
    a_lift_without_the_owner: LiftsWithoutOwner by "fence::a_lift_of_what_is_not_ones_own_raises_nothing";
    a_token_of_fourteen_digits: LosesDigits by "fence::sixteen_digits_are_exact_in_every_step";
    a_marker_of_another_run: MarksAnyRun by "member::a_marker_of_another_run_is_not_written";
    a_marker_that_is_not_kept: ForgetsMarkers by "member::a_marker_is_read_as_it_was_written";
    a_new_identity_for_each_marker: RenamesNodes by "member::a_marker_keeps_its_identity_and_its_longest_ttl";
    a_set_that_nobody_is_told: HidesSets by "member::an_announced_set_is_told_to_others_until_its_time_is_over";
    a_set_that_ends_too_early: ShortensSets by "member::an_announcement_never_shortens_another";
    a_reply_given_to_the_next: MixesReplies by "contract::a_dropped_command_gives_its_reply_to_nobody";
}

#[async_trait]
impl Backend for Flawed {
    fn node(&self) -> &NodeName {
        self.node.node()
    }

    fn capabilities(&self) -> Capabilities {
        match self.flaw {
            Flaw::ClaimsTooLittle => Capabilities::LOCK | Capabilities::SCAN,
            _ => self.node.capabilities(),
        }
    }

    async fn execute(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        match (self.flaw, command) {
            (Flaw::HangsPastTheDeadline, _) => {
                return self.node.execute(command, deadline + Duration::from_secs(60)).await;
            }
            (Flaw::ClaimsTooMuch, Command::Admin(AdminCommand::Describe)) => {
                return Err(BackendError::unsupported("describe"));
            }
            (Flaw::ReordersCommands, Command::Lock(LockCommand::Acquire(_))) => {
                tokio::task::yield_now().await;
            }
            (Flaw::WritesBehind, Command::Lock(LockCommand::Acquire(_))) => {
                return self.write_behind(command.clone(), deadline).await;
            }
            (Flaw::MixesReplies, _) => return self.mixed(command, deadline).await,
            _ => {}
        }
        let mut reply = self.lock(command, deadline).await?;
        if self.flaw == Flaw::ChangesEpochs {
            reply.epoch = Epoch::from_u64(self.count.fetch_add(1, Ordering::Relaxed));
        }
        Ok(reply)
    }

    fn notifications(&self, inbox: &Inbox) -> Option<Notifications> {
        self.node.notifications(inbox)
    }
}

impl Flawed {
    /// Sends from a task that starts when it likes.
    async fn write_behind(&self, command: Command, deadline: Instant) -> Result<Reply, BackendError> {
        let node = self.node.clone();
        let late = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            node.execute(&command, deadline).await
        });
        late.await.map_err(|error| BackendError::protocol(error.to_string()))?
    }

    /// A connection that reads whatever reply comes next.
    async fn mixed(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let reply = self.node.execute(command, deadline).await?;
        let before = self.stale.lock().expect("whole").replace(reply);
        tokio::task::yield_now().await;
        let own = self.stale.lock().expect("whole").take();
        before.or(own).ok_or_else(BackendError::timeout)
    }

    async fn lock(&self, command: &Command, deadline: Instant) -> Result<Reply, BackendError> {
        let run = |command: LockCommand| async move { self.node.execute(&command.into(), deadline).await };
        let forever = |key: &Key, value: &LockValue| self.node.insert(key, value.clone(), None);
        match (self.flaw, command) {
            (Flaw::ReleasesWithoutComparing, Command::Lock(LockCommand::Release(release))) => {
                run(LockCommand::Evict(Evict::new(release.keys.clone()))).await?;
                let released = Released::new(release.keys.len() as u64, 0);
                Ok(Reply::new(Epoch::FIRST, LockReply::Released(released)))
            }
            (Flaw::ExtendsShorter, Command::Lock(LockCommand::Extend(extend))) => {
                let reply = self.node.execute(command, deadline).await?;
                if reply.answer == LockReply::Extended(Ownership::Mine).into() {
                    for key in &extend.keys {
                        self.node.insert(key, extend.value.clone(), Some(extend.ttl));
                    }
                }
                Ok(reply)
            }
            (Flaw::ExtendsByCreating, Command::Lock(LockCommand::Extend(extend))) => {
                let acquire = Acquire::new(extend.keys.clone(), extend.value.clone(), extend.ttl);
                run(LockCommand::Acquire(acquire)).await?;
                self.node.execute(command, deadline).await
            }
            (Flaw::AcquiresInPart, Command::Lock(LockCommand::Acquire(acquire))) => {
                let mut reply = Err(BackendError::timeout());
                for key in &acquire.keys {
                    let mut one = acquire.clone();
                    one.keys = Keys::of(key.clone());
                    reply = run(LockCommand::Acquire(one)).await;
                    if matches!(&reply, Ok(Reply { answer: Answer::Lock(LockReply::Refused(_)), .. })) {
                        break;
                    }
                }
                reply
            }
            (Flaw::ForgetsReplaces, Command::Lock(LockCommand::Acquire(acquire))) => {
                run(LockCommand::Acquire(acquire.clone().replacing(Vec::new()))).await
            }
            (Flaw::ReplantsOverOthers, Command::Lock(LockCommand::RePlant(re_plant))) => {
                for key in &re_plant.keys {
                    self.node.insert(key, re_plant.value.clone(), Some(re_plant.ttl));
                }
                Ok(Reply::new(Epoch::FIRST, LockReply::RePlanted(true)))
            }
            (Flaw::NeverExpires, Command::Lock(LockCommand::Acquire(acquire))) => {
                let reply = self.node.execute(command, deadline).await?;
                if matches!(reply.answer, Answer::Lock(LockReply::Granted(_))) {
                    acquire.keys.iter().for_each(|key| forever(key, &acquire.value));
                }
                Ok(reply)
            }
            (Flaw::ForgetsCounters, Command::Lock(LockCommand::Evict(evict))) => {
                let counters = evict.keys.iter().map(Key::fence).collect();
                let reply = self.node.execute(command, deadline).await?;
                run(LockCommand::Evict(Evict::new(Keys::from_vec(counters).expect("a key")))).await?;
                Ok(reply)
            }
            (Flaw::LiftsWithoutOwner, Command::Lock(LockCommand::Lift(lift))) => {
                for key in &lift.keys {
                    let token = lift.fence.token.to_string().into_bytes();
                    self.node.insert(&key.fence(), LockValue::from_bytes(token), Some(lift.fence.retention));
                }
                self.node.execute(command, deadline).await
            }
            (Flaw::LosesDigits, Command::Lock(LockCommand::Acquire(acquire))) => {
                let mut short = acquire.clone();
                if let Some(fence) = &mut short.fence {
                    fence.candidate =
                        FencingToken::new(fence.candidate.get() / 100 * 100).unwrap_or(fence.candidate);
                }
                run(LockCommand::Acquire(short)).await
            }
            (Flaw::LosesBytes, Command::Lock(LockCommand::Acquire(acquire))) => {
                let mut lossy = acquire.clone();
                let text = String::from_utf8_lossy(acquire.value.as_bytes()).into_owned();
                lossy.value = LockValue::from_bytes(text.into_bytes());
                run(LockCommand::Acquire(lossy)).await
            }
            (Flaw::MarksAnyRun | Flaw::RenamesNodes | Flaw::ShortensSets, Command::Admin(command)) => {
                self.member(command, deadline).await
            }
            (Flaw::ScansByPattern, Command::Admin(AdminCommand::Scan(scan))) => {
                let literal = scan.prefix.split(['*', '[', '?']).next().unwrap_or_default();
                let wider = AdminCommand::Scan(Scan::new(literal).at(scan.cursor));
                self.node.execute(&wider.into(), deadline).await
            }
            _ => Ok(self.altered(self.node.execute(command, deadline).await?)?),
        }
    }

    async fn member(&self, command: &AdminCommand, deadline: Instant) -> Result<Reply, BackendError> {
        let run = |command: AdminCommand| async move { self.node.execute(&command.into(), deadline).await };
        match (self.flaw, command) {
            (Flaw::MarksAnyRun, AdminCommand::Mark(marker)) => {
                Ok(Reply::new(Epoch::FIRST, AdminReply::Marked(Some(marker.clone()))))
            }
            (Flaw::RenamesNodes, AdminCommand::Mark(marker)) => {
                let mut reply = run(command.clone()).await?;
                if let Answer::Admin(AdminReply::Marked(Some(written))) = &mut reply.answer {
                    written.node_id = marker.node_id.clone();
                }
                Ok(reply)
            }
            (Flaw::ShortensSets, AdminCommand::Announce(announce)) => {
                let hold = Ttl::from_duration(announce.hold.as_duration() / 10).unwrap_or(Ttl::SECOND);
                run(AdminCommand::Announce(Announce::new(announce.set.clone(), hold))).await
            }
            _ => run(command.clone()).await,
        }
    }

    /// Flaws of the answer alone.
    fn altered(&self, mut reply: Reply) -> Result<Reply, BackendError> {
        match (self.flaw, &mut reply.answer) {
            (Flaw::CountsReleasesWrong, Answer::Lock(LockReply::Released(released))) => released.taken = 0,
            (Flaw::ExtendsWhatIsAbsent, Answer::Lock(LockReply::Extended(ownership)))
                if *ownership == Ownership::Absent =>
            {
                *ownership = Ownership::Mine;
            }
            (Flaw::RefusesByError, Answer::Lock(LockReply::Refused(_))) => {
                return Err(BackendError::new(FaultKind::Rejected, Sent::Replied, "held"));
            }
            (Flaw::ForgetsStates, Answer::Lock(LockReply::Inspected(states))) => {
                for state in states {
                    if let KeyState::Held { remaining, .. } = state {
                        *remaining = None;
                    }
                }
            }
            (Flaw::ForgetsMarkers, Answer::Admin(AdminReply::Member(membership))) => membership.marker = None,
            (Flaw::HidesSets, Answer::Admin(AdminReply::Member(membership))) => membership.sets.clear(),
            (Flaw::ScansOnePage, Answer::Admin(AdminReply::Scanned(page))) => page.next = Cursor::START,
            _ => {}
        }
        Ok(reply)
    }
}
