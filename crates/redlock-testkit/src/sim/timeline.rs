//! A schedule told line by line.

use std::time::Duration;

use redlock_core::{Answer, Command, LockCommand, LockReply};

use super::check::leftovers::short;
use super::journal::Note;
use crate::{Delivery, Outcome};

/// Notes and deliveries in the order of virtual time.
pub(super) fn tell(notes: Vec<Note>, ways: &[(String, Vec<Delivery>)]) -> Vec<String> {
    let told = notes.into_iter().map(|note| (note.at, note.who, note.what));
    let delivered = ways.iter().flat_map(|(way, log)| log.iter().map(move |each| delivery(way, each)));
    let mut lines: Vec<_> = delivered.chain(told).collect();
    lines.sort_by_key(|(at, _, _)| *at);
    lines.into_iter().map(|(at, who, what)| format!("{:>9} {who:<9} {what}", at_millis(at))).collect()
}

fn delivery(way: &str, delivery: &Delivery) -> (Duration, String, String) {
    let what = format!(
        "  #{} {}{} {} (sent {})",
        delivery.connection,
        delivery.command.name(),
        subject(&delivery.command),
        outcome(&delivery.outcome),
        at_millis(delivery.sent),
    );
    (delivery.at, way.to_owned(), what)
}

fn subject(command: &Command) -> String {
    let Command::Lock(command) = command else { return String::new() };
    let keys: Vec<_> = command.keys().iter().map(ToString::to_string).collect();
    let (value, ttl) = match command {
        LockCommand::Acquire(acquire) => (Some(&acquire.value), Some(acquire.ttl)),
        LockCommand::Extend(extend) => (Some(&extend.value), Some(extend.ttl)),
        LockCommand::RePlant(re_plant) => (Some(&re_plant.value), Some(re_plant.ttl)),
        LockCommand::Release(release) => (release.values.first(), None),
        _ => (None, None),
    };
    let value = value.map(|value| format!(" {}", short(value))).unwrap_or_default();
    let ttl = ttl.map(|ttl| format!(" for {ttl}")).unwrap_or_default();
    format!(" {}{value}{ttl}:", keys.join("+"))
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(answer) => self::answer(answer),
        Outcome::AnswerLost(answer) => format!("{}, unheard", self::answer(answer)),
        Outcome::Failed(kind) => format!("failed, {kind}"),
        Outcome::Lost => "lost".to_owned(),
    }
}

fn answer(answer: &Answer) -> String {
    // What a node says of itself holds its run's number, which is not the schedule's: the next run has another.
    let Answer::Lock(reply) = answer else { return "answered".to_owned() };
    match reply {
        LockReply::Granted(grant) => match grant.fence {
            Some(token) => format!("granted with {token}"),
            None => "granted".to_owned(),
        },
        LockReply::Refused(_) => "refused".to_owned(),
        LockReply::Extended(ownership) | LockReply::Lifted(ownership) => {
            format!("{ownership:?}").to_lowercase()
        }
        LockReply::RePlanted(done) => format!("re-planted {done}"),
        LockReply::Released(released) => format!("removed {}", released.removed),
        other => format!("{other:?}"),
    }
}

fn at_millis(at: Duration) -> String {
    format!("{:.1}ms", at.as_secs_f64() * 1e3)
}
