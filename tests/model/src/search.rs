//! Breadth first through all states that can be reached, so that a counterexample is among the shortest.

use crate::fingerprint::{Seen, fingerprint};
use crate::property::Property;
use crate::scenario::Expected;
use crate::setup::Setup;
use crate::state::{NODES, State};
use crate::step::{Step, successors};
use std::time::{Duration, Instant};

/// What a search came to.
#[derive(Debug)]
pub struct Outcome {
    /// Different states, up to the names of the nodes.
    pub states: usize,
    /// The most steps from the start.
    pub depth: usize,
    /// Of the states, those in which each of the clients holds the lock: a search that reaches none shows nothing.
    pub held: [usize; 2],
    /// How it ended.
    pub verdict: Verdict,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// What is wrong with it, for a search from which this was expected.
    pub fn fault(&self, expected: Expected) -> Option<String> {
        match (&self.verdict, expected) {
            (Verdict::Violated(found, _), Expected::Violates(meant)) if *found == meant => None,
            (Verdict::Violated(found, _), _) => Some(format!("{found:?} is violated")),
            (_, Expected::Violates(meant)) => Some(format!("a violation of {meant:?} was not found")),
            (Verdict::Exhaustive, _) if self.held.contains(&0) => {
                Some("a client never holds the lock: nothing is shown".to_owned())
            }
            _ => None,
        }
    }
}

/// How a search ended.
#[derive(Debug)]
pub enum Verdict {
    /// Every state was visited; the properties hold in each.
    Exhaustive,
    /// They hold in all states that were visited, and there are more.
    Capped,
    /// A state in which one does not hold, and the choices that lead there.
    Violated(Property, Vec<u16>),
}

struct Search<'a> {
    setup: &'a Setup,
    properties: &'a [Property],
    seen: Seen,
    /// For each state its predecessor, and which of that one's successors it is.
    origins: Vec<(u32, u16)>,
    held: [usize; 2],
    violated: Option<Property>,
}

pub(crate) fn search(
    setup: &Setup,
    properties: &[Property],
    cap: Option<usize>,
    mut progress: impl FnMut(usize, usize),
) -> Outcome {
    let started = Instant::now();
    // The predecessors are kept in 32 bits.
    let cap = cap.unwrap_or(u32::MAX as usize);
    let mut search = Search {
        setup,
        properties,
        seen: Seen::default(),
        origins: Vec::new(),
        held: [0; 2],
        violated: None,
    };
    let mut first = State::first(setup);
    first.sort(&mut [0; NODES]);
    let mut level = Vec::new();
    search.add(first, (0, 0), &mut level);
    let mut depth = 0;
    while !level.is_empty() && search.violated.is_none() && search.origins.len() < cap {
        level = search.next_level(&level, cap, &mut |states| progress(depth, states));
        depth += 1;
    }
    let verdict = match search.violated {
        Some(property) => Verdict::Violated(property, search.path()),
        None if level.is_empty() => Verdict::Exhaustive,
        None => Verdict::Capped,
    };
    Outcome { states: search.origins.len(), depth, held: search.held, verdict, time: started.elapsed() }
}

impl Search<'_> {
    fn next_level(&mut self, level: &[State], cap: usize, progress: &mut dyn FnMut(usize)) -> Vec<State> {
        let mut next = Vec::new();
        // The states of a level are the last that were added, in the same order.
        let first = self.origins.len() - level.len();
        for (index, state) in level.iter().enumerate() {
            let origin = u32::try_from(first + index).unwrap_or(u32::MAX);
            let mut choice = 0;
            successors(self.setup, state, |Step { state, .. }| {
                self.add(state, (origin, choice), &mut next);
                choice += 1;
            });
            if index % 0x4000 == 0 {
                progress(self.origins.len());
            }
            if self.violated.is_some() || self.origins.len() >= cap {
                break;
            }
        }
        next
    }

    fn add(&mut self, state: State, origin: (u32, u16), level: &mut Vec<State>) {
        if self.violated.is_some() || !self.seen.insert(fingerprint(&state)) {
            return;
        }
        self.origins.push(origin);
        level.push(state);
        for (count, client) in self.held.iter_mut().zip(&state.clients) {
            *count += usize::from(client.believes());
        }
        self.violated = self.properties.iter().copied().find(|property| !property.holds(self.setup, &state));
    }

    /// The choices from the start to the state that was added last.
    fn path(&self) -> Vec<u16> {
        let mut path = Vec::new();
        let mut at = self.origins.len() - 1;
        while at > 0 {
            let (origin, choice) = self.origins[at];
            path.push(choice);
            at = origin as usize;
        }
        path.reverse();
        path
    }
}
