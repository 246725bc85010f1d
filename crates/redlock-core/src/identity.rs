//! Who answers over each connection: asked in the background, once for each, because behind the same address another server
//! may answer after a reconnection, and because addresses cannot tell that two nodes are one server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::shared::{Shared, deadline};
use crate::verify::{Verification, described};
use crate::{AdminCommand, BackendError, Capabilities, Description, Epoch, Event, NodeName, NodeProblem};

/// What is known of each node, by the connection over which it was said.
#[derive(Debug)]
pub(crate) struct Identities(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Acquaintance>,
    /// What was told to the observer, so that it is told once.
    problems: Vec<NodeProblem>,
}

#[derive(Clone, Debug, Default)]
struct Acquaintance {
    /// The connection of which it was asked.
    epoch: Option<Epoch>,
    asking: bool,
    description: Option<Description>,
}

impl Identities {
    pub(crate) fn new(nodes: usize) -> Self {
        Self(Mutex::new(State { nodes: vec![Acquaintance::default(); nodes], problems: Vec::new() }))
    }

    /// Two nodes that are one server, as far as is known: no majority of such nodes is one.
    pub(crate) fn duplicate(&self) -> Option<NodeProblem> {
        let state = self.state();
        state.problems.iter().find(|problem| matches!(problem, NodeProblem::Duplicate { .. })).cloned()
    }

    /// Whether the node is to be asked, because nobody has on this connection, nor does now.
    fn begin(&self, node: usize, epoch: Epoch) -> bool {
        let mut state = self.state();
        let Some(known) = state.nodes.get_mut(node) else { return false };
        let new = known.epoch != Some(epoch) && !known.asking;
        known.asking |= new;
        new
    }

    /// Takes the answer in; `None` for one that may come if it is asked again. Says which problems are new.
    fn learn(
        &self,
        node: usize,
        answer: Option<(Epoch, Option<Description>)>,
        names: &[NodeName],
    ) -> Vec<NodeProblem> {
        let mut state = self.state();
        if let Some(known) = state.nodes.get_mut(node) {
            known.asking = false;
            let Some((epoch, description)) = answer else { return Vec::new() };
            (known.epoch, known.description) = (Some(epoch), description);
        }
        let known = names.iter().zip(&state.nodes);
        let said = known.filter_map(|(name, known)| Some((name.clone(), known.description.clone()?)));
        let problems = Verification::of(said.collect()).problems;
        let news = problems.iter().filter(|problem| !state.problems.contains(problem)).cloned().collect();
        state.problems = problems;
        news
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Asks those nodes who they are whose connection is new. Nobody waits for it.
    pub(crate) fn meet_new_nodes(self: &Arc<Self>, limit: Duration) {
        for (node, backend) in self.nodes.iter().enumerate() {
            let Some(epoch) = self.nodes.epoch(node) else { continue };
            if backend.capabilities().contains(Capabilities::DESCRIBE)
                && self.identities.begin(node, epoch)
                && let Ok(runtime) = Handle::try_current()
            {
                let meeting = Meeting { shared: Arc::clone(self), node, answer: None };
                // Not a counted task: it changes nothing, so a shutdown need not wait for it.
                runtime.spawn(meeting.hold(limit));
            }
        }
    }
}

/// A question on its way; where its runtime drops it, the node may be asked again.
struct Meeting {
    shared: Arc<Shared>,
    node: usize,
    answer: Option<(Epoch, Option<Description>)>,
}

impl Meeting {
    async fn hold(mut self, limit: Duration) {
        let (shared, node) = (&self.shared, self.node);
        let mut asked = shared.nodes.send_to([node], AdminCommand::Describe.into(), deadline(limit));
        let Some((_, reply)) = asked.next().await else { return };
        let epoch = reply.as_ref().map(|reply| reply.epoch).ok().or_else(|| shared.nodes.epoch(node));
        let said = described(reply);
        let lasting = said.as_ref().err().is_none_or(|error: &BackendError| !error.is_retryable());
        if let Err(error) = &said {
            shared.fault(node, error.clone(), "describe");
        }
        self.answer = epoch.filter(|_| lasting).map(|epoch| (epoch, said.ok()));
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        let names: Vec<_> = self.shared.names().collect();
        for problem in self.shared.identities.learn(self.node, self.answer.take(), &names) {
            self.shared.observers.emit(|| Event::NodeProblem { problem: &problem });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(run_id: &str) -> Description {
        Description { run_id: Some(run_id.to_owned()), ..Description::default() }
    }

    /// hazard: 20
    #[test]
    fn a_twin_is_told_once_and_forgotten_when_it_is_none_any_more() {
        let names = ["a", "b"].map(NodeName::new);
        let known = Identities::new(2);
        let (first, second) = (Epoch::FIRST, Epoch::FIRST.next());
        assert!(known.begin(0, first) && !known.begin(0, first), "asked once at a time");
        assert_eq!(known.learn(0, Some((first, Some(server("x")))), &names), []);
        assert!(!known.begin(0, first), "known on this connection");
        assert_eq!(known.learn(1, Some((first, Some(server("x")))), &names).len(), 1);
        assert_eq!(known.learn(1, Some((first, Some(server("x")))), &names), []);
        assert!(known.duplicate().is_some());
        assert!(known.begin(1, second), "another connection");
        assert_eq!(known.learn(1, Some((second, Some(server("y")))), &names), []);
        assert_eq!(known.duplicate(), None);
    }

    #[test]
    fn a_question_without_an_answer_is_asked_again() {
        let known = Identities::new(1);
        assert!(known.begin(0, Epoch::FIRST));
        assert_eq!(known.learn(0, None, &[NodeName::new("a")]), []);
        assert!(known.begin(0, Epoch::FIRST));
    }
}
