//! The grants of one round whose worth is not known yet.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::bell::Heard;
use super::members::Worth;
use crate::mutants::{self, Mutant};
use crate::quorum::{InFlight, Vote};
use crate::shared::Shared;
use crate::{BackendError, Epoch, Event, FaultKind, Moment, NodeFault, Reply, Sent, Withheld};

/// Counts the grants of one attempt: at once where a node is known to be good over the connection of its grant, which costs
/// nothing, or when it has answered who it is.
#[derive(Debug)]
pub(crate) struct Ballot {
    shared: Arc<Shared>,
    limit: Duration,
    parked: Vec<Parked>,
    wait: Option<Wait>,
    /// Whose grant or acknowledgement was counted, and over which connection it came.
    pub(crate) counted: Vec<(usize, Epoch)>,
    pub(crate) withheld: Vec<Withheld>,
    pub(crate) faults: Vec<NodeFault>,
}

#[derive(Debug)]
struct Parked {
    node: usize,
    epoch: Epoch,
    /// Whether it granted, or acknowledged what it had granted.
    grants: bool,
    /// When it did.
    at: Moment,
    /// Whether the node was asked on behalf of this grant.
    asked: bool,
}

#[derive(Debug)]
struct Wait {
    heard: Heard,
    /// Each question has a limit; this ends a wait for one that its runtime has dropped.
    until: Pin<Box<Sleep>>,
}

/// What a round hears.
pub(crate) enum Step {
    Answer(usize, Result<Reply, BackendError>),
    /// Something is known of a node that was not; or it is too `late` for that.
    News {
        late: bool,
    },
}

impl Step {
    fn answer((node, reply): (usize, Result<Reply, BackendError>)) -> Self {
        Self::Answer(node, reply)
    }
}

impl Ballot {
    pub(crate) fn new(shared: &Arc<Shared>, limit: Duration) -> Self {
        Self {
            shared: Arc::clone(shared),
            limit,
            parked: Vec::new(),
            wait: None,
            counted: Vec::new(),
            withheld: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The next answer of a node, or the news for which a grant waits; `None` when neither is to come.
    pub(crate) async fn next(&mut self, in_flight: Option<&mut InFlight>) -> Option<Step> {
        let open = in_flight.filter(|in_flight| !in_flight.is_settled());
        match (open, self.is_waiting()) {
            (None, false) => None,
            (None, true) => Some(Step::News { late: self.news().await }),
            (Some(in_flight), false) => in_flight.next().await.map(Step::answer),
            (Some(in_flight), true) => {
                let answer = async { in_flight.next().await.map(Step::answer) };
                first(answer, async { Some(Step::News { late: self.news().await }) }).await
            }
        }
    }

    /// The vote of a node that granted over that connection; `None` where it is not known yet. `open` says whether other nodes
    /// may yet answer.
    pub(crate) fn granted(&mut self, node: usize, epoch: Epoch, open: bool) -> Option<Vote> {
        self.said_yes((node, epoch), true, open)
    }

    fn said_yes(&mut self, (node, epoch): (usize, Epoch), grants: bool, open: bool) -> Option<Vote> {
        let at = self.shared.now();
        if self.wait.is_none() {
            if matches!(self.shared.members.worth((node, epoch), grants, (at, at)), Worth::Counts) {
                return Some(self.count(node, epoch));
            }
            // Before it is looked at again, so that no news is missed.
            let heard = self.shared.members.news.listen();
            self.wait = Some(Wait { heard, until: Box::pin(sleep(self.limit.saturating_mul(4))) });
        }
        let mut parked = Parked { node, epoch, grants, at, asked: false };
        let vote = self.vote(&mut parked, open, false);
        if vote.is_none() {
            self.parked.push(parked);
        }
        vote
    }

    /// The same of a node that acknowledged an extension. One whose grants are withheld keeps nobody out: it may have forgotten
    /// the grant that another client still counts.
    pub(crate) fn acknowledged(&mut self, node: usize, epoch: Epoch, open: bool) -> Option<Vote> {
        if mutants::active(Mutant::ExtensionCountsForgetful) {
            return Some(self.count(node, epoch));
        }
        self.said_yes((node, epoch), false, open)
    }

    fn count(&mut self, node: usize, epoch: Epoch) -> Vote {
        self.counted.push((node, epoch));
        Vote::Yes
    }

    /// Something was heard of that node: it is asked who it is, if nobody knows.
    pub(crate) fn heard(&self, node: usize, epoch: Epoch) {
        if self.shared.members.is_stranger(node, epoch) {
            self.shared.ask(node, self.limit);
        }
    }

    fn is_waiting(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Waits until something is known that was not; says whether it is too late for that.
    async fn news(&mut self) -> bool {
        let Some(wait) = &mut self.wait else { return true };
        let mut rung = pin!(self.shared.members.news.rung_since(&mut wait.heard));
        poll_fn(|context| {
            if rung.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            wait.until.as_mut().poll(context).map(|()| true)
        })
        .await
    }

    /// The votes that are known by now; all, where it is `late`.
    pub(crate) fn settle(&mut self, open: bool, late: bool) -> Vec<(usize, Vote)> {
        let mut votes = Vec::new();
        for mut parked in std::mem::take(&mut self.parked) {
            match self.vote(&mut parked, open && !late, late) {
                Some(vote) => votes.push((parked.node, vote)),
                None if late => {
                    let vote = self.fault(parked.node, BackendError::timeout());
                    votes.push((parked.node, vote));
                }
                None => self.parked.push(parked),
            }
        }
        votes
    }

    fn vote(&mut self, parked: &mut Parked, open: bool, late: bool) -> Option<Vote> {
        let members = &self.shared.members;
        let worth = members.worth((parked.node, parked.epoch), parked.grants, (parked.at, self.shared.now()));
        match worth {
            Worth::Counts => Some(self.count(parked.node, parked.epoch)),
            Worth::Asking => {
                parked.asked = true;
                None
            }
            Worth::Unknown | Worth::Failed(_) if !parked.asked => {
                parked.asked = true;
                self.shared.ask(parked.node, self.limit);
                // Nobody can be asked where no runtime is.
                if members.is_asking_of(parked.node) {
                    None
                } else {
                    Some(self.fault(parked.node, unasked()))
                }
            }
            // It was asked, and is still unknown: its answer is of another connection.
            Worth::Unknown => Some(self.fault(parked.node, unasked())),
            Worth::Failed(error) => Some(self.fault(parked.node, error)),
            // The others may turn out to be new, too.
            Worth::Withheld { may_be_fresh: true, .. } if open || !late && members.is_asking() => None,
            Worth::Withheld { by, may_be_fresh } => {
                if let Some(withheld) = members.first_told(parked.node, by, may_be_fresh) {
                    self.shared.observers.emit(|| Event::VotesWithheld { withheld: &withheld });
                }
                let withheld = members.withheld(parked.node, by, may_be_fresh);
                self.withheld.push(withheld);
                Some(Vote::Fault)
            }
        }
    }

    /// Told to the observer when it was asked.
    fn fault(&mut self, node: usize, error: BackendError) -> Vote {
        self.faults.push(NodeFault::new(self.shared.nodes.name(node), error));
        Vote::Fault
    }
}

/// Whichever is ready first; always polled in this order, so that a run can be replayed.
async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Pending => other.as_mut().poll(context),
        ready @ Poll::Ready(_) => ready,
    })
    .await
}

fn unasked() -> BackendError {
    let why = "granted, but it is not known whether the node has forgotten";
    BackendError::new(FaultKind::Closed, Sent::Maybe, why)
}
