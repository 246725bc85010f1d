use std::sync::{Arc, Mutex};

use redlock_core::{Event, Observer};

/// Writes down the events, a word or two for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    pub(crate) fn events(&self) -> Vec<String> {
        self.0.lock().expect("no panic in here").clone()
    }

    pub(crate) fn count(&self, event: &str) -> usize {
        self.events().iter().filter(|other| *other == event).count()
    }
}

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        self.0.lock().expect("no panic in here").push(describe(event));
    }
}

fn describe(event: &Event<'_>) -> String {
    match event {
        Event::Acquired { attempts, rounds, fencing_token: Some(_), .. } => {
            format!("acquired {attempts} fenced {rounds}")
        }
        Event::Acquired { attempts, .. } => format!("acquired {attempts}"),
        Event::AttemptLost { attempt, .. } => format!("attempt lost {attempt}"),
        Event::Failed { attempts, .. } => format!("failed {attempts}"),
        Event::Extended { .. } => "extended".to_owned(),
        Event::ExtensionFailed { .. } => "extension failed".to_owned(),
        Event::AutoExtensionStopped { why, .. } => format!("stopped {why:?}"),
        Event::RePlanted { node, .. } => format!("re-planted {node}"),
        Event::Lost { reason, .. } => format!("lost {reason:?}"),
        Event::Released { outcome, .. } => format!("released {:?}", outcome.verdict),
        Event::Orphaned { .. } => "orphaned".to_owned(),
        Event::ReleaseUnconfirmed { node, .. } => format!("release unconfirmed {node}"),
        Event::EvenNodes { nodes, .. } => format!("even {nodes}"),
        Event::NodeFault { fault, command, .. } => format!("fault {} {command}", fault.node),
        Event::VotesWithheld { withheld, .. } => format!("withheld {} {:?}", withheld.node, withheld.reason),
        Event::VotesCount { node, .. } => format!("counts {node}"),
        Event::NodeProblem { problem, .. } => format!("problem {problem:?}"),
        Event::NodeSetConflict { conflict, .. } => format!("conflict {}", conflict.other),
        other => panic!("an event that this lane does not know: {other:?}"),
    }
}
