//! A counterexample, step by step.

use crate::network::{Kind, Message};
use crate::setup::Setup;
use crate::state::{CLIENTS, NODES, Phase, State};
use crate::step::{Action, successors};
use std::fmt::Write;

const CLIENT: [char; CLIENTS] = ['A', 'B'];

/// Walks the choices again from the start; each line tells the step and what has come of it.
pub(crate) fn trace(setup: &Setup, path: &[u16]) -> String {
    let mut state = State::first(setup);
    let mut names = [0, 1, 2];
    state.sort(&mut names);
    let mut text = String::new();
    for (number, choice) in path.iter().enumerate() {
        let mut steps = Vec::new();
        successors(setup, &state, |step| steps.push(step));
        let step = steps.swap_remove(usize::from(*choice));
        let told = tell(step.action, names);
        state = step.state;
        names = step.names.map(|column| names[usize::from(column)]);
        let _ = writeln!(text, "  {:>2}. {told:<64} {}", number + 1, show(setup, &state, names));
    }
    text
}

fn tell(action: Action, names: [u8; NODES]) -> String {
    match action {
        Action::Start { client, candidate: 0 } => format!("{} sends acquire to all", CLIENT[client]),
        Action::Start { client, candidate } => {
            format!("{} sends acquire to all, proposing {candidate}", CLIENT[client])
        }
        Action::Extend { client, ttl } => format!("{} sends extend by {ttl} to all", CLIENT[client]),
        Action::Release { client } => format!("{} gives up, sends release to all", CLIENT[client]),
        Action::Read { client, column } => format!("{} finds n{} blank", CLIENT[client], names[column]),
        Action::Declare { client } => {
            format!("{} declares a fresh deployment to all", CLIENT[client])
        }
        Action::Deliver { client, column, message } => deliver(CLIENT[client], names[column], message),
        Action::Restart { column } => format!("n{} restarts and has forgotten everything", names[column]),
        Action::Tick => "a tick passes".to_owned(),
    }
}

fn deliver(client: char, node: u8, message: Message) -> String {
    let attempt = message.attempt + 1;
    let what = match message.kind {
        Kind::Granted => format!("granted {}", message.value),
        Kind::Lifted => "lifted".to_owned(),
        Kind::Mine => format!("mine (extension {})", message.round),
        Kind::Empty => format!("empty (extension {})", message.round),
        Kind::Extend => format!("extend by {} (extension {})", message.ttl, message.round),
        Kind::RePlant => format!("re-plant for {}", message.ttl),
        Kind::Lift => format!("lift to {}", message.value),
        Kind::Mark => format!("announcement to run {}", message.value),
        Kind::Confirm => format!("mark of run {}", message.value),
        Kind::Marked => format!("announcement noted by run {}", message.value),
        kind => format!("{kind:?}").to_lowercase(),
    };
    if message.kind.is_reply() {
        format!("{client} hears from n{node}: {what} (attempt {attempt})")
    } else {
        format!("n{node} executes {client}'s {what} (attempt {attempt})")
    }
}

/// `n0 A1 2` is a key of A's first attempt with two ticks to live; `#3` a counter.
fn show(setup: &Setup, state: &State, names: [u8; NODES]) -> String {
    let mut text = String::from("|");
    for name in 0..NODES {
        let Some(place) = names.iter().position(|known| usize::from(*known) == name) else { continue };
        let node = state.columns[place].node;
        let key = match holder(setup, node.holder) {
            Some(holder) => format!("{holder} {}", node.left),
            None => "-".to_owned(),
        };
        let counter = if setup.fenced() { format!(" #{}", node.counter) } else { String::new() };
        let young = if node.young > 0 { format!(" young {}", node.young) } else { String::new() };
        let _ = write!(text, " n{name} {key}{counter}{young} |");
    }
    for (client, me) in state.clients.iter().enumerate() {
        let (name, token) = (CLIENT[client], me.token);
        let _ = match me.phase {
            Phase::Holding if setup.fenced() => write!(text, " {name} HOLDS {} with token {token}", me.left),
            Phase::Holding => write!(text, " {name} HOLDS {}", me.left),
            Phase::Acquiring => write!(text, " {name} tries, {} left", me.left),
            Phase::Idle => Ok(()),
        };
    }
    text
}

fn holder(setup: &Setup, value: u8) -> Option<String> {
    (value > 0).then(|| match value.checked_sub(setup.value(1, 0)) {
        Some(attempt) => format!("B{}", attempt + 1),
        None => format!("A{value}"),
    })
}
