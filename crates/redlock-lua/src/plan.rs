//! From a command to what is sent.

use std::iter;
use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, Announce, BackendError, Claim, Command, Durability, FenceCommit, FencingToken,
    Keys, LockCommand, LockValue, Marker, Scan, Ttl,
};

use crate::script::{ACQUIRE, ANNOUNCE, CLAIM, EXTEND, INSPECT, LIFT, MARK, READ_MEMBER, RELEASE, REPLANT};
use crate::{Request, Script, Word};

/// How many keys a page of a scan looks at: some tens of microseconds of the server's time.
const SCAN_COUNT: &str = "512";

/// Where the deployment's marker stands, in a slot that no lock of ours uses.
const MARKER: &str = "{redlock}:member";
/// Who is about to declare the deployment new.
const CLAIMS: &str = "{redlock}:claims";
/// Where clients write which nodes they use.
const SETS: &str = "{redlock}:configs";

/// The requests that run `command`, to be sent in this order on one connection; their replies go to
/// [`decode`](crate::decode). All but [`AdminCommand::Describe`] need one.
///
/// ```
/// use redlock_core::{Acquire, Command, Key, Keys, LockCommand, LockValue, Ttl};
/// use redlock_lua::plan;
///
/// let acquire = Acquire::new(Keys::of(Key::new("lock:a")), LockValue::from_bytes(*b"t"), Ttl::SECOND);
/// let command = Command::from(LockCommand::Acquire(acquire));
/// let requests = plan(&command)?;
/// assert_eq!(requests[0].words().join(&b' '), b"SET lock:a t NX PX 1000");
/// # Ok::<(), redlock_core::BackendError>(())
/// ```
pub fn plan(command: &Command) -> Result<Vec<Request<'_>>, BackendError> {
    match command {
        Command::Lock(lock) => Ok(vec![lock_request(lock)?]),
        Command::Admin(AdminCommand::Describe) => Ok(describe()),
        Command::Admin(AdminCommand::Scan(scan)) => Ok(vec![scan_request(scan)]),
        Command::Admin(AdminCommand::ReadMember) => Ok(vec![read_member()]),
        Command::Admin(AdminCommand::Claim(claim)) => Ok(vec![claim_request(claim)]),
        Command::Admin(AdminCommand::Mark(marker)) => Ok(vec![mark(marker)]),
        Command::Admin(AdminCommand::Announce(announce)) => Ok(vec![announce_request(announce)]),
        _ => Err(BackendError::unsupported(command.name())),
    }
}

fn lock_request(command: &LockCommand) -> Result<Request<'_>, BackendError> {
    let request = match command {
        LockCommand::Acquire(acquire) => acquire_request(acquire),
        LockCommand::Extend(extend) => {
            keeping(&EXTEND, &extend.keys, (&extend.value, extend.ttl), extend.fence)
        }
        LockCommand::RePlant(plant) => keeping(&REPLANT, &plant.keys, (&plant.value, plant.ttl), plant.fence),
        LockCommand::Lift(lift) => {
            let FenceCommit { token, retention, .. } = lift.fence;
            let args = [value(&lift.value), number(token), millis(retention)];
            Request::script(&LIFT, with_counters(&lift.keys), args)
        }
        LockCommand::Release(release) => {
            Request::script(&RELEASE, words(&release.keys), release.values.iter().map(value))
        }
        LockCommand::Inspect(inspect) => Request::script(&INSPECT, words(&inspect.keys), []),
        LockCommand::Evict(evict) => Request::native(iter::once("DEL".into()).chain(words(&evict.keys))),
        _ => return Err(BackendError::unsupported(command.name())),
    };
    Ok(request)
}

/// The native command costs the server a sixth of a script's time.
fn acquire_request(acquire: &Acquire) -> Request<'_> {
    let (held, ttl) = (value(&acquire.value), millis(acquire.ttl));
    if let Some(key) = acquire.native() {
        return Request::native(["SET".into(), key.as_str().into(), held, "NX".into(), "PX".into(), ttl]);
    }
    let replaces = acquire.replaces.iter().map(value);
    let Some(fence) = acquire.fence else {
        let args = [held, ttl, "".into(), "".into(), "".into()];
        return Request::script(&ACQUIRE, words(&acquire.keys), args.into_iter().chain(replaces));
    };
    let args = [held, ttl, number(fence.candidate), micros(fence.max_ahead), millis(fence.retention)];
    Request::script(&ACQUIRE, with_counters(&acquire.keys), args.into_iter().chain(replaces))
}

fn keeping<'a>(
    script: &'static Script,
    keys: &'a Keys,
    (held, ttl): (&'a LockValue, Ttl),
    fence: Option<FenceCommit>,
) -> Request<'a> {
    let args = [value(held), millis(ttl)];
    match fence {
        Some(FenceCommit { token, retention, .. }) => {
            let fence = [number(token), millis(retention)];
            Request::script(script, with_counters(keys), args.into_iter().chain(fence))
        }
        None => Request::script(script, words(keys), args),
    }
}

/// `INFO` tells all but what `appendfsync` and `save` are; one parameter each, since Redis 6 takes no more.
fn describe() -> Vec<Request<'static>> {
    let parameter = |name: &'static str| Request::native(["CONFIG", "GET", name].map(Word::from));
    let (info, time) = (Request::native(["INFO".into()]), Request::native(["TIME".into()]));
    vec![info, parameter("appendfsync"), parameter("save"), time]
}

fn read_member() -> Request<'static> {
    Request::script(&READ_MEMBER, [MARKER, SETS, CLAIMS].map(Word::from), [])
}

fn mark(marker: &Marker) -> Request<'_> {
    let args = [
        marker.run_id.as_str().into(),
        marker.node_id.as_str().into(),
        millis(marker.max_ttl),
        durability_word(marker.durability).into(),
    ];
    Request::script(&MARK, [MARKER, CLAIMS].map(Word::from), args)
}

fn claim_request(claim: &Claim) -> Request<'_> {
    let stands = if claim.stands { "1" } else { "0" };
    let args = [claim.run_id.as_str(), claim.claimant.as_str(), stands];
    Request::script(&CLAIM, [MARKER, CLAIMS].map(Word::from), args.map(Word::from))
}

fn announce_request(announce: &Announce) -> Request<'_> {
    let args = [announce.set.to_string().into(), millis(announce.hold)];
    Request::script(&ANNOUNCE, [SETS.into()], args)
}

/// How a marker names what survives a crash.
pub(crate) fn durability_word(durability: Option<Durability>) -> &'static str {
    match durability {
        Some(Durability::Always) => "always",
        Some(Durability::Partial) => "partial",
        Some(Durability::Nothing) => "nothing",
        None => "unknown",
    }
}

fn scan_request(scan: &Scan) -> Request<'_> {
    let (cursor, pattern) = (Word::from(scan.cursor.0), Word::from(pattern(&scan.prefix)));
    Request::native(["SCAN".into(), cursor, "MATCH".into(), pattern, "COUNT".into(), SCAN_COUNT.into()])
}

/// Everything that begins with `prefix`, literally.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for character in prefix.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

/// The counters behind their keys, in the same order.
fn with_counters(keys: &Keys) -> impl Iterator<Item = Word<'_>> {
    words(keys).chain(keys.as_slice().iter().map(|key| key.fence_name().into()))
}

fn words(keys: &Keys) -> impl Iterator<Item = Word<'_>> {
    keys.as_slice().iter().map(|key| key.as_str().into())
}

fn value(value: &LockValue) -> Word<'_> {
    value.as_bytes().into()
}

fn number(token: FencingToken) -> Word<'static> {
    token.get().into()
}

fn micros(duration: Duration) -> Word<'static> {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).into()
}

fn millis(ttl: Ttl) -> Word<'static> {
    ttl.as_millis().into()
}

#[cfg(test)]
mod tests {
    use redlock_core::Key;

    use super::*;

    #[test]
    fn every_command_has_a_plan() {
        for command in Command::samples() {
            let requests = plan(&command).expect("known");
            assert!(!requests.is_empty(), "{}", command.name());
        }
    }

    /// A cluster routes by the declared keys only.
    ///
    /// hazard: 56
    #[test]
    fn every_key_of_a_script_is_declared() {
        for command in Command::samples() {
            let Command::Lock(lock) = &command else { continue };
            for request in plan(&command).expect("known") {
                let [name, _, count, rest @ ..] = request.words() else { continue };
                if **name == *b"EVALSHA" {
                    let counters: Vec<_> = lock.keys().iter().map(Key::fence).collect();
                    let counters =
                        counters.iter().filter(|_| lock.is_fenced()).map(|key| key.as_str().into());
                    let keys: Vec<Word<'_>> = words(lock.keys()).chain(counters).collect();
                    assert_eq!(rest.get(..keys.len()), Some(keys.as_slice()));
                    assert_eq!(**count, *keys.len().to_string().as_bytes());
                }
            }
        }
    }

    /// hazard: 70
    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(pattern("a*?[b]\\^-c:"), r"a\*\?\[b\]\\\^\-c:*");
    }

    #[test]
    fn a_script_counts_its_keys() {
        let keys = Keys::of(Key::new("a")).and(Key::new("b"));
        let words = Request::script(&INSPECT, words(&keys), []).words().join(&b' ');
        assert_eq!(words, format!("EVALSHA {} 2 a b", INSPECT.sha1()).into_bytes());
    }
}
