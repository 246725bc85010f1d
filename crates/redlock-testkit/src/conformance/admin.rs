//! What the backend claims, and what the node says about itself.

use std::collections::BTreeSet;

use redlock_core::{
    AdminCommand, AdminReply, Answer, Capabilities, Command, Cursor, Description, FaultKind, Key,
    LockCommand, LockReply, Scan, Sent,
};

use super::bench::{Bench, LEASE, Stop, checks, ensure, same};

checks!("admin":
    it_claims_the_lock_family,
    each_command_is_answered_or_not_claimed,
    a_scan_finds_every_key_with_a_literal_prefix,
    a_scan_of_nothing_ends,
    a_description_is_of_one_run,
);

/// More pages than any scan of a test server has.
const PAGES: usize = 100_000;

async fn it_claims_the_lock_family(bench: &Bench<'_>) -> Result<(), Stop> {
    let capabilities = bench.backend.capabilities();
    ensure(capabilities.contains(Capabilities::LOCK), || format!("{capabilities:?}"))
}

async fn each_command_is_answered_or_not_claimed(bench: &Bench<'_>) -> Result<(), Stop> {
    for command in Command::samples() {
        if let Command::Lock(lock) = &command {
            // A counter that a sample leaves behind would live for a day.
            bench.clean_up_later(lock.keys().iter().map(Key::fence));
        }
        let name = command.name();
        let claimed = needs(&command).is_some_and(|needs| bench.backend.capabilities().contains(needs));
        match bench.attempt(&command, bench.soon()).await? {
            Ok(reply) => {
                ensure(claimed, || format!("{name} is answered, though not claimed"))?;
                ensure(fits(&command, &reply.answer), || {
                    format!("{name} is answered by {:?}", reply.answer)
                })?;
            }
            Err(error) => {
                let expected = (FaultKind::Unsupported, Sent::No);
                same(name, &(error.kind(), error.sent()), &expected)?;
                ensure(!claimed, || format!("{name} is claimed, but not supported"))?;
            }
        }
    }
    Ok(())
}

/// `None` for a command that this version of the suite does not know.
fn needs(command: &Command) -> Option<Capabilities> {
    match command {
        Command::Lock(lock) if lock.is_fenced() => Some(Capabilities::LOCK | Capabilities::FENCE),
        Command::Lock(_) => Some(Capabilities::LOCK),
        Command::Admin(AdminCommand::Scan(_)) => Some(Capabilities::SCAN),
        Command::Admin(AdminCommand::Describe) => Some(Capabilities::DESCRIBE),
        Command::Admin(
            AdminCommand::ReadMember
            | AdminCommand::Claim(_)
            | AdminCommand::Mark(_)
            | AdminCommand::Announce(_),
        ) => Some(Capabilities::MEMBER),
        _ => None,
    }
}

fn fits(command: &Command, answer: &Answer) -> bool {
    match (command, answer) {
        (Command::Lock(command), Answer::Lock(reply)) => lock_fits(command, reply),
        (Command::Admin(AdminCommand::Scan(_)), Answer::Admin(AdminReply::Scanned(_)))
        | (Command::Admin(AdminCommand::Describe), Answer::Admin(AdminReply::Described(_)))
        | (Command::Admin(AdminCommand::ReadMember), Answer::Admin(AdminReply::Member(_)))
        // No run is called so.
        | (Command::Admin(AdminCommand::Claim(_)), Answer::Admin(AdminReply::Claimed(false)))
        | (Command::Admin(AdminCommand::Mark(_)), Answer::Admin(AdminReply::Marked(None)))
        | (Command::Admin(AdminCommand::Announce(_)), Answer::Admin(AdminReply::Announced(_))) => true,
        _ => false,
    }
}

fn lock_fits(command: &LockCommand, reply: &LockReply) -> bool {
    match (command, reply) {
        (LockCommand::Acquire(_), LockReply::Granted(_) | LockReply::Refused(_))
        | (LockCommand::Extend(_), LockReply::Extended(_))
        | (LockCommand::RePlant(_), LockReply::RePlanted(_))
        | (LockCommand::Lift(_), LockReply::Lifted(_))
        | (LockCommand::Release(_), LockReply::Released(_))
        | (LockCommand::Evict(_), LockReply::Evicted(_)) => true,
        (LockCommand::Inspect(inspect), LockReply::Inspected(states)) => states.len() == inspect.keys.len(),
        _ => false,
    }
}

/// hazard: 70
async fn a_scan_finds_every_key_with_a_literal_prefix(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::SCAN)?;
    let prefix = bench.named("s*[ab]?\\x:");
    let mut expected = BTreeSet::new();
    for number in 0..40 {
        let key = bench.named(&format!("s*[ab]?\\x:{number}"));
        bench.take(&key, &bench.value(), LEASE).await?;
        expected.insert(key);
    }
    // What the prefix would match as a pattern.
    for decoy in ["sZaQx:1", "s*aQx:1", "s*[ab]?x:1", "sb"] {
        bench.take(&bench.named(decoy), &bench.value(), LEASE).await?;
    }
    let found = scan(bench, prefix.as_str()).await?;
    same("the keys with the prefix", &found, &expected)
}

async fn a_scan_of_nothing_ends(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::SCAN)?;
    let found = scan(bench, bench.named("nothing begins like this").as_str()).await?;
    same("no key", &found, &BTreeSet::new())
}

async fn scan(bench: &Bench<'_>, prefix: &str) -> Result<BTreeSet<Key>, Stop> {
    let (mut found, mut cursor) = (BTreeSet::new(), Cursor::START);
    for _ in 0..PAGES {
        match bench.admin(AdminCommand::Scan(Scan::new(prefix).at(cursor))).await? {
            AdminReply::Scanned(page) => {
                found.extend(page.keys);
                cursor = page.next;
            }
            other => return Err(Stop::Fail(format!("a scan gave {other:?}"))),
        }
        if cursor.is_end() {
            return Ok(found);
        }
    }
    Err(Stop::Fail(format!("a scan did not end in {PAGES} pages")))
}

async fn a_description_is_of_one_run(bench: &Bench<'_>) -> Result<(), Stop> {
    claimed(bench, Capabilities::DESCRIBE)?;
    let (first, second) = (describe(bench).await?, describe(bench).await?);
    same("the run id", &second.run_id, &first.run_id)?;
    same("the version", &second.version, &first.version)?;
    ensure(second.uptime >= first.uptime, || format!("uptime fell: {:?}, {:?}", first.uptime, second.uptime))
}

pub(super) async fn describe(bench: &Bench<'_>) -> Result<Description, Stop> {
    match bench.admin(AdminCommand::Describe).await? {
        AdminReply::Described(description) => Ok(*description),
        other => Err(Stop::Fail(format!("a description gave {other:?}"))),
    }
}

pub(super) fn claimed(bench: &Bench<'_>, capability: Capabilities) -> Result<(), Stop> {
    if bench.backend.capabilities().contains(capability) {
        return Ok(());
    }
    Err(Stop::Skip(format!("the backend does not claim {capability}")))
}
