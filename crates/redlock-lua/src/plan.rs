//! From a command to what is sent.

use std::borrow::Cow;
use std::time::Duration;

use redlock_core::{
    Acquire, AdminCommand, Announce, BackendError, Claim, Command, Durability, FenceCommit, FencingToken,
    Keys, LockCommand, LockValue, Marker, Scan, Ttl,
};

use crate::script::{ACQUIRE, ANNOUNCE, CLAIM, EXTEND, INSPECT, LIFT, MARK, READ_MEMBER, RELEASE, REPLANT};
use crate::{Request, Script, Word};

/// How many keys a page of a scan looks at: some tens of microseconds of the server's time.
const SCAN_COUNT: &[u8] = b"512";

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
            let args = vec![value(&lift.value), number(token), millis(retention)];
            run_with_counters(&LIFT, &lift.keys, args)
        }
        LockCommand::Release(release) => {
            run(&RELEASE, &release.keys, release.values.iter().map(value).collect())
        }
        LockCommand::Inspect(inspect) => run(&INSPECT, &inspect.keys, Vec::new()),
        LockCommand::Evict(evict) => {
            Request::Native(std::iter::once(word("DEL")).chain(words(&evict.keys)).collect())
        }
        _ => return Err(BackendError::unsupported(command.name())),
    };
    Ok(request)
}

/// The native command costs the server a sixth of a script's time.
fn acquire_request(acquire: &Acquire) -> Request<'_> {
    if let Some(key) = acquire.native() {
        return Request::Native(vec![
            word("SET"),
            word(key.as_str()),
            value(&acquire.value),
            word("NX"),
            word("PX"),
            millis(acquire.ttl),
        ]);
    }
    let mut args = vec![value(&acquire.value), millis(acquire.ttl)];
    args.extend(acquire.fence.map_or([word(""), word(""), word("")], |fence| {
        [number(fence.candidate), micros(fence.max_ahead), millis(fence.retention)]
    }));
    args.extend(acquire.replaces.iter().map(value));
    match acquire.fence {
        Some(_) => run_with_counters(&ACQUIRE, &acquire.keys, args),
        None => run(&ACQUIRE, &acquire.keys, args),
    }
}

fn keeping<'a>(
    script: &'static Script,
    keys: &'a Keys,
    (held, ttl): (&'a LockValue, Ttl),
    fence: Option<FenceCommit>,
) -> Request<'a> {
    let mut args = vec![value(held), millis(ttl)];
    let Some(FenceCommit { token, retention, .. }) = fence else { return run(script, keys, args) };
    args.extend([number(token), millis(retention)]);
    run_with_counters(script, keys, args)
}

/// `INFO` tells all but what `appendfsync` and `save` are; one parameter each, since Redis 6 takes no more.
fn describe() -> Vec<Request<'static>> {
    let texts: [&[&str]; 4] =
        [&["INFO"], &["CONFIG", "GET", "appendfsync"], &["CONFIG", "GET", "save"], &["TIME"]];
    texts.into_iter().map(|words| Request::Native(words.iter().map(|text| word(text)).collect())).collect()
}

fn read_member() -> Request<'static> {
    Request::Script {
        script: &READ_MEMBER,
        keys: vec![word(MARKER), word(SETS), word(CLAIMS)],
        args: Vec::new(),
    }
}

fn mark(marker: &Marker) -> Request<'_> {
    let args = vec![
        word(&marker.run_id),
        word(marker.node_id.as_str()),
        millis(marker.max_ttl),
        word(durability_word(marker.durability)),
    ];
    Request::Script { script: &MARK, keys: vec![word(MARKER), word(CLAIMS)], args }
}

fn claim_request(claim: &Claim) -> Request<'_> {
    let stands = word(if claim.stands { "1" } else { "0" });
    let args = vec![word(&claim.run_id), word(claim.claimant.as_str()), stands];
    Request::Script { script: &CLAIM, keys: vec![word(MARKER), word(CLAIMS)], args }
}

fn announce_request(announce: &Announce) -> Request<'_> {
    let set = Cow::Owned(announce.set.to_string().into_bytes());
    Request::Script { script: &ANNOUNCE, keys: vec![word(SETS)], args: vec![set, millis(announce.hold)] }
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
    let cursor = Cow::Owned(scan.cursor.0.to_string().into_bytes());
    let pattern = Cow::Owned(pattern(&scan.prefix));
    Request::Native(vec![
        word("SCAN"),
        cursor,
        word("MATCH"),
        pattern,
        word("COUNT"),
        Cow::Borrowed(SCAN_COUNT),
    ])
}

/// Everything that begins with `prefix`, literally.
fn pattern(prefix: &str) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for byte in prefix.bytes() {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

fn run<'a>(script: &'static Script, keys: &'a Keys, args: Vec<Word<'a>>) -> Request<'a> {
    Request::Script { script, keys: words(keys).collect(), args }
}

/// The counters behind their keys, in the same order.
fn run_with_counters<'a>(script: &'static Script, keys: &'a Keys, args: Vec<Word<'a>>) -> Request<'a> {
    let counters = keys.iter().map(|key| Cow::Owned(key.fence().as_str().as_bytes().to_vec()));
    Request::Script { script, keys: words(keys).chain(counters).collect(), args }
}

fn words(keys: &Keys) -> impl Iterator<Item = Word<'_>> {
    keys.iter().map(|key| word(key.as_str()))
}

fn word(text: &str) -> Word<'_> {
    Cow::Borrowed(text.as_bytes())
}

fn value(value: &LockValue) -> Word<'_> {
    Cow::Borrowed(value.as_bytes())
}

fn number(token: FencingToken) -> Word<'static> {
    Cow::Owned(token.to_string().into_bytes())
}

fn micros(duration: Duration) -> Word<'static> {
    Cow::Owned(duration.as_micros().to_string().into_bytes())
}

fn millis(ttl: Ttl) -> Word<'static> {
    Cow::Owned(ttl.as_millis().to_string().into_bytes())
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
                if let Request::Script { keys, .. } = request {
                    let counters: Vec<_> = lock.keys().iter().map(Key::fence).collect();
                    let counters = counters.iter().filter(|_| lock.is_fenced()).map(|key| word(key.as_str()));
                    assert_eq!(keys, words(lock.keys()).chain(counters).collect::<Vec<_>>());
                }
            }
        }
    }

    /// hazard: 70
    #[test]
    fn a_prefix_is_no_pattern() {
        assert_eq!(pattern("a*?[b]\\^-c:"), br"a\*\?\[b\]\\\^\-c:*");
    }

    #[test]
    fn a_script_counts_its_keys() {
        let keys = Keys::of(Key::new("a")).and(Key::new("b"));
        let words = run(&INSPECT, &keys, Vec::new()).words().join(&b' ');
        assert_eq!(words, format!("EVALSHA {} 2 a b", INSPECT.sha1()).into_bytes());
    }
}
